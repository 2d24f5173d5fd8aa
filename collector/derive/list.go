package derive

import (
	_ "embed"
	"fmt"
	"slices"

	"otelgate/collector/condition"
	"otelgate/collector/operatorfile"
)

//go:embed metrics.yaml
var defaultList []byte

// list is a metrics file; metrics.yaml explains each key.
type list struct {
	Sources         map[string][]string  `mapstructure:"sources"`
	Buckets         map[string][]float64 `mapstructure:"buckets"`
	Common          []string             `mapstructure:"common"`
	EventAttributes []string             `mapstructure:"event_attributes"`
	Metrics         []metricSpec         `mapstructure:"metrics"`
}

type metricSpec struct {
	Name            string        `mapstructure:"name"`
	Description     string        `mapstructure:"description"`
	Unit            string        `mapstructure:"unit"`
	Kind            string        `mapstructure:"kind"`
	Signal          string        `mapstructure:"signal"`
	When            condition.All `mapstructure:"when"`
	Value           string        `mapstructure:"value"`
	Values          []valueSpec   `mapstructure:"values"`
	Dimensions      []string      `mapstructure:"dimensions"`
	EventAttributes bool          `mapstructure:"event_attributes"`
	Buckets         string        `mapstructure:"buckets"`
	Unweighted      bool          `mapstructure:"unweighted"`
}

type valueSpec struct {
	Value string            `mapstructure:"value"`
	Set   map[string]string `mapstructure:"set"`
}

// parseList reads a metrics file; a key that it doesn't know is an error, and so is a name of no use.
func parseList(file string, content []byte) (*list, error) {
	parsed := &list{}
	if err := operatorfile.DecodeYAML("metrics_file", file, content, parsed); err != nil {
		return nil, err
	}
	if err := parsed.validateNames(); err != nil {
		return nil, fmt.Errorf("metrics_file='%s': %w", file, err)
	}
	return parsed, nil
}

// loadList is the shipped list with the operator's file, if any, over it, checked as a whole.
func loadList(file string) (*list, error) {
	loaded, err := parseList("metrics.yaml (built in)", defaultList)
	if err != nil {
		return nil, err
	}
	if file != "" {
		content, err := operatorfile.Load("metrics_file", file)
		if err != nil {
			return nil, err
		}
		added, err := parseList(file, content)
		if err != nil {
			return nil, err
		}
		loaded.add(added)
	}
	if err := loaded.validate(); err != nil {
		return nil, fmt.Errorf("metrics_file='%s': %w", file, err)
	}
	return loaded, nil
}

// add puts another list over this one.
func (l *list) add(other *list) {
	if l.Sources == nil {
		l.Sources = map[string][]string{}
	}
	for name, from := range other.Sources {
		l.Sources[name] = from
	}
	if l.Buckets == nil {
		l.Buckets = map[string][]float64{}
	}
	for name, bounds := range other.Buckets {
		l.Buckets[name] = bounds
	}
	if other.Common != nil {
		l.Common = other.Common
	}
	for _, name := range other.EventAttributes {
		if !slices.Contains(l.EventAttributes, name) {
			l.EventAttributes = append(l.EventAttributes, name)
		}
	}
	for _, metric := range other.Metrics {
		at := slices.IndexFunc(l.Metrics, func(m metricSpec) bool { return m.Name == metric.Name })
		if at < 0 {
			l.Metrics = append(l.Metrics, metric)
		} else {
			l.Metrics[at] = metric
		}
	}
}

// labels are the dimensions of a metric, in the order that its series are keyed by.
func (l *list) labels(m *metricSpec) []string {
	names := slices.Clone(l.Common)
	extra := m.Dimensions
	if m.EventAttributes {
		extra = slices.Concat(extra, l.EventAttributes)
	}
	for _, name := range extra {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// from names the attributes that a label may come from.
func (l *list) from(label string) []string {
	if names, ok := l.Sources[label]; ok {
		return names
	}
	return []string{label}
}

// parts are what a metric measures on each record.
func (m *metricSpec) parts() []valueSpec {
	if m.Value != "" {
		return []valueSpec{{Value: m.Value}}
	}
	return m.Values
}
