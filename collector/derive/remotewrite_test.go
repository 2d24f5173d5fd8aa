package derive

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/prometheus/prompb"
)

// written translates a flush as the remote write exporter does: series name and labels → samples.
func (r *rig) written() map[string]*prompb.TimeSeries {
	r.t.Helper()
	byName := map[string]*prompb.TimeSeries{}
	for _, metrics := range r.sink.AllMetrics() {
		series, err := prometheusremotewrite.FromMetrics(metrics,
			prometheusremotewrite.Settings{AddMetricSuffixes: true, DisableScopeInfo: true})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, s := range series {
			var name string
			var rest []string
			for _, label := range s.Labels {
				if label.Name == "__name__" {
					name = label.Value
				} else {
					rest = append(rest, label.Name+"="+label.Value)
				}
			}
			slices.Sort(rest)
			byName[name+"{"+strings.Join(rest, ",")+"}"] = s
		}
	}
	return byName
}

// TestRemoteWrite: what Prometheus gets for one model call. Every series has a zero first, in the same
// request, so that increase() sees the first call; and the labels that dashboards select by.
func TestRemoteWrite(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	call, _ := trace(1, chat(nil))
	r.spans(call)
	r.flushed(false)
	series := r.written()
	for name, s := range series {
		if len(s.Samples) != 2 || s.Samples[0].Value != 0 || s.Samples[1].Timestamp-s.Samples[0].Timestamp < 1 {
			t.Errorf("%s: %v", name, s.Samples)
		}
	}
	cost := series["otelgate_llm_cost_total{gen_ai_agent_name=router,gen_ai_operation_name=chat,gen_ai_provider_name=openai,"+
		"gen_ai_request_model=gpt-4.1-mini,instance=gateway-1,otelgate_cost_status=priced,service_name=shop}"]
	if cost == nil || cost.Samples[1].Value != 0.000608 {
		t.Fatalf("no cost among %d series", len(series))
	}
	trace := func(s *prompb.TimeSeries) string {
		if len(s.Exemplars) != 1 {
			return fmt.Sprintf("%d exemplars", len(s.Exemplars))
		}
		var ids []string
		for _, label := range s.Exemplars[0].Labels {
			ids = append(ids, label.Name+"="+label.Value)
		}
		return strings.Join(ids, " ")
	}
	const ids = "trace_id=00000000000000000000000000000001 span_id=0000000000000001"
	if got := trace(cost); got != ids {
		t.Error(got)
	}
	const call1 = "gen_ai_agent_name=router,gen_ai_operation_name=chat,gen_ai_provider_name=openai," +
		"gen_ai_request_model=gpt-4.1-mini,instance=gateway-1,"
	for _, name := range []string{
		"gen_ai_client_operation_duration_seconds_bucket{" + call1 + "le=2,otelgate_cost_status=priced,service_name=shop}",
		"gen_ai_client_operation_time_to_first_chunk_seconds_bucket{" + call1 + "le=0.5,service_name=shop}",
	} {
		if s := series[name]; s == nil || trace(s) != ids {
			t.Errorf("%s has no exemplar", name)
		}
	}
	for name := range series {
		if strings.HasPrefix(name, "target_info") || strings.Contains(name, "u-17") || strings.Contains(name, "s-4") {
			t.Error(name)
		}
	}
}

// TestPrometheusNames are what dashboards and alerts are written in.
func TestPrometheusNames(t *testing.T) {
	spans, events := newRig(t, ofSpan, nil), newRig(t, ofEvent, nil)
	for id, operation := range []string{"chat", "invoke_agent", "invoke_workflow", "execute_tool"} {
		traces, _ := trace(uint64(id+1), chat(map[string]any{"gen_ai.operation.name": operation, "otelgate.speech.type": "tts"}))
		spans.spans(traces)
	}
	for id, name := range []string{"otelgate.feedback", "gen_ai.evaluation.result"} {
		logs, _ := event(uint64(id+1), name, map[string]any{"otelgate.event.name": "x", "otelgate.event.value": 1.5,
			"otelgate.feedback.rating": "positive", "gen_ai.evaluation.name": "retrieval.relevance",
			"gen_ai.evaluation.score.value": 0.5})
		events.events(logs)
	}
	var names []string
	for _, r := range []*rig{spans, events} {
		r.flushed(true)
		for name := range r.written() {
			name, _, _ = strings.Cut(name, "{")
			if base, ok := strings.CutSuffix(name, "_bucket"); ok {
				name = base
			}
			if !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	same(t, names,
		"gen_ai_client_operation_duration_seconds",
		"gen_ai_client_operation_time_to_first_chunk_seconds",
		"gen_ai_client_token_usage",
		"gen_ai_execute_tool_duration_seconds",
		"gen_ai_invoke_agent_duration_seconds",
		"gen_ai_workflow_duration_seconds",
		"otelgate_call_cost_total",
		"otelgate_call_count_total",
		"otelgate_evaluation_score",
		"otelgate_event_count_total",
		"otelgate_event_value_total",
		"otelgate_feedback_count_total",
		"otelgate_llm_cost_total",
		"otelgate_llm_output_rate_per_second",
		"otelgate_retrieval_score",
		"otelgate_run_count_total",
		"otelgate_speech_duration_seconds",
	)
}
