package redact

import (
	"strings"
	"testing"
)

func TestViewDecodesEscapesAndFoldsDigits(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, 100 %":                            "plain text, 100 %",
		"٠٥٠ ० ０ ๕":                                    "050 0 0 5",
		"a\u00a0b\u202fc\u2009d":                       "a b c d",
		"1\u20132\u20113\u22124":                       "1-2-3-4",
		"b\u200bo\u00adb\ufeff":                        "bob",
		"bob＠example。com":                              "bob@example.com",
		"bob&#64;a &#x40; &amp;#64; &commat; &nope; &": "bob@a @ @ @ &nope; &",
		`\u0040 \x40 \\u0040 \n\/ \d`:                  "@ @ @ \n/ \\d",
		`\ud83d\ude00 \ud83d`:                          "😀 \\ud83d",
		"%40 %2540 %D9%A1 100% %zz %20":                "@ @ 1 100% %zz  ",
		`"a\"b"`:                                       `"a\"b"`,
		"anna@exam=\nple.com, A=\nB=":                  "anna@example.com, AB=",
		"x² Ⅷ ½ 天気 Привет":                             "x² Ⅷ ½ 天気 Привет",
	} {
		if got := viewOf(in).text; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Masks replace the matches in the original, and nothing else of it changes.
func TestMasksAreAppliedToTheOriginal(t *testing.T) {
	for in, want := range map[string]string{
		"ä\u00a0&amp; bob&#64;example.com\u200b & ö":        "ä\u00a0&amp; [email]\u200b & ö",
		"\u200b٠٥٠\u202f١٢٣\u202f٤٥٦٧\u200b, 天気\u00a0":      "\u200b[phone]\u200b, 天気\u00a0",
		`{"a": "caf\u00e9 bob\u0040example.com \u4e2d"}`:    `{"a": "caf\u00e9 [email] \u4e2d"}`,
		"%20bob%40example.com%20":                           "%20[email]%20",
		"card ４１１１\u2011１１１１\u2011１１１１\u2011１１１１ \u2011 ok": "card [card] \u2011 ok",
	} {
		if got := maskWith(&Policy{}, in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestViewsOfPlainTextsTakeNoMemory(t *testing.T) {
	text := strings.Repeat("Größe: 12, 天気, Привет, a@b, 100 % & more \\d. ", 20)
	if n := testing.AllocsPerRun(10, func() { viewOf(text) }); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}
