package redact

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestMemoryKeepsLooksApart(t *testing.T) {
	m := newMemory()
	key, known := m.knows("gpt-4.1-mini", lookRules)
	if known {
		t.Error("an empty memory knows a text")
	}
	m.add(key)
	for text, looks := range map[string]map[look]bool{
		"gpt-4.1-mini":  {lookRules: true, lookName: false, lookFrame: false},
		"gpt-4.1-mini ": {lookRules: false, lookName: false, lookFrame: false},
		"":              {lookRules: false, lookName: false, lookFrame: false},
	} {
		for l, want := range looks {
			if _, got := m.knows(text, l); got != want {
				t.Errorf("%q, look %d: %t, expected %t", text, l, got, want)
			}
		}
	}
}

// A text that masking leaves alone is no name for that, and a line of a stack none for being clean.
func TestRepeatedTextGetsTheSameAnswer(t *testing.T) {
	p := &pass{redactor: newTestRedactor(t, defaultConfig()), hides: true, masked: make([]int64, builtinCount)}
	text := "the customer said that she never got it"
	stack := "Traceback (most recent call last):\n  File \"/app/shop.py\", line 7, in search\n    " + text + "\nValueError: no"
	for range 3 {
		if got := p.mask(text); got != text {
			t.Errorf("masked: %q", got)
		}
		if got := p.redactName(text); got != removed {
			t.Errorf("title: %q", got)
		}
		if got := p.redactName("search flights"); got != "search flights" {
			t.Errorf("title: %q", got)
		}
		span := ptrace.NewSpan()
		span.Attributes().PutStr("exception.stacktrace", stack)
		span.Attributes().PutStr("user.id", "alice@example.com")
		p.span(span, false)
		if got := span.Attributes().AsRaw(); got["exception.stacktrace"] != `File "/app/shop.py", line 7, in search` || got["user.id"] != "[email]" {
			t.Errorf("attributes: %v", got)
		}
	}
}

func TestRulesMaskAfterMoreTextsThanMemoryHolds(t *testing.T) {
	r := newTestRedactor(t, defaultConfig())
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := range len(r.memory.hashes) {
				td := ptrace.NewTraces()
				span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
				span.SetName(fmt.Sprintf("node %c%c", 'a'+worker, 'a'+i%26))
				span.Attributes().PutStr("user.id", fmt.Sprintf("u-%d", i))
				span.Attributes().PutStr("session.id", fmt.Sprintf("person%d@example.com", i%97))
				if _, err := r.processTraces(context.Background(), td); err != nil {
					t.Error(err)
				}
				if got := fmt.Sprint(span.Attributes().AsRaw()); !strings.Contains(got, "session.id:[email]") || !strings.Contains(got, fmt.Sprintf("u-%d", i)) {
					t.Errorf("attributes: %s", got)
				}
			}
		})
	}
	workers.Wait()
}
