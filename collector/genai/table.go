package genai

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"otelgate/collector/condition"
	"otelgate/collector/fault"
	"otelgate/collector/lookup"
)

// metadataAttribute is OpenInference's JSON attribute; a source `metadata.KEY` is one of its top-level keys.
const (
	metadataAttribute = "metadata"
	metadataPrefix    = metadataAttribute + "."
)

// table is a mapping made ready for speed: every attribute, metadata key and event that it speaks of has a slot, and
// a span is read by one pass that puts values into slots.
type table struct {
	slots      int
	attributes map[string]int32
	prefixes   []prefix // few; tried only for a first byte that one of them has
	prefixed   [256]bool
	metadata   map[string]int32
	events     map[string]int32

	attributeSlots, metadataSlots *lookup.Table[int32] // of the maps, when they are complete

	metadataSlot    int32
	operationSlot   int32
	operations      []compiledOperation
	targets         []target
	nameTarget      map[string]int // operation → target that completes the span's name
	modelCalls      map[string]callClass
	agentOperations map[string]bool
	cancelled       map[string]bool // the last part of an exception's type, or a whole message
	known           known

	// Slots that are no target's: what an instrumentor says that the call took, and the rate that is worked out here.
	ownDurationSlot, rateSlot, agentSlot int32
	graphs                               graphSlots
}

type prefix struct {
	text string
	slot int32
}

// known are the targets that code speaks of, as positions in table.targets; -1 where the mapping has none.
type known struct {
	provider, requestModel, responseModel int
	input, output, cacheRead, cacheWrite  int
	reasoning, audioInput, audioOutput    int
	imageInput, imageOutput, cacheWrite1h int
	firstChunk, serviceTier, agent, cost  int
}

type valueType uint8

const (
	typeString valueType = iota
	typeInt
	typeDouble
	typeBool
	typeStrings
)

type compiledOperation struct {
	operation string
	when      []compiledCondition
	consumes  []int32 // slots of which a listed value decided: mapped, hence removed
}

type compiledCondition struct {
	slot int32 // operationResult for the operation itself
	condition.Condition
}

const (
	operationResult int32 = -1
	noSlot          int32 = -1
)

type target struct {
	name    string
	kind    valueType
	slot    int32 // of the canonical name
	mask    bits
	always  bool // has a source without a slot
	sources []source
	ignore  []string
	values  map[string]string

	max           float64
	belowDuration bool
}

type source struct {
	slot                int32 // noSlot for the span's name
	scale               float64
	unlessWholeDuration bool
	unlessEqual         int // target, or -1
	keep                bool
	when                []compiledCondition
}

// bits is a set of slots; maxSlots of them.
type bits [maxSlots / 64]uint64

const maxSlots = 256

func (b *bits) add(slot int32)      { b[slot>>6] |= 1 << (slot & 63) }
func (b *bits) has(slot int32) bool { return b[slot>>6]&(1<<(slot&63)) != 0 }

func (b *bits) meets(other *bits) bool {
	for i := range b {
		if b[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

// compile checks what one rule alone can't tell, and makes the table.
func compile(m *mapping) (*table, error) {
	t := &table{
		attributes: map[string]int32{}, metadata: map[string]int32{}, events: map[string]int32{},
		nameTarget: map[string]int{}, modelCalls: map[string]callClass{}, agentOperations: map[string]bool{},
		cancelled: map[string]bool{},
	}
	t.metadataSlot = t.slot(metadataAttribute)
	t.operationSlot = t.slot(operationName)
	t.ownDurationSlot, t.rateSlot, t.agentSlot = t.slot(ownDuration), t.slot(outputRate), t.slot(agentName)
	t.graphs = t.graphSlotsOf()
	positions := map[string]int{}
	var faults []error
	for _, rule := range m.Attributes {
		compiled, err := t.target(rule, positions)
		faults = append(faults, err)
		positions[rule.name] = len(t.targets)
		t.targets = append(t.targets, compiled)
	}
	for _, rule := range m.Operations {
		t.operations = append(t.operations, t.operation(rule))
	}
	for operation, attribute := range m.Names {
		position, ok := positions[attribute]
		if !ok {
			faults = append(faults, fault.Of("names::"+operation, attribute, "a name under attributes"))
		}
		t.nameTarget[operation] = position
	}
	for _, operation := range m.ModelCalls {
		t.modelCalls[operation] = classOf(operation)
	}
	for _, operation := range m.AgentOperations {
		t.agentOperations[operation] = true
	}
	for _, one := range m.Cancelled {
		t.cancelled[one] = true
	}
	t.known = knownTargets(positions)
	t.attributeSlots, t.metadataSlots = lookup.Of(t.attributes), lookup.Of(t.metadata)
	if t.slots > maxSlots {
		faults = append(faults, fault.Of("mapping_file", fmt.Sprintf("%d attributes, metadata keys and events", t.slots), "at most %d", maxSlots))
	}
	return t, errors.Join(faults...)
}

// forLogs is the part of a mapping that applies to log records: plain attributes only.
func (m *mapping) forLogs() (*mapping, error) {
	part := &mapping{}
	for _, name := range m.Logs {
		at := slices.IndexFunc(m.Attributes, func(rule attributeRule) bool { return rule.name == name })
		if at < 0 {
			return nil, fault.Of("logs", name, "a name under attributes")
		}
		rule := m.Attributes[at]
		rule.From = slices.DeleteFunc(slices.Clone(rule.From), func(source sourceRule) bool {
			return source.Attribute == "" || len(source.When) > 0 || strings.HasPrefix(source.Attribute, metadataPrefix)
		})
		rule.BelowDuration = false // a record has none
		part.Attributes = append(part.Attributes, rule)
	}
	return part, nil
}

func knownTargets(positions map[string]int) known {
	find := func(name string) int {
		if position, ok := positions[name]; ok {
			return position
		}
		return -1
	}
	return known{
		provider: find("gen_ai.provider.name"), requestModel: find("gen_ai.request.model"),
		responseModel: find("gen_ai.response.model"),
		input:         find("gen_ai.usage.input_tokens"), output: find("gen_ai.usage.output_tokens"),
		cacheRead: find("gen_ai.usage.cache_read.input_tokens"), cacheWrite: find("gen_ai.usage.cache_creation.input_tokens"),
		reasoning:  find("gen_ai.usage.reasoning.output_tokens"),
		audioInput: find("gen_ai.usage.audio.input_tokens"), audioOutput: find("gen_ai.usage.audio.output_tokens"),
		imageInput: find("gen_ai.usage.image.input_tokens"), imageOutput: find("gen_ai.usage.image.output_tokens"),
		cacheWrite1h: find("otelgate.usage.cache_write_1h.input_tokens"),
		firstChunk:   find(timeToFirstChunk), serviceTier: find("openai.response.service_tier"),
		agent: find(agentName), cost: find(costUSD),
	}
}

func (t *table) newSlot() int32 {
	t.slots++
	return int32(t.slots - 1)
}

func slotIn(slots map[string]int32, name string, next func() int32) int32 {
	slot, ok := slots[name]
	if !ok {
		slot = next()
		slots[name] = slot
	}
	return slot
}

func (t *table) slot(attribute string) int32 {
	if key, ok := strings.CutPrefix(attribute, metadataPrefix); ok {
		return slotIn(t.metadata, key, t.newSlot)
	}
	text, ok := strings.CutSuffix(attribute, "*")
	if !ok {
		return slotIn(t.attributes, attribute, t.newSlot)
	}
	for _, known := range t.prefixes {
		if known.text == text {
			return known.slot
		}
	}
	t.prefixes = append(t.prefixes, prefix{text, t.newSlot()})
	if text != "" {
		t.prefixed[text[0]] = true
	}
	return t.prefixes[len(t.prefixes)-1].slot
}

func (t *table) conditions(when condition.All) []compiledCondition {
	compiled := make([]compiledCondition, len(when))
	for i, one := range when {
		compiled[i] = compiledCondition{operationResult, one}
		if one.Attribute != operationKey {
			compiled[i].slot = t.slot(one.Attribute)
		}
	}
	return compiled
}

func (t *table) operation(rule operationRule) compiledOperation {
	compiled := compiledOperation{operation: rule.Operation, when: t.conditions(rule.When)}
	for _, one := range compiled.when {
		if one.Test == condition.OneOf && one.slot != operationResult && one.slot != t.operationSlot {
			compiled.consumes = append(compiled.consumes, one.slot)
		}
	}
	return compiled
}

func (t *table) target(rule attributeRule, positions map[string]int) (target, error) {
	compiled := target{name: rule.name, slot: t.slot(rule.name), ignore: rule.Ignore, values: rule.Values,
		max: float64(rule.Max), belowDuration: rule.BelowDuration}
	if rule.Kind == "" {
		return compiled, rule.at.Key("type").Error("one of %s", strings.Join(attributeTypes, ", "))
	}
	compiled.kind = valueType(slices.Index(attributeTypes, string(rule.Kind)))
	canonical := slices.ContainsFunc(rule.From, func(one sourceRule) bool { return one.Attribute == rule.name })
	if !canonical {
		rule.From = append([]sourceRule{{Attribute: rule.name, Scale: 1}}, rule.From...)
	}
	for _, one := range rule.From {
		made := source{slot: noSlot, scale: float64(one.Scale), unlessWholeDuration: one.UnlessWholeDuration,
			unlessEqual: -1, keep: one.Keep, when: t.conditions(one.When)}
		switch {
		case one.Event != "":
			made.slot = slotIn(t.events, one.Event, t.newSlot)
		case one.Attribute != "":
			made.slot = t.slot(one.Attribute)
		}
		if made.slot == noSlot {
			compiled.always = true
		} else if made.slot < maxSlots {
			compiled.mask.add(made.slot)
		}
		if one.UnlessEqual != "" {
			position, ok := positions[one.UnlessEqual]
			if !ok {
				return compiled, one.at.Key("unless_equal").Error("an attribute that is defined above")
			}
			made.unlessEqual = position
		}
		compiled.sources = append(compiled.sources, made)
	}
	return compiled, nil
}
