package derive

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"otelgate/collector/resent"
)

func TestConfigLoads(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string) *Config {
		cfg := NewFactory().CreateDefaultConfig().(*Config)
		sub, err := conf.Sub(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Unmarshal(cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		return cfg
	}
	least := defaultConfig().(*Config)
	least.InstanceID = "gateway-1"
	if got := load("derive"); fmt.Sprint(got) != fmt.Sprint(least) {
		t.Errorf("got %+v, expected %+v", got, least)
	}
	want := &Config{InstanceID: "gateway-2", MetricsFile: "extra.yaml", Exclude: []string{"gen_ai.*"},
		FlushInterval: 2 * time.Second, RefreshInterval: 30 * time.Second, ExpireAfter: 24 * time.Hour, MaxSeries: 500,
		Resent: resent.Config{For: time.Minute, Max: 5000}, Journal: JournalConfig{Directory: "queues/derive", FSync: true}}
	if got := load("derive/all"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, expected %+v", got, want)
	}
}

func TestConfigFaults(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"instance_id='': expected a name that stays the same over restarts": func(c *Config) { c.InstanceID = "" },
		"exclude='gen_ai.[': expected a metric's name, with * for any part of it": func(c *Config) {
			c.Exclude = []string{"otelgate.*", "gen_ai.["}
		},
		"flush_interval='1ms': expected at least 10ms": func(c *Config) { c.FlushInterval = time.Millisecond },
		"refresh_interval='500ms': expected at least flush_interval, 1s": func(c *Config) {
			c.RefreshInterval = 500 * time.Millisecond
		},
		"expire_after='5s': expected at least refresh_interval, 15s": func(c *Config) { c.ExpireAfter = 5 * time.Second },
		"max_series='0': expected at least 1":                        func(c *Config) { c.MaxSeries = 0 },
		"resent::for='0s': expected more than 0":                     func(c *Config) { c.Resent.For = 0 },
		"resent::max='1': expected at least 2":                       func(c *Config) { c.Resent.Max = 1 },
	} {
		cfg := defaultConfig().(*Config)
		cfg.InstanceID = "gateway-1"
		change(cfg)
		if err := cfg.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, expected %s", err, want)
		}
	}
}

// TestListFaults: a file of the operator's with one fault each, and what the start says.
func TestListFaults(t *testing.T) {
	const good = "name: a.b, kind: counter, signal: span, value: count"
	shipped, err := loadList("")
	if err != nil {
		t.Fatal(err)
	}
	lists := strings.Join(slices.Sorted(maps.Keys(shipped.Buckets)), ", ")
	for content, want := range map[string]string{
		"metrics: [{name: a.b, kind: gauge, signal: span, value: count}]":                                         "metrics::a.b::kind='gauge': expected one of counter, histogram",
		"metrics: [{name: a.b, kind: counter, signal: log, value: count}]":                                        "metrics::a.b::signal='log': expected one of span, event",
		"metrics: [{kind: counter, signal: span, value: count}]":                                                  "metrics[0]::name='': expected a letter, then letters, digits and any of _ . / -",
		"metrics: [{name: 1a, kind: counter, signal: span, value: count}]":                                        "metrics[0]::name='1a': expected a letter, then letters, digits and any of _ . / -",
		"metrics: [{" + good + "}, {" + good + "}]":                                                               "metrics[1]::name='a.b': expected a name that no other metric has",
		"metrics: [{" + good + ", dimensions: [user.id]}]":                                                        "metrics::a.b::dimensions='user.id': expected another label: users, sessions and conversations are never labels",
		"metrics: [{" + good + ", dimensions: [gen_ai.conversation.id]}]":                                         "metrics::a.b::dimensions='gen_ai.conversation.id': expected another label: users, sessions and conversations are never labels",
		"metrics: [{" + good + ", dimensions: [a, a]}]":                                                           "metrics::a.b::dimensions='a': expected each name once",
		"metrics: [{" + good + ", dimensions: ['']}]":                                                             "metrics::a.b::dimensions='': expected the name of an attribute",
		"metrics: [{" + good + ", dimensions: [le]}]":                                                             "metrics::a.b::dimensions='le': expected a label that is not reserved",
		"metrics: [{" + good + ", buckets: duration}]":                                                            "metrics::a.b::buckets='duration': expected nothing: a counter has no buckets",
		"metrics: [{" + good + ", event_attributes: true}]":                                                       "metrics::a.b::event_attributes='true': expected false: only metrics of events have them",
		"metrics: [{name: a.b, kind: counter, signal: event, value: count, when: {x: span_name}}]":                "metrics::a.b::when::x='span_name': expected another condition: an event has no span",
		"metrics: [{name: a.b, kind: histogram, signal: span, value: duration, buckets: x}]":                      "metrics::a.b::buckets='x': expected one of " + lists,
		"metrics: [{name: a.b, kind: counter, signal: event, value: duration}]":                                   "metrics::a.b::value='duration': expected count or the name of an attribute: an event has no duration",
		"metrics: [{name: a.b, kind: counter, signal: span}]":                                                     "metrics::a.b::value='': expected exactly one of value, values",
		"metrics: [{" + good + ", values: [{value: x}]}]":                                                         "metrics::a.b::value='count': expected exactly one of value, values",
		"metrics: [{name: a.b, kind: counter, signal: span, values: [{set: {x: y}}]}]":                            "metrics::a.b::values[0]='': expected count, duration or the name of an attribute",
		"metrics: [{name: a.b, kind: counter, signal: span, values: [{value: v, set: {session_id: y}}]}]":         "metrics::a.b::values[0]::set='session_id': expected another label: users, sessions and conversations are never labels",
		"metrics: [{name: a.b, kind: counter, signal: span, dimensions: [x], values: [{value: v, set: {x: y}}]}]": "metrics::a.b::values[0]::set='x': expected a label that is not a dimension",
		"buckets: {mine: []}":            "buckets::mine='0 bounds': expected 1 to 160",
		"buckets: {mine: [1, 3, 2]}":     "buckets::mine='2': expected more than the bound before it, 3",
		"buckets: {mine: [1, .inf]}":     "buckets::mine='+Inf': expected finite numbers",
		"sources: {team: [userId]}":      "sources::team='userId': expected another label: users, sessions and conversations are never labels",
		"sources: {team: []}":            "sources::team='[]': expected at least one attribute",
		"event_attributes: [plan, user]": "event_attributes='user': expected another label: users, sessions and conversations are never labels",
		"common: [service.name, job]":    "common='job': expected a label that is not reserved",
	} {
		path := file(t, content)
		_, err := loadList(path)
		if want = fmt.Sprintf("metrics_file='%s': %s", path, want); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", content, err, want)
		}
	}
}

func TestReportsAllFaults(t *testing.T) {
	path := file(t, "metrics: [{name: a.b, kind: x, signal: y, value: count}]")
	_, err := loadList(path)
	want := "metrics_file='" + path + "': metrics::a.b::kind='x': expected one of counter, histogram\n" +
		"metrics::a.b::signal='y': expected one of span, event"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// TestFaultsOfAFileHaveLines: faults that are found while the file is read.
func TestFaultsOfAFileHaveLines(t *testing.T) {
	for content, want := range map[string]string{
		"metrics:\n- {name: a.b,\n  kid: counter}": "FILE:3: metrics[0]='kid': expected one of the keys name, description, unit, kind, signal, when, value, values, dimensions, event_attributes, buckets, unweighted",
		"metrics:\n- name: a.b\n  name: c":         "FILE:3: metrics[0]::name='c': expected each key once: line 2 has it, too",
		"metrics:\n- when: {x: here}":              "FILE:2: metrics[0]::when::x='here': expected present, absent, span_name, a list of values or {not: a list of values}",
		"metrics:\n- when: [x]":                    "FILE:2: metrics[0]::when='a list': expected a mapping of attributes",
		"metrics: {a: b}":                          "FILE:1: metrics='a mapping': expected a list",
		"buckets: {mine: [1, x]}":                  "FILE:1: buckets::mine[1]='x': expected a number",
		"metrics: [":                               "metrics_file='FILE': expected YAML: line 1: did not find expected node content",
	} {
		path := file(t, content)
		_, err := loadList(path)
		if want = strings.ReplaceAll(want, "FILE", path); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", content, err, want)
		}
	}
}

func TestNamesMissingFile(t *testing.T) {
	_, err := loadList("nowhere.yaml")
	if !errors.Is(err, os.ErrNotExist) || err.Error() != "metrics_file='nowhere.yaml': expected a readable file: no such file or directory" {
		t.Error(err)
	}
}

func TestFileAddsAndReplaces(t *testing.T) {
	loaded, err := loadList(file(t, `
buckets: {mine: [1, 2]}
event_attributes: [plan, tier]
metrics:
  - {name: otelgate.llm.cost, kind: histogram, signal: span, value: otelgate.cost.usd, buckets: mine}
  - {name: shop.orders, kind: counter, signal: event, when: {event.name: [order]}, value: count}
`))
	if err != nil {
		t.Fatal(err)
	}
	shipped, _ := loadList("")
	if len(loaded.Metrics) != len(shipped.Metrics)+1 {
		t.Errorf("%d metrics", len(loaded.Metrics))
	}
	at := slices.IndexFunc(loaded.Metrics, func(m metricSpec) bool { return m.Name == "otelgate.llm.cost" })
	if loaded.Metrics[at].Kind != histogram || len(loaded.Metrics[at].Dimensions) != 0 {
		t.Errorf("%+v", loaded.Metrics[at])
	}
	if want := append(shipped.EventAttributes, "plan"); !slices.Equal(loaded.EventAttributes, want) {
		t.Errorf("%v", loaded.EventAttributes)
	}
}

// TestContributingExamplesLoad: the bucket list and the metric that CONTRIBUTING.md shows, as an operator's file.
func TestContributingExamplesLoad(t *testing.T) {
	page, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := func(heading string) string {
		_, section, _ := strings.Cut(string(page), "\n## "+heading+"\n")
		_, block, _ := strings.Cut(section, "```yaml\n")
		block, _, _ = strings.Cut(block, "```")
		return block
	}
	loaded, err := loadList(file(t, shown("Add a bucket list")+"metrics:\n"+shown("Add a metric")))
	if err != nil {
		t.Fatal(err)
	}
	if at := len(loaded.Metrics) - 1; loaded.Metrics[at].Name != "acme.retry.count" || len(loaded.Buckets["retries"]) != 6 {
		t.Errorf("%+v %v", loaded.Metrics[at], loaded.Buckets)
	}
}

// TestShippedList holds names, kinds and units to the contract that dashboards and alerts are written against.
func TestShippedList(t *testing.T) {
	loaded, err := loadList("")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range loaded.Metrics {
		m := &loaded.Metrics[i]
		got = append(got, fmt.Sprintf("%s %s %s %s", m.Name, m.Kind, m.Unit, m.Buckets))
		if m.Description == "" {
			t.Errorf("%s has no description", m.Name)
		}
	}
	same(t, got,
		"gen_ai.client.operation.duration histogram s duration",
		"gen_ai.client.operation.time_to_first_chunk histogram s duration",
		"gen_ai.client.token.usage histogram {token} tokens",
		"otelgate.llm.output.rate histogram {token}/s token_rate",
		"otelgate.llm.cost counter {USD} ",
		"otelgate.call.count counter {call} ",
		"otelgate.call.cost counter {USD} ",
		"gen_ai.invoke_agent.duration histogram s long_duration",
		"otelgate.run.count counter {run} ",
		"gen_ai.workflow.duration histogram s long_duration",
		"gen_ai.execute_tool.duration histogram s duration",
		"otelgate.speech.duration histogram s duration",
		"otelgate.event.count counter {event} ",
		"otelgate.event.value counter  ",
		"otelgate.feedback.count counter {vote} ",
		"otelgate.evaluation.score histogram 1 score",
		"otelgate.retrieval.score histogram 1 share",
	)
	seed := []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 8, 10, 15, 20, 30, 60, 120}
	if !slices.Equal(loaded.Buckets["duration"], seed) || !slices.Equal(loaded.Buckets["long_duration"], append(seed, 300, 600)) {
		t.Error("durations")
	}
	tokens := loaded.Buckets["tokens"]
	for i, want := 0, 1.0; want <= 67108864; i, want = i+1, want*4 {
		if tokens[i] != want {
			t.Errorf("token bound %d is %v", i, tokens[i])
		}
	}
	if len(tokens) != 14 {
		t.Errorf("%d token bounds", len(tokens))
	}
}

// FuzzList: any file is refused or works.
func FuzzList(f *testing.F) {
	f.Add(plain)
	f.Add("metrics: [{name: a.b, kind: counter, signal: event, value: n, when: {span.kind: {not: [x]}}}]")
	traces, _ := trace(1, chat(nil))
	logs, _ := event(1, "x", map[string]any{"n": 1})
	f.Fuzz(func(t *testing.T, content string) {
		parsed, err := parseList("fuzz.yaml", []byte(content))
		if err != nil || parsed.validate() != nil {
			return
		}
		cfg := defaultConfig().(*Config)
		cfg.InstanceID, cfg.MetricsFile = "gateway-1", ""
		for _, signal := range []string{ofSpan, ofEvent} {
			r := newRig(t, signal, nil)
			r.plan = compile(parsed, cfg, signal)
			r.record = newRecord(r.plan, 1)
			if signal == ofSpan {
				r.spans(traces)
			} else {
				r.events(logs)
			}
			r.flushed(true)
		}
	})
}

// FuzzEvent: no event, however odd, stops the connector or makes a series that a store refuses.
func FuzzEvent(f *testing.F) {
	f.Add("quota.hit", "tier", "free", 1.5)
	f.Add("otelgate.feedback", "otelgate.feedback.rating", "positive", -1.0)
	f.Add("\xff", "status", "\xc3\x28", 1e308)
	f.Fuzz(func(t *testing.T, name, key, value string, number float64) {
		r := newRig(t, ofEvent, nil)
		logs, _ := event(1, name, map[string]any{"otelgate.event.name": name, key: value, "otelgate.event.value": number})
		r.events(logs)
		for _, line := range r.flushed(true) {
			if line != strings.ToValidUTF8(line, "") || strings.Contains(line, "Inf") || strings.Contains(line, "NaN ") {
				t.Error(line)
			}
		}
	})
}

// FuzzTraceState: a weight is never negative, infinite or beyond the bound.
func FuzzTraceState(f *testing.F) {
	f.Add("ot=th:e666;rv:8")
	f.Add("a=b,ot=p:8")
	f.Fuzz(func(t *testing.T, state string) {
		if weight := weightOf(state); !(weight >= 0 && weight <= maxWeight) {
			t.Errorf("%s: %v", state, weight)
		}
	})
}

var _ confmap.Validator = (*Config)(nil)
