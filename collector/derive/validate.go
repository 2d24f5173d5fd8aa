package derive

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	"otelgate/collector/condition"
	"otelgate/collector/fault"
	"otelgate/collector/labelguard"
)

const (
	counter   = "counter"
	histogram = "histogram"
	ofSpan    = "span"
	ofEvent   = "event"

	valueCount    = "count"
	valueDuration = "duration"

	maxBounds = 160
)

// Instrument names as the OpenTelemetry specification has them.
var metricName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_./-]{0,254}$`)

// Reserved labels: Prometheus, remote write or this component give them a meaning.
var reserved = []string{"le", "quantile", "job", "instance", overflowLabel}

// validate reports every fault, each with the path to it. The names have been checked.
func (l *list) validate() error {
	var faults []error
	for _, label := range slices.Sorted(maps.Keys(l.Sources)) {
		path := "sources::" + label
		faults = append(faults, checkLabel(path, label))
		if len(l.Sources[label]) == 0 {
			faults = append(faults, fault.Of(path, l.Sources[label], "at least one attribute"))
		}
		for _, name := range l.Sources[label] {
			faults = append(faults, checkLabel(path, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Buckets)) {
		faults = append(faults, checkBounds("buckets::"+name, l.Buckets[name]))
	}
	faults = append(faults, checkLabels("common", l.Common), checkLabels("event_attributes", l.EventAttributes))
	for i := range l.Metrics {
		faults = append(faults, l.validateMetric("metrics::"+l.Metrics[i].Name, &l.Metrics[i]))
	}
	return errors.Join(faults...)
}

// validateNames is for one file, before it is put over another: its numbers are the file's own.
func (l *list) validateNames() error {
	var faults []error
	seen := map[string]bool{}
	for i := range l.Metrics {
		name := l.Metrics[i].Name
		if !metricName.MatchString(name) {
			faults = append(faults, fault.Of(fmt.Sprintf("metrics[%d]::name", i), name, "a letter, then letters, digits and any of _ . / -"))
		} else if seen[name] {
			faults = append(faults, fault.Of(fmt.Sprintf("metrics[%d]::name", i), name, "a name that no other metric has"))
		}
		seen[name] = true
	}
	return errors.Join(faults...)
}

func (l *list) validateMetric(path string, m *metricSpec) error {
	faults := []error{
		oneOf(path+"::kind", m.Kind, counter, histogram),
		oneOf(path+"::signal", m.Signal, ofSpan, ofEvent),
		checkLabels(path+"::dimensions", m.Dimensions),
	}
	switch _, known := l.Buckets[m.Buckets]; {
	case m.Kind == histogram && !known:
		faults = append(faults, fault.Of(path+"::buckets", m.Buckets, "one of %s", choices(slices.Sorted(maps.Keys(l.Buckets)))))
	case m.Kind == counter && m.Buckets != "":
		faults = append(faults, fault.Of(path+"::buckets", m.Buckets, "nothing: a counter has no buckets"))
	}
	if m.EventAttributes && m.Signal == ofSpan {
		faults = append(faults, fault.Of(path+"::event_attributes", m.EventAttributes, "false: only metrics of events have them"))
	}
	for _, each := range m.When {
		if each.Test == condition.SpanName && m.Signal == ofEvent {
			faults = append(faults, fault.Of(path+"::when::"+each.Attribute, "span_name", "another condition: an event has no span"))
		}
	}
	return errors.Join(append(faults, l.validateValues(path, m))...)
}

func (l *list) validateValues(path string, m *metricSpec) error {
	if (m.Value == "") == (len(m.Values) == 0) {
		return fault.Of(path+"::value", m.Value, "exactly one of value, values")
	}
	var faults []error
	labels := l.labels(m)
	for i, part := range m.parts() {
		at := path + "::value"
		if m.Value == "" {
			at = fmt.Sprintf("%s::values[%d]", path, i)
		}
		if part.Value == "" {
			faults = append(faults, fault.Of(at, part.Value, "count, duration or the name of an attribute"))
		}
		if part.Value == valueDuration && m.Signal == ofEvent {
			faults = append(faults, fault.Of(at, part.Value, "count or the name of an attribute: an event has no duration"))
		}
		for _, label := range slices.Sorted(maps.Keys(part.Set)) {
			faults = append(faults, checkLabel(at+"::set", label))
			if slices.Contains(labels, label) {
				faults = append(faults, fault.Of(at+"::set", label, "a label that is not a dimension"))
			}
		}
	}
	return errors.Join(faults...)
}

func checkLabels(path string, names []string) error {
	var faults []error
	for i, name := range names {
		faults = append(faults, checkLabel(path, name))
		if slices.Contains(names[:i], name) {
			faults = append(faults, fault.Of(path, name, "each name once"))
		}
	}
	return errors.Join(faults...)
}

func checkLabel(path, name string) error {
	switch {
	case name == "":
		return fault.Of(path, name, "the name of an attribute")
	case slices.Contains(reserved, name) || len(name) > 1 && name[:2] == "__":
		return fault.Of(path, name, "a label that is not reserved")
	case labelguard.Identity(name):
		return fault.Of(path, name, "another label: users, sessions and conversations are never labels")
	}
	return nil
}

func checkBounds(path string, bounds []float64) error {
	if len(bounds) == 0 || len(bounds) > maxBounds {
		return fault.Of(path, fmt.Sprintf("%d bounds", len(bounds)), "1 to %d", maxBounds)
	}
	for i, bound := range bounds {
		if math.IsNaN(bound) || math.IsInf(bound, 0) {
			return fault.Of(path, bound, "finite numbers")
		}
		if i > 0 && bound <= bounds[i-1] {
			return fault.Of(path, bound, "more than the bound before it, %v", bounds[i-1])
		}
	}
	return nil
}

func oneOf(path, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fault.Of(path, value, "one of %s", choices(allowed))
}
