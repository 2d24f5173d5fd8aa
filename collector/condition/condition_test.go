package condition

import (
	"testing"

	"github.com/stretchr/testify/require"

	"otelgate/collector/operatorfile"
)

func TestReadsEachTestInOrder(t *testing.T) {
	var when All
	text := "{a: present, b: absent, c: span_name, d: [x, 1], e: {not: [y]}}"
	require.NoError(t, operatorfile.DecodeYAML("file", "x.yaml", []byte(text), &when))
	require.Equal(t, All{{"a", Present, nil}, {"b", Absent, nil}, {"c", SpanName, nil}, {"d", OneOf, []string{"x", "1"}}, {"e", NoneOf, []string{"y"}}}, when)
}

func TestFaults(t *testing.T) {
	const tests = "present, absent, span_name, a list of values or {not: a list of values}"
	for text, want := range map[string]string{
		"[a]":               "x.yaml:1: content='a list': expected a mapping of attributes",
		"~":                 "x.yaml:1: content='~': expected a mapping of attributes",
		"a: there":          "x.yaml:1: a='there': expected " + tests,
		"a:":                "x.yaml:1: a='': expected " + tests,
		"a: []":             "x.yaml:1: a='a list': expected at least one value",
		"a: {not: []}":      "x.yaml:1: a::not='a list': expected at least one value",
		"a: {not: x}":       "x.yaml:1: a::not='x': expected a list",
		"a: {}":             "x.yaml:1: a::not='': expected a list",
		"a: {in: [x]}":      "x.yaml:1: a='in': expected the key not\nx.yaml:1: a::not='': expected a list",
		"'': present":       "x.yaml:1: content='present': expected the name of an attribute in front of it",
		"a: [x]\na: absent": "x.yaml:2: a='absent': expected each key once: line 1 has it, too",
	} {
		require.EqualError(t, operatorfile.DecodeYAML("file", "x.yaml", []byte(text), &All{}), want, text)
	}
}

func TestHolds(t *testing.T) {
	for _, one := range []struct {
		condition Condition
		present   bool
		text      string
		holds     bool
	}{
		{Condition{Test: Present}, true, "x", true},
		{Condition{Test: Present}, false, "", false},
		{Condition{Test: Absent}, true, "x", false},
		{Condition{Test: Absent}, false, "", true},
		{Condition{Test: SpanName}, true, "GET /", true},
		{Condition{Test: SpanName}, true, "x", false},
		{Condition{Test: SpanName}, false, "", false},
		{Condition{Test: OneOf, Values: []string{"w", "x"}}, true, "x", true},
		{Condition{Test: OneOf, Values: []string{"w", "x"}}, true, "y", false},
		{Condition{Test: OneOf, Values: []string{"w", "x"}}, false, "", false},
		{Condition{Test: NoneOf, Values: []string{"w", "x"}}, true, "x", false},
		{Condition{Test: NoneOf, Values: []string{"w", "x"}}, true, "y", true},
		{Condition{Test: NoneOf, Values: []string{"w", "x"}}, false, "", true},
	} {
		require.Equal(t, one.holds, one.condition.Holds(one.present, one.text, "GET /"), one)
	}
}
