package redact

import (
	"context"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestLogs(t *testing.T) {
	for _, c := range []struct {
		what, scope, event, body, want string
		severity                       plog.SeverityNumber
	}{
		{"own words", "shop", "", "question of 53 characters", "question of 53 characters", 9},
		{"personal data", "shop", "", "sent to bob@example.com, job 1234567890", "sent to [email], job [token]", 9},
		{"GenAI event", "shop", "gen_ai.user.message", "hello", removed, 9},
		{"GenAI scope", "openinference.instrumentation.langchain", "", "hello", removed, 9},
		{"Spring AI at INFO", "org.springframework.ai.chat.client.advisor.SimpleLoggerAdvisor", "", "request: Messages=[hello]", removed, 9},
		{"LangChain4j at INFO", "dev.langchain4j.http.client.log.HttpRequestLogger", "", "hello", removed, 9},
		{"Semantic Kernel at INFO", "Microsoft.SemanticKernel.KernelFunction", "", "hello", removed, 9},
		{"credentials", "shop", "", "login failed: password=hunter2", "login failed: password=[credential]", 9},
		{"request at DEBUG", "openai._base_client", "", "Request options: x", removed, 5},
		{"client at INFO", "httpx", "", "HTTP Request: POST /v1", "HTTP Request: POST /v1", 9},
		{"JSON line", "shop", "", `{"msg":"sent to bob@example.com","prompt":"hi","ms":12345678901234567,"user":"u-1"}`,
			`{"ms":12345678901234567,"msg":"sent to [email]","user":"u-1"}`, 9},
		{"broken JSON", "shop", "", `{"prompt":"hi`, removed, 9},
		{"empty", "shop", "", "", "", 9},
	} {
		ld := plog.NewLogs()
		sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		sl.Scope().SetName(c.scope)
		record := sl.LogRecords().AppendEmpty()
		record.SetEventName(c.event)
		record.SetSeverityNumber(c.severity)
		record.Body().SetStr(c.body)
		if _, err := newTestRedactor(t, defaultConfig()).processLogs(context.Background(), ld); err != nil {
			t.Fatal(err)
		}
		same(t, c.what, record.Body().AsString(), c.want)
	}
}

func TestEventWithoutBodyGetsItsNameAsBody(t *testing.T) {
	for _, content := range []string{contentNone, contentMasked, contentFull} {
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		records.AppendEmpty().SetEventName("otelgate.feedback")
		records.AppendEmpty().SetEventName("gen_ai.evaluation.result")
		records.At(1).Body().SetStr("")
		records.AppendEmpty().Attributes().PutStr("event.name", "subscription.upgraded")
		records.AppendEmpty().SetEventName("mail to ann@example.com")
		records.AppendEmpty().SetEventName("app.started")
		records.At(4).Body().SetStr("started")
		cfg := defaultConfig()
		cfg.Content = content
		if _, err := newTestRedactor(t, cfg).processLogs(context.Background(), ld); err != nil {
			t.Fatal(err)
		}
		last := map[bool]string{true: "mail to ann@example.com", false: "mail to [email]"}[content == contentFull]
		for i, want := range []string{"otelgate.feedback", "gen_ai.evaluation.result", "subscription.upgraded", last, "started"} {
			same(t, content, records.At(i).Body().AsString(), want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for in, want := range map[string]string{"INFO": "INFO", "Warning": "Warning", "INFO2": "INFO2", "zorro": "INFO", "": ""} {
		same(t, in, cleanSeverity(in, plog.SeverityNumberInfo), map[bool]string{true: "INFO", false: want}[in == ""])
	}
	same(t, "no number", cleanSeverity("zorro", 0), "")
}

func TestStructuredBody(t *testing.T) {
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	_ = record.Body().SetEmptyMap().FromRaw(map[string]any{
		"message": "card 4111111111111111 was refused", "prompt": "hi", "ms": 3, "data": map[string]any{"message": "hi", "id": "a-1"},
	})
	if _, err := newTestRedactor(t, defaultConfig()).processLogs(context.Background(), ld); err != nil {
		t.Fatal(err)
	}
	same(t, "body", record.Body().Map().AsRaw(), map[string]any{
		"message": "card [card] was refused", "ms": 3, "data": map[string]any{"id": "a-1"},
	})
}

func TestMetrics(t *testing.T) {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range []string{"gen_ai.client.token.usage", "mail.to.zorro@example.com", "zq8f7s6d5f4g3h2j1k0m"} {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetUnit("{token}")
		m.SetDescription("what zorro likes")
		m.Metadata().PutStr("note", "zorro likes tea")
		point := m.SetEmptySum().DataPoints().AppendEmpty()
		_ = point.Attributes().FromRaw(map[string]any{
			"jvm.gc.name": "G1 Young Generation", "tier": "pro", "prompt": "hi", "note": "zorro likes his tea hot", "gen_ai.agent.name": "a",
		})
		point.Exemplars().AppendEmpty().FilteredAttributes().PutStr("tier", "pro")
	}
	if _, err := newTestRedactor(t, defaultConfig()).processMetrics(context.Background(), md); err != nil {
		t.Fatal(err)
	}
	same(t, "metrics", metrics.Len(), 1)
	m := metrics.At(0)
	same(t, "metric", []any{m.Name(), m.Unit(), m.Description(), m.Metadata().Len()}, []any{"gen_ai.client.token.usage", "{token}", "", 0})
	point := m.Sum().DataPoints().At(0)
	same(t, "labels", point.Attributes().AsRaw(), map[string]any{"jvm.gc.name": "G1 Young Generation", "tier": "pro", "gen_ai.agent.name": "a"})
	same(t, "exemplar", point.Exemplars().At(0).FilteredAttributes().Len(), 0)
}

func TestSeriesOfTwoOrganisationsStayTwo(t *testing.T) {
	for _, label := range []string{"organization.id", "tenant_id", "gcp.project.id", "cloud.account.id", "app.workspace_id"} {
		md := pmetric.NewMetrics()
		points := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
		ids := []string{"0c4b7a52-92a1-4c1e-8f65-d1a0c5b3e7f1", "org_9f8AbC12XyZ9q7", "Müller & Söhne, the bakery by the river", "ann@example.com"}
		for _, id := range ids {
			points.AppendEmpty().Attributes().PutStr(label, id)
		}
		if _, err := newTestRedactor(t, defaultConfig()).processMetrics(context.Background(), md); err != nil {
			t.Fatal(err)
		}
		ids[3] = "[email]"
		for i, id := range ids {
			same(t, label, points.At(i).Attributes().AsRaw(), map[string]any{label: id})
		}
	}
}

// The audit ledger's heads leave as log events, in letters that no rule takes for anything: a change there, and `verify`
// would find its own signatures masked.
func TestTheLedgersHeadsPass(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		letters := make([]byte, 64)
		for i := range letters {
			letters[i] = "abcdefghijklmnop"[random.IntN(16)]
		}
		sent := map[string]any{
			"otelgate.audit.head.seq": int64(1_234_567_890_123), "otelgate.audit.head.link": string(letters),
			"otelgate.audit.head.signature": string(letters),
		}
		for _, content := range []string{"none", "masked"} {
			ld := plog.NewLogs()
			record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			record.SetEventName("otelgate.audit.head")
			_ = record.Attributes().FromRaw(sent)
			cfg := defaultConfig()
			cfg.Content = content
			if _, err := newTestRedactor(t, cfg).processLogs(context.Background(), ld); err != nil {
				t.Fatal(err)
			}
			same(t, content, record.Attributes().AsRaw(), sent)
			same(t, "event name", record.EventName(), "otelgate.audit.head")
		}
	}
}

func TestTheAuditSinksOwnMetricsPass(t *testing.T) {
	for name, labels := range map[string]map[string]any{
		"otelgate.audit.accepted":               {"otelgate.audit.kind": "model_calls"},
		"otelgate.audit.queue.age":              {},
		"otelgate.audit.reconciliation.missing": {"service.name": "bike-shop", "otelgate.audit.quantity": "cost"},
		"otelgate.session.active":               {"service.name": "bike-shop"},
		"otelgate.user.active":                  {"service.name": "bike-shop", "otelgate.window": "30d"},
		"otelgate.user.over_limit":              {"service.name": "bike-shop"},
		"otelgate.user.cost.max":                {"service.name": "bike-shop"},
	} {
		md := pmetric.NewMetrics()
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit("{USD}")
		_ = m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().FromRaw(labels)
		if _, err := newTestRedactor(t, defaultConfig()).processMetrics(context.Background(), md); err != nil {
			t.Fatal(err)
		}
		same(t, "name", m.Name(), name)
		same(t, name, m.Gauge().DataPoints().At(0).Attributes().AsRaw(), labels)
	}
}
