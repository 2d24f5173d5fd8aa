package derive

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"otelgate/collector/condition"
	"otelgate/collector/lookup"
)

// plan is the list of metrics of one signal, compiled: every attribute that any of them reads has a
// slot, every label a place, so that a record is walked once and no name is compared twice.
type plan struct {
	slots   map[string]int
	slotOf  *lookup.Table[int] // slots, when they are complete
	labels  []label
	metrics []*metric

	spanName, spanKind, spanStatus, eventName int // slots of what is built in, or noSlot
	errorType                                 int
	application, service                      int // of the resource
}

const noSlot = -1

const (
	applicationName = "otelgate.application"
	serviceName     = "service.name"
	spanName        = "span.name" // built in
)

// label is a dimension and the slots that it may come from.
type label struct {
	name  string
	slots []int
}

// slotCondition is a condition on what a slot holds.
type slotCondition struct {
	slot, spanName int
	condition.Condition
}

type source int

const (
	fromCount source = iota
	fromDuration
	fromSlot
)

// part is one number that a metric takes from a record, with the labels that it sets.
type part struct {
	source source
	slot   int
	set    []keyValue
	seed   uint64 // starts the key of its series, so that parts differ
	shape  uint64 // of what it measures: see metric.shape
}

type keyValue struct{ key, value string }

// metric is a compiled entry of the list together with its series.
type metric struct {
	name, description, unit string
	histogram               bool
	bounds                  []float64
	conditions              []slotCondition
	parts                   []part
	labels                  []int // places in plan.labels
	unweighted              bool
	whole                   uint64 // see shape
	series                  *store
}

// shape says what the numbers of a series are. One that an earlier run left goes on only where it is the same.
func (m *metric) shape(part int) uint64 {
	if part == overflowPart {
		return m.whole
	}
	return m.parts[part].shape
}

// compile makes the plan for one signal; the list has been validated.
func compile(l *list, cfg *Config, signal string) *plan {
	p := &plan{slots: map[string]int{}}
	for i := range l.Metrics {
		spec := &l.Metrics[i]
		if spec.Signal != signal || cfg.excludes(spec.Name) {
			continue
		}
		m := &metric{
			name: spec.Name, description: spec.Description, unit: spec.Unit,
			histogram: spec.Kind == histogram, bounds: l.Buckets[spec.Buckets],
			unweighted: spec.Unweighted || signal == ofEvent,
			series:     newStore(cfg.MaxSeries),
		}
		numbers := fmt.Sprintln(spec.Kind, spec.Unit, m.bounds, spec.parts())
		m.whole = xxhash.Sum64String(numbers)
		for _, one := range spec.When {
			m.conditions = append(m.conditions, p.condition(one))
		}
		for n, value := range spec.parts() {
			made := p.part(value, uint64(n+1)*0x9e3779b97f4a7c15)
			made.shape = xxhash.Sum64String(fmt.Sprint(numbers, n))
			m.parts = append(m.parts, made)
		}
		for _, name := range l.labels(spec) {
			m.labels = append(m.labels, p.label(name, l.from(name)))
		}
		p.metrics = append(p.metrics, m)
	}
	p.builtIn()
	p.slotOf = lookup.Of(p.slots)
	return p
}

func (p *plan) slot(name string) int {
	at, ok := p.slots[name]
	if !ok {
		at = len(p.slots)
		p.slots[name] = at
	}
	return at
}

func (p *plan) condition(one condition.Condition) slotCondition {
	compiled := slotCondition{slot: p.slot(one.Attribute), Condition: one}
	if one.Test == condition.SpanName {
		compiled.spanName = p.slot(spanName)
	}
	return compiled
}

func (p *plan) part(spec valueSpec, seed uint64) part {
	made := part{source: fromSlot, seed: seed}
	switch spec.Value {
	case valueCount:
		made.source = fromCount
	case valueDuration:
		made.source = fromDuration
	default:
		made.slot = p.slot(spec.Value)
	}
	for _, key := range slices.Sorted(maps.Keys(spec.Set)) {
		made.set = append(made.set, keyValue{key, spec.Set[key]})
	}
	return made
}

func (p *plan) label(name string, from []string) int {
	for i := range p.labels {
		if p.labels[i].name == name {
			return i
		}
	}
	made := label{name: name}
	for _, attribute := range from {
		made.slots = append(made.slots, p.slot(attribute))
	}
	p.labels = append(p.labels, made)
	return len(p.labels) - 1
}

// builtIn takes the slots of what is no attribute out of the table of attributes.
func (p *plan) builtIn() {
	p.spanName, p.spanKind = p.take(spanName), p.take("span.kind")
	p.spanStatus, p.eventName = p.take("span.status"), noSlot
	if at, ok := p.slots["event.name"]; ok { // stays: older SDKs send the attribute
		p.eventName = at
	}
	p.application, p.service = p.slot(applicationName), p.slot(serviceName)
	p.errorType = noSlot
	if at, ok := p.slots["error.type"]; ok {
		p.errorType = at
	}
}

// take hides a slot from attributes of its name.
func (p *plan) take(name string) int {
	at, ok := p.slots[name]
	if !ok {
		return noSlot
	}
	delete(p.slots, name)
	return at
}

// width is how many slots a record needs.
func (p *plan) width() int {
	width := 0
	for _, at := range p.slots {
		width = max(width, at+1)
	}
	return max(width, p.spanName+1, p.spanKind+1, p.spanStatus+1)
}

// maxDuration is the longest time that a span can take; a longer one has a time that is none.
const maxDuration = uint64(31 * 24 * time.Hour)

// seconds between two times, 0 where they cannot be a span's: it counts, and adds no time.
func seconds(start, end uint64) float64 {
	if start == 0 || end < start || end-start > maxDuration {
		return 0
	}
	return float64(end-start) / float64(time.Second)
}
