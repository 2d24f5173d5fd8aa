package redact

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// recorded are the spans of a LangGraph run by OpenInference, with content (testdata/openinference.json).
func recorded(tb testing.TB) ptrace.Traces {
	raw, err := os.ReadFile("testdata/openinference.json")
	if err != nil {
		tb.Fatal(err)
	}
	requests := []json.RawMessage{raw}
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &requests); err != nil {
			tb.Fatal(err)
		}
	}
	all := ptrace.NewTraces()
	for _, request := range requests {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(request)
		if err != nil {
			tb.Fatal(err)
		}
		td.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	return all
}

func BenchmarkSpans(b *testing.B) {
	original := recorded(b)
	spans := original.SpanCount()
	bytes := (&ptrace.ProtoMarshaler{}).TracesSize(original)
	for _, content := range []string{contentNone, contentMasked} {
		b.Run(content, func(b *testing.B) {
			cfg := defaultConfig()
			cfg.Content = content
			r := newTestRedactor(b, cfg)
			b.ReportAllocs()
			batch := make([]ptrace.Traces, 100)
			for done := 0; done < b.N; {
				b.StopTimer()
				for i := range batch {
					batch[i] = ptrace.NewTraces()
					original.CopyTo(batch[i])
				}
				b.StartTimer()
				for i := 0; i < len(batch) && done < b.N; i++ {
					if _, err := r.processTraces(context.Background(), batch[i]); err != nil {
						b.Fatal(err)
					}
					done += spans
				}
			}
			b.ReportMetric(float64(bytes)/float64(spans), "B/span")
		})
	}
}

func BenchmarkMask(b *testing.B) {
	prose := strings.Repeat(`{"role": "user", "content": "Find me a flight from Paris to Berlin on 2025-11-21, please_do"}, `, 25)
	for name, text := range map[string]string{
		"clean": prose[:2000],
		"found": prose[:1900] + ` write to alice@example.com or +49 30 1234567, card 4111 1111 1111 1111`,
	} {
		b.Run(name, func(b *testing.B) {
			r := newRules(&Policy{})
			counts := make([]int64, builtinCount)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r.mask(text, counts)
			}
		})
	}
}
