package redact

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
)

const testKey = "0123456789abcdef0123456789abcdef"

func keyed(t testing.TB, content string, change ...func(*Config)) *redactor {
	cfg := defaultConfig()
	cfg.Content = content
	cfg.PseudonymKeyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(cfg.PseudonymKeyFile, []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, one := range change {
		one(cfg)
	}
	return newTestRedactor(t, cfg)
}

// identified is what is left of ids on a span.
func identified(t testing.TB, r *redactor, attribute string, ids []string) []string {
	left := make([]string, len(ids))
	for i, id := range ids {
		td, span := oneSpan(map[string]any{attribute: id})
		if _, err := r.processTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		left[i], _ = stringAt(span.Attributes(), attribute)
	}
	return left
}

func TestPseudonymsDistinguishPeople(t *testing.T) {
	pick := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		var out strings.Builder
		for range n {
			out.WriteByte(byte('0' + pick.IntN(10)))
		}
		return out.String()
	}
	kinds := map[string]func(i int) string{
		"e-mail":           func(i int) string { return fmt.Sprintf("user%d@example.com", i) },
		"phone":            func(int) string { return "+4930" + digits(8) },
		"phone with a 0":   func(int) string { return "0" + digits(9) },
		"16 digits":        func(int) string { return digits(16) },
		"cards":            func(i int) string { return fmt.Sprintf("411111111111%04d", i) },
		"snowflake":        func(int) string { return "9" + digits(17) },
		"sha256":           func(i int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)})) },
		"uuid":             func(int) string { return uuidOf(pick) },
		"a mail in an id":  func(i int) string { return fmt.Sprintf("auth|user%d@example.com", i) },
		"the same mailbox": func(i int) string { return fmt.Sprintf("ann@example.com/%d", i) },
		"keys":             func(i int) string { return fmt.Sprintf("sk-proj-abcDEF1234567890%04d", i) },
	}
	none, masked := keyed(t, contentNone), keyed(t, contentMasked)
	for kind, make := range kinds {
		ids := []string{}
		for i := range 200 {
			ids = append(ids, make(i))
		}
		for _, attribute := range []string{"user.id", "session.id", "log.record.uid", "gen_ai.conversation.id"} {
			stored := identified(t, none, attribute, ids)
			if seen := distinct(stored); seen != distinct(ids) {
				t.Errorf("%s in %s: %d of 200", kind, attribute, seen)
			}
			same(t, kind+" in both", identified(t, masked, attribute, ids), stored)
			same(t, kind+" once more", identified(t, masked, attribute, stored), stored)
		}
	}
}

func uuidOf(pick *rand.Rand) string {
	a, b := pick.Uint64(), pick.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

func distinct(texts []string) int {
	seen := map[string]bool{}
	for _, one := range texts {
		seen[one] = true
	}
	return len(seen)
}

func TestPseudonymShowsOnlyTheRule(t *testing.T) {
	left := identified(t, keyed(t, contentNone), "user.id", []string{"ann@example.com"})[0]
	same(t, "e-mail", left, "[email:093e3dd9df951c50]") // the audit sink makes the same (tests/audit/jobs/test_forget.py)
	same(t, "plain ids", identified(t, keyed(t, contentMasked), "user.id", []string{"u-7", "acct_1Nv0FGQ9RKHgCVdK"}), []string{"u-7", "acct_1Nv0FGQ9RKHgCVdK"})
}

func TestSpellingsOfOnePersonHaveOnePseudonym(t *testing.T) {
	r := keyed(t, contentNone)
	for kind, spellings := range map[string][]string{
		"e-mail":   {"ann@example.com", "Ann@Example.COM", "ＡＮＮ@example.com"},
		"plus":     {"ann+shop@example.com", "Ann+Shop@example.com"},
		"composed": {"andr\u00e9@example.com", "andre\u0301@example.com"},
		"phone":    {"+493012345678", "+49 30 12345678", "+49 (30) 1234-5678", "0049 30 12345678", "+49\u00a030\u00a012345678"},
		"card":     {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"},
	} {
		for _, attribute := range []string{"user.id", "enduser.id", "session.id", "gen_ai.conversation.id"} {
			stored := identified(t, r, attribute, spellings)
			if distinct(stored) != 1 || !strings.HasPrefix(stored[0], "[") || len(stored[0]) < 20 {
				t.Errorf("%s in %s: %q", kind, attribute, stored)
			}
		}
	}
	others := []string{"ann@example.com", "ann+shop@example.com", "anna@example.com", "auth|ann@example.com", "+493012345678", "+493012345679", "4111111111111111"}
	if stored := identified(t, r, "user.id", others); distinct(stored) != len(others) {
		t.Errorf("others: %q", stored)
	}
}

// The audit sink makes the same of what a person gives (tests/audit/jobs/test_forget.py).
func TestCanonicalSpellingsAreTheAuditSinks(t *testing.T) {
	given := []string{"Ann@Example.com", "0049 (30) 1234-5678", "4111 1111 1111 1111", "ΝΙΚΟΣ.İ@example.com"}
	left := strings.Join(identified(t, keyed(t, contentNone), "user.id", given), " ")
	want := "[email:093e3dd9df951c50] [phone:9142b1157c1468db] [card:7b7e6cb2715c7b1c] [email:040c6f0d9c315297]"
	same(t, "pseudonyms", left, want)
}

func TestLogRecordsHaveTheSamePseudonym(t *testing.T) {
	r := keyed(t, contentNone)
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.Attributes().PutStr("user.id", "ann@example.com")
	record.Body().SetStr("sent to ann@example.com")
	if _, err := r.processLogs(t.Context(), ld); err != nil {
		t.Fatal(err)
	}
	left, _ := stringAt(record.Attributes(), "user.id")
	same(t, "user", left, identified(t, r, "user.id", []string{"ann@example.com"})[0])
	same(t, "words have none", record.Body().Str(), "sent to [email]")
}

func TestWithoutKeyIdsAreMaskedByRuleName(t *testing.T) {
	cfg := defaultConfig()
	same(t, "id", identified(t, newTestRedactor(t, cfg), "user.id", []string{"ann@example.com", "x-bob@example.com"}), []string{"[email]", "[email]"})
}

func TestOperatorRuleThatMatchesPseudonymsUsesRuleName(t *testing.T) {
	r := keyed(t, contentNone, func(c *Config) { c.Rules = []Rule{{Name: "hex", Pattern: "[0-9a-f]{16}"}} })
	same(t, "id", identified(t, r, "user.id", []string{"ann@example.com"}), []string{"[email]"})
}

func TestTheKeysFileIsChecked(t *testing.T) {
	short := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(short, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"/none/such": "pseudonym_key_file='/none/such': expected a readable file: no such file or directory",
		short:        fmt.Sprintf("pseudonym_key_file='%s': expected a key of at least 16 characters, the file has 3", short),
	} {
		cfg := defaultConfig()
		cfg.PseudonymKeyFile = file
		if _, err := newRedactor(cfg, componenttest.NewNopTelemetrySettings()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNamesOfAgentsAndToolsStay(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, called := range []string{
		"天気を調べるエージェント（東京・大阪・名古屋）", "وكيل العقارات في القاهرة", "Sales & Marketing: what, who, when?!", "Claude3SonnetAgent20241022",
		"customer support agent for the whole of northern Europe", "agent \"X\" <v2>; 100 %", long,
	} {
		td, span := oneSpan(map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": called, "gen_ai.tool.name": called})
		span.SetName("invoke_agent " + called)
		clean(t, td, contentNone)
		same(t, "attributes", span.Attributes().AsRaw(), map[string]any{
			"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": called, "gen_ai.tool.name": called})
		same(t, "the span's name", span.Name(), "invoke_agent "+called)
	}
	for called, want := range map[string]any{long + "é": nil, "a\nb": nil, "bot of bob@example.com": "bot of [email]"} {
		td, span := oneSpan(map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": called})
		clean(t, td, contentNone)
		same(t, called, span.Attributes().AsRaw()["gen_ai.agent.name"], want)
	}
}

func TestPolicyCanRestrictAgentNames(t *testing.T) {
	cfg := defaultConfig()
	cfg.Attributes.Names = []string{"gen_ai.agent.name"}
	td, span := oneSpan(map[string]any{"gen_ai.agent.name": "what is wrong with my left knee, doctor?"})
	if _, err := newTestRedactor(t, cfg).processTraces(t.Context(), td); err != nil {
		t.Fatal(err)
	}
	same(t, "attributes", span.Attributes().AsRaw(), map[string]any{})
}

func TestAttributesThatAreCredentialsGo(t *testing.T) {
	given := map[string]any{"db.password": "hunter2", "clientSecret": "abc", "app.order": "order-7"}
	td, span := oneSpan(given)
	clean(t, td, contentNone)
	same(t, "none", span.Attributes().AsRaw(), map[string]any{"app.order": "order-7"})
	td, span = oneSpan(given)
	clean(t, td, contentMasked)
	same(t, "masked", span.Attributes().AsRaw(), map[string]any{"app.order": "order-7", "clientSecret": "[credential]", "db.password": "[credential]"})
}

func TestRemovesContentOfSendersWithoutOptIn(t *testing.T) {
	for said, want := range map[any]any{nil: nil, true: "hi [email]", "true": "hi [email]", false: nil, "yes": nil, "TRUE": nil} {
		td, span := oneSpan(map[string]any{"gen_ai.operation.name": "chat", "gen_ai.input.messages": "hi bob@example.com"})
		if said != nil {
			_ = td.ResourceSpans().At(0).Resource().Attributes().FromRaw(map[string]any{"otelgate.content": said})
		}
		clean(t, td, contentOptIn)
		same(t, fmt.Sprint(said), span.Attributes().AsRaw()["gen_ai.input.messages"], want)
	}
}

func TestChecksEachSenderOfRequest(t *testing.T) {
	r := newTestRedactor(t, &Config{Content: contentOptIn, UnknownAttributes: identifiers, LogBodies: mask, StackTraces: frames})
	ld := plog.NewLogs()
	for _, said := range []string{"true", "", "true"} {
		resource := ld.ResourceLogs().AppendEmpty()
		if said != "" {
			resource.Resource().Attributes().PutStr("otelgate.content", said)
		}
		record := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.SetEventName("gen_ai.user.message")
		record.Body().SetStr("hello")
	}
	if _, err := r.processLogs(t.Context(), ld); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"hello", removed, "hello"} {
		same(t, fmt.Sprint(i), ld.ResourceLogs().At(i).ScopeLogs().At(0).LogRecords().At(0).Body().Str(), want)
	}
}
