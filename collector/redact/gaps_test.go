package redact

import "testing"

func TestPasswordThatBeginsLikeAPlaceholderIsMasked(t *testing.T) {
	mask := func(text string) string { return maskWith(&Policy{}, text) }
	for _, text := range []string{
		"password=(T9x!q2Lm", "password={T9x!q2Lm", "password=\"<T9x!q2Lm\"", "password=yourMom!1x", "DB_PASSWORD=kT9[qz!7xx", "password=xxxT9!qLm",
		"DB_PASSWORD=kT9(qz!7xx",
	} {
		if got := mask(text); got == text {
			t.Errorf("%s is kept", text)
		}
	}
	for _, text := range []string{
		"password={db_password}", "password=<your_password>", "password=your_password", "password=your-api-key-here", "password = get_password()",
		`password = os.environ["DB_PASSWORD"]`, "password=base64.b64decode(raw)", "password=insert_password_here", "password=(optional)",
		"password=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
	} {
		if got := mask(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestValueUnderANameThatIsMaskedItselfIsMasked(t *testing.T) {
	got := maskWith(&Policy{}, `{"bob@example.com password": "hunter2x"}`)
	if want := `{"[email] password": "[credential]"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDisabledCredentialRuleLeavesHeadersToBearer(t *testing.T) {
	mask := func(text string) string { return maskWith(&Policy{DisableRules: []string{"credential"}}, text) }
	if text := "Authorization: Token 0123456789abcdef"; mask(text) == text {
		t.Errorf("%s is kept", text)
	}
	for _, text := range []string{"Cookie: session=0123456789abcdef", "postgres://me:T9x!q2Lm@db/x", "password=T9x!q2Lm"} {
		if got := mask(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestMaestroNumberThatBeginsWithSixIsMasked(t *testing.T) {
	if text := "card number 6390123456789010"; maskWith(&Policy{}, text) == text {
		t.Errorf("%s is kept", text)
	}
}
