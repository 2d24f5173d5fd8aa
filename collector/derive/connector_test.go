package derive

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestSpans holds every metric that the shipped list takes from spans to its exact numbers and labels.
func TestSpans(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	call, _ := trace(1, chat(nil))
	call.ResourceSpans().At(0).Resource().Attributes().PutStr("deployment.environment", "prod")
	r.spans(call)
	agent, _ := trace(2, map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "router",
		"otelgate.tier": "pro", "otelgate.feature": "search"})
	r.spans(agent)
	tool, span := trace(3, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
	span.Status().SetCode(ptrace.StatusCodeError)
	r.spans(tool)
	speech, _ := trace(4, map[string]any{"otelgate.speech.type": "stt"})
	r.spans(speech)
	flow, _ := trace(5, map[string]any{"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "desk"})
	r.spans(flow)
	retrieval, _ := trace(6, map[string]any{"gen_ai.operation.name": "retrieval", "error.type": "timeout"})
	r.spans(retrieval)
	http, _ := trace(7, map[string]any{"http.route": "/chat"})
	r.spans(http)

	r.flushed(false)
	const call1 = "deployment.environment.name=prod,gen_ai.agent.name=router,gen_ai.operation.name=chat," +
		"gen_ai.provider.name=openai,gen_ai.request.model=gpt-4.1-mini,"
	same(t, r.flushed(true),
		"gen_ai.client.operation.duration{"+call1+"otelgate.cost.status=priced,service.name=shop} +2ms count 1 sum 1.5",
		"gen_ai.client.operation.duration{error.type=timeout,gen_ai.operation.name=retrieval,service.name=shop} +2ms count 1 sum 1.5",
		"gen_ai.client.operation.time_to_first_chunk{"+call1+"service.name=shop} +2ms count 1 sum 0.3",
		"gen_ai.client.token.usage{"+call1+"gen_ai.token.type=input,service.name=shop} +2ms count 1 sum 1200",
		"gen_ai.client.token.usage{"+call1+"gen_ai.token.type=output,service.name=shop} +2ms count 1 sum 80",
		"gen_ai.execute_tool.duration{error.type=_OTHER,gen_ai.tool.name=search,service.name=shop} +2ms count 1 sum 1.5",
		"gen_ai.invoke_agent.duration{gen_ai.agent.name=router,otelgate.feature=search,otelgate.tier=pro,service.name=shop} +2ms count 1 sum 1.5",
		"gen_ai.workflow.duration{gen_ai.workflow.name=desk,service.name=shop} +2ms count 1 sum 1.5",
		"otelgate.call.cost{deployment.environment.name=prod,service.name=shop} +2ms 0.000608",
		"otelgate.call.count{deployment.environment.name=prod,service.name=shop} +2ms 1",
		"otelgate.llm.cost{"+call1+"otelgate.cost.status=priced,service.name=shop} +2ms 0.000608",
		"otelgate.llm.output.rate{"+call1+"service.name=shop} +2ms count 1 sum 66.5",
		"otelgate.run.count{gen_ai.agent.name=router,otelgate.feature=search,otelgate.tier=pro,service.name=shop} +2ms 1",
		"otelgate.speech.duration{service.name=shop,type=stt} +2ms count 1 sum 1.5",
	)
}

// TestEvents does the same for log events.
func TestEvents(t *testing.T) {
	r := newRig(t, ofEvent, nil)
	send := func(id uint64, name string, attributes map[string]any) {
		logs, _ := event(id, name, attributes)
		r.events(logs)
	}
	send(1, "quota.hit", map[string]any{"otelgate.event.name": "quota.hit", "tier": "free", "user.id": "u-1", "note": "x"})
	send(2, "payment", map[string]any{"otelgate.event.name": "payment", "status": "completed",
		"otelgate.event.value": 250.5, "otelgate.event.unit": "INR"})
	send(3, "payment", map[string]any{"otelgate.event.name": "payment", "status": "completed",
		"otelgate.event.value": int64(100), "otelgate.event.unit": "INR"})
	send(4, "otelgate.feedback", map[string]any{"otelgate.feedback.rating": "positive", "otelgate.feedback.score": 5})
	send(5, "otelgate.feedback", map[string]any{"otelgate.feedback.rating": "negative"})
	send(6, "otelgate.feedback", map[string]any{"otelgate.feedback.rating": "meh"})
	send(7, "gen_ai.evaluation.result", map[string]any{"gen_ai.evaluation.name": "helpful",
		"gen_ai.evaluation.score.value": 0.75, "gen_ai.evaluation.score.label": "pass", "gen_ai.evaluation.explanation": "long"})
	send(8, "", map[string]any{"event.name": "gen_ai.evaluation.result", "gen_ai.evaluation.name": "retrieval.relevance",
		"gen_ai.evaluation.score.value": 0.9})
	send(9, "", map[string]any{"message": "a line of log"})

	r.flushed(false)
	same(t, r.flushed(true),
		"otelgate.evaluation.score{gen_ai.evaluation.name=helpful,gen_ai.evaluation.score.label=pass,service.name=shop} +2ms count 1 sum 0.75",
		"otelgate.evaluation.score{gen_ai.evaluation.name=retrieval.relevance,service.name=shop} +2ms count 1 sum 0.9",
		"otelgate.event.count{event.name=payment,service.name=shop,status=completed} +2ms 2",
		"otelgate.event.count{event.name=quota.hit,service.name=shop,tier=free} +2ms 1",
		"otelgate.event.value{event.name=payment,otelgate.event.unit=INR,service.name=shop,status=completed} +2ms 350.5",
		"otelgate.feedback.count{rating=negative,service.name=shop} +2ms 1",
		"otelgate.feedback.count{rating=positive,service.name=shop} +2ms 1",
		"otelgate.retrieval.score{service.name=shop} +2ms count 1 sum 0.9",
	)
}

func TestDuplicateIsNotACall(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	first, _ := trace(1, chat(nil))
	second, _ := trace(2, chat(map[string]any{"otelgate.duplicate_of": "0000000000000001", "otelgate.cost.status": nil}))
	r.spans(first)
	r.spans(second)
	r.flushed(false)
	for _, line := range r.flushed(true) {
		if got := only([]string{line}, "otelgate.llm.cost"); len(got) == 1 && got[0][len(got[0])-8:] != "0.000608" {
			t.Error(line)
		}
	}
	if got := r.find("gen_ai.client.operation.duration").Histogram().DataPoints().At(0).Count(); got != 1 {
		t.Errorf("%d calls", got)
	}
}

func TestModelFallsBackToTheResponses(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	call, _ := trace(1, map[string]any{"gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4.1-mini-2025-04-14"})
	r.spans(call)
	r.flushed(false)
	same(t, r.flushed(true), "gen_ai.client.operation.duration{gen_ai.operation.name=chat,"+
		"gen_ai.request.model=gpt-4.1-mini-2025-04-14,gen_ai.response.model=gpt-4.1-mini-2025-04-14,service.name=shop} +2ms count 1 sum 1.5",
		"otelgate.call.count{service.name=shop} +2ms 1")
}

// TestExclude leaves metrics that applications emit themselves to them.
func TestExclude(t *testing.T) {
	r := newRig(t, ofSpan, func(c *Config) { c.Exclude = []string{"gen_ai.*"} })
	call, _ := trace(1, chat(nil))
	r.spans(call)
	r.flushed(false)
	lines := r.flushed(true)
	if len(lines) != 4 || len(only(lines, "otelgate.llm.cost")) != 1 || len(only(lines, "otelgate.llm.output.rate")) != 1 ||
		len(only(lines, "otelgate.call.count")) != 1 || len(only(lines, "otelgate.call.cost")) != 1 {
		t.Error(lines)
	}
}

// TestSampledCallsAreComparedUnscaled: the audit store has one row of a call that represents two.
func TestSampledCallsAreComparedUnscaled(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	call, span := trace(1, chat(nil))
	span.TraceState().FromRaw("ot=th:8")
	r.spans(call)
	repeated, _ := trace(2, chat(map[string]any{"otelgate.duplicate_of": "0102030405060708"}))
	r.spans(repeated)
	r.flushed(false)
	lines := r.flushed(true)
	same(t, only(lines, "otelgate.call.cost"), "otelgate.call.cost{service.name=shop} +2ms 0.000608")
	same(t, only(lines, "otelgate.call.count"), "otelgate.call.count{service.name=shop} +2ms 1")
	if weighted := only(lines, "otelgate.llm.cost"); len(weighted) != 1 || !strings.HasSuffix(weighted[0], " 0.001216") {
		t.Error(weighted)
	}
}

func TestInvalidValuesAreCounted(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	negative, _ := trace(2, chat(map[string]any{"otelgate.cost.usd": -1.0}))
	r.spans(negative)
	words, _ := trace(3, chat(map[string]any{"otelgate.cost.usd": "a lot"}))
	r.spans(words)
	huge, _ := trace(4, chat(map[string]any{"otelgate.cost.usd": 1e16}))
	r.spans(huge)
	lines := r.flushed(true)
	if len(only(lines, "otelgate.llm.cost")) != 0 {
		t.Error(lines)
	}
	counted := map[string]int64{}
	for _, m := range r.plan.metrics {
		if n := m.series.invalid.Load(); n > 0 {
			counted[m.name] = n
		}
	}
	if len(counted) != 2 || counted["otelgate.llm.cost"] != 3 || counted["otelgate.call.cost"] != 3 {
		t.Error(counted)
	}
}

func TestImpossibleTimesCountWithoutDuration(t *testing.T) {
	r := newRig(t, ofSpan, nil)
	for i, change := range []func(ptrace.Span){
		func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() - 1) },
		func(s ptrace.Span) { s.SetStartTimestamp(0) },
		func(s ptrace.Span) { s.SetEndTimestamp(0) },
		func(s ptrace.Span) { s.SetStartTimestamp(s.StartTimestamp() / 1000) },
	} {
		traces, span := trace(uint64(i+1), map[string]any{"gen_ai.operation.name": "execute_tool"})
		change(span)
		r.spans(traces)
	}
	lines := only(r.flushed(true), "gen_ai.execute_tool.duration")
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, "count 4 sum 0") {
		t.Error(lines)
	}
}
