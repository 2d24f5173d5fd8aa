package jsonscan

import "testing"

func TestStringEndIsBehindTheFirstQuoteWithoutAnEscape(t *testing.T) {
	for text, want := range map[string]int{
		`""`:          2,
		`"plan", 1`:   6,
		`"a\"b", 1`:   6,
		`"a\\", "b"`:  5,
		`"\\\"", "b"`: 6,
		`"\"`:         -1,
		`"\\`:         -1,
		`"plan`:       -1,
		`"`:           -1,
	} {
		if got := StringEnd(text, 0); got != want {
			t.Errorf("%s: %d, expected %d", text, got, want)
		}
	}
}
