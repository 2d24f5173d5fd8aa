package redact

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func maskWith(p *Policy, s string) string {
	r := newRules(p)
	return r.mask(s, make([]int64, len(r.names)))
}

func TestMask(t *testing.T) {
	const jwtText = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4"
	for _, c := range []struct{ in, want string }{
		// Cards: Luhn-checked, in one run or in groups.
		{"pay 4111111111111111 now", "pay [card] now"},
		{"4111 1111 1111 1111", "[card]"},
		{"4111-1111-1111-1111.", "[card]."},
		{"4111\u00a01111\u00a01111\u00a01111", "[card]"},
		{"amex 3782 822463 10005 12/27", "amex [card] 12/27"},
		{"4111 1111 1111 1111 123", "[card] 123"},
		{"card:5555555555554444,6011111111111117", "card:[card],[card]"},
		{"4222222222222", "[card]"},
		{"4111111111111112", "4111111111111112"},
		{"41111111111111111111", "41111111111111111111"},
		{"score 0.4111111111111111", "score 0.4111111111111111"},
		{"at 1763695000123 ms, 1763695000123456789 ns", "at 1763695000123 ms, 1763695000123456789 ns"},
		{`{"card": "\u4e2d4111111111111111"}`, `{"card": "\u4e2d[card]"}`},
		// E-mail
		{"mail alice.b+c@mail.example.co.uk.", "mail [email]."},
		{"<bob@example.com>", "<[email]>"},
		{"email=bob@example.com&x=1", "email=[email]&x=1"},
		{"q=bob%40example.com", "q=[email]"},
		{`"a\nbob@example.com"`, `"a\n[email]"`},
		{`"\u00e9bob@example.com"`, `"[email]"`}, // an é is a letter of an address, escaped or not
		{`bob\u0040example.com`, `[email]`},
		{"jörg@müller.de,", "[email],"},
		{"npm i pkg@1.2.3 and @decorator a@b", "npm i pkg@1.2.3 and @decorator a@b"},
		// Phone
		{"call +49 30 1234567 today", "call [phone] today"},
		{"+971-50-123-4567", "[phone]"},
		{"+15551234567", "[phone]"},
		{"0049 30 1234567", "[phone]"},
		{"(555) 123-4567", "[phone]"},
		{"1-555-123-4567", "[phone]"},
		{"555.123.4567", "[phone]"},
		{"020 7946 0958", "[phone]"},
		{"06 12 34 56 78", "[phone]"},
		{"0501234567", "[phone]"},
		{"2025-11-21 03:16:00, 01-02-2025 10 30, 10.0.0.123:4317", "2025-11-21 03:16:00, 01-02-2025 10 30, 10.0.0.123:4317"},
		{"order 123456789, 5551234567", "order 123456789, 5551234567"},
		{"0e1b-0123456789-ab", "0e1b-0123456789-ab"},
		// IBAN: length by country and mod 97
		{"to DE89370400440532013000.", "to [iban]."},
		{"DE89 3704 0044 0532 0130 00 is mine", "[iban] is mine"},
		{"gb29 nwbk 6016 1331 9268 19", "[iban]"},
		{`"\nFR1420041010050500013M02606"`, `"\n[iban]"`},
		{"DE88370400440532013000", "DE88370400440532013000"},
		// Keys
		{"key sk-proj-abcDEF1234567890abcd!", "key [api_key]!"},
		{"AKIAIOSFODNN7EXAMPLE", "[api_key]"},
		{"ASIAIOSFODNN7EXAMPLE", "[api_key]"},
		{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[api_key]"},
		{"github_pat_11ABCDEFG0123456789_abc", "[api_key]"},
		{"xoxb-123456789012-abcdefABCDEF", "[api_key]"},
		{"AIzaSyA1234567890abcdefghijklmnopqrstuv", "[api_key]"},
		{"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[api_key]"},
		{"pip install sk-learn-extra; task-management-system", "pip install sk-learn-extra; task-management-system"},
		{"token " + jwtText + ";", "token [jwt];"},
		{"Authorization: Bearer abc.DEF-123~x", "Authorization: Bearer [bearer]"},
		{`"authorization": "Bearer ` + jwtText + `"`, `"authorization": "Bearer [bearer]"`},
		{"Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [bearer]"},
		{"the bearer of news, basic knowledge", "the bearer of news, basic knowledge"},
		{"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[private_key]\nb"},
		{`{"k":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}`, `{"k":"[private_key]\n"}`},
		{"-----BEGIN PRIVATE KEY-----\ncut off", "[private_key]"},
		{"-----BEGIN CERTIFICATE-----\nMIIE", "-----BEGIN CERTIFICATE-----\nMIIE"},
		// Credentials
		{"connect failed: password=hunter2 host=db", "connect failed: password=[credential] host=db"},
		{"DB_PASSWORD=a!b@c", "DB_PASSWORD=[credential]"},
		{"password: hunter2", "password: [credential]"},
		{"Passphrase: correct-horse", "Passphrase: [credential]"},
		{`{"user":"bob","password":"hi"}`, `{"user":"bob","password":"[credential]"}`},
		{`"{\"clientSecret\": \"abc\"}"`, `"{\"clientSecret\": \"[credential]\"}"`},
		{`{"pwd": 1234, "n": 1}`, `{"n":1,"pwd":"[credential]"}`},
		{"x-api-key: 9f8e7d6c", "x-api-key: [credential]"},
		{"/cb?access_token=abc&state=1", "/cb?access_token=[credential]&state=1"},
		{"token=abc", "token=[credential]"},
		{"'pwd' => 'x1'", "'pwd' => '[credential]'"},
		{"password=[credential]", "password=[credential]"},
		{`Password: required, password: null, password=***`, `Password: required, password: null, password=***`},
		{"The secret: be kind. max_tokens=100, tokens: 5", "The secret: be kind. max_tokens=100, tokens: 5"},
		{`{"token": "Hello", "logprob": -0.1}`, `{"token": "Hello", "logprob": -0.1}`},
		{"key: value, monkey=bars", "key: value, monkey=bars"},
		// JSON stays JSON: a marker in place of a bare number is put in quotes.
		{`{"n": 4111111111111111, "m": "bob@example.com"}`, `{"m":"[email]","n":"[card]"}`},
		{"", ""},
	} {
		if got := maskWith(&Policy{}, c.in); got != c.want {
			t.Errorf("mask(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// Texts made to be slow: each would take hours if a rule looked at all of the rest from each place on.
func TestMaskIsLinear(t *testing.T) {
	for _, part := range []string{"-eyJ", "a@", "a.1@", "4111 ", "0 ", "+1", "sk-", "hf_", "bearer=", "DE89", "%40", "-----BEGIN ", "{\"a\":", "1-", "token:", "password=[", "pwd:a ", "authorization:your", "bearer=your-"} {
		maskWith(&Policy{}, strings.Repeat(part, 4<<20/len(part)))
	}
}

func TestOperatorsRules(t *testing.T) {
	policy := &Policy{
		Rules: []Rule{
			{Name: "customer", Pattern: `CUST-\d{6}`},
			{Name: "member", Pattern: `\bM\d{8}\b`, Check: "luhn"},
		},
		DisableRules: []string{"email", "token"},
	}
	if err := policy.validate(); err != nil {
		t.Fatal(err)
	}
	in := "CUST-123456 M12345674 M12345675 bob@example.com 4111111111111111"
	want := "[customer] [member] M12345675 bob@example.com [card]"
	if got := maskWith(policy, in); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A rule's match can separate a number from the text before it.
	policy = &Policy{Rules: []Rule{{Name: "noise", Pattern: "junk"}}}
	if got := maskWith(policy, "5junk555-123-4567"); got != "5[noise][phone]" {
		t.Errorf("got %q", got)
	}
}

var seeds = []string{
	"4111 1111 1111 1111", "5555555555554444", "3782-822463-10005", "alice@example.com", "DE89370400440532013000",
	"GB29 NWBK 6016 1331 9268 19", "+49 30 1234567", "sk-abcdEFGH12345678ijkl", "AKIAIOSFODNN7EXAMPLE",
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "xoxb-123456789012-abcdefABCDEF", "Authorization: Bearer abcDEF123456",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
}

// FuzzMask: with any text around a secret, separated by blanks, no part of it is left; masking again changes nothing;
// valid UTF-8 and valid JSON stay valid.
func FuzzMask(f *testing.F) {
	for i := range seeds {
		f.Add("text before", "and after", uint8(i))
		f.Add(`{"a": "`, `"}`, uint8(i))
		f.Add("12 34-", "5 6", uint8(i))
	}
	rules := newRules(&Policy{Rules: []Rule{{Name: "customer", Pattern: `CUST-\d{6}`}}})
	counts := make([]int64, len(rules.names))
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		secret := seeds[int(which)%len(seeds)]
		for _, in := range []string{before, before + after, before + " ; " + secret + " ; " + after} {
			out := rules.mask(in, counts)
			if again := rules.mask(out, counts); again != out {
				t.Errorf("not idempotent: %q, then %q", out, again)
			}
			if utf8.ValidString(in) && !utf8.ValidString(out) {
				t.Errorf("no longer UTF-8: %q", out)
			}
			if json.Valid([]byte(in)) && !json.Valid([]byte(out)) {
				t.Errorf("no longer JSON: %q became %q", in, out)
			}
		}
		secretText := strings.TrimPrefix(secret, "Authorization: Bearer ")
		if strings.Contains(before, secretText) || strings.Contains(after, secretText) {
			return
		}
		if out := rules.mask(before+" ; "+secret+" ; "+after, counts); strings.Contains(out, secretText) {
			t.Errorf("%q is still in %q", secretText, out)
		}
	})
}
