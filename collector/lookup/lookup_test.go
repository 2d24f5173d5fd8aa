package lookup

import (
	"fmt"
	"strings"
	"testing"
)

// names of every length, many of one length, and with equal ends.
func names() map[string]int {
	values := map[string]int{"": 1}
	for i := range 2 * maxLength {
		values[strings.Repeat("n", i+1)] = i
	}
	for i := range 3 * maxSame {
		values[fmt.Sprintf("llm.input_messages.%03d.message.role", i)] = 1000 + i
	}
	return values
}

func TestTableEqualsItsMap(t *testing.T) {
	values := names()
	table := Of(values)
	if table.Len() != len(values) {
		t.Errorf("%d names, expected %d", table.Len(), len(values))
	}
	for name, want := range values {
		if got, ok := table.Get(name); !ok || got != want {
			t.Errorf("%q: %d, %t, expected %d", name, got, ok, want)
		}
		for _, other := range []string{name + "!", "!" + name, "!" + strings.TrimPrefix(name, "l")} {
			if got, ok := table.Get(other); ok {
				t.Errorf("%q: %d, expected none", other, got)
			}
		}
	}
}

func TestWithDoesNotChangeTheTable(t *testing.T) {
	before := Of(names())
	for _, name := range []string{"user.id", "llm.input_messages.999.message.role", strings.Repeat("m", 2*maxLength)} {
		one, other := before.With(name, 1), before.With(name, 2)
		if _, ok := before.Get(name); ok {
			t.Errorf("%q is in the table that it was not added to", name)
		}
		for want, table := range map[int]*Table[int]{1: one, 2: other} {
			if got, ok := table.Get(name); !ok || got != want || table.Len() != before.Len()+1 {
				t.Errorf("%q: %d, %t, %d names, expected %d", name, got, ok, table.Len(), want)
			}
		}
	}
}

// of a span as OpenInference writes it: some are known, most are not.
var asked = strings.Fields(`session.id user.id tag.tags input.value metadata openinference.span.kind output.value output.mime_type
	input.mime_type llm.input_messages.0.message.role llm.input_messages.0.message.content llm.model_name llm.token_count.prompt
	llm.token_count.completion llm.invocation_parameters llm.output_messages.0.message.role`)

func known() map[string]int {
	values := map[string]int{}
	for i, name := range asked {
		if i%2 == 0 {
			values[name] = i
		}
	}
	for i := range 150 {
		values["gen_ai."+strings.Repeat("x", i%40)+fmt.Sprintf(".usage.tokens_%d", i)] = i
	}
	return values
}

func BenchmarkTable(b *testing.B) {
	table := Of(known())
	for b.Loop() {
		for _, name := range asked {
			_, _ = table.Get(name)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	values := known()
	for b.Loop() {
		for _, name := range asked {
			_, _ = values[name]
		}
	}
}
