package redact

import (
	"regexp"
	"strings"
	"testing"
)

var frameLine = regexp.MustCompile(`^  File "([^"\n]{1,200})", line (\d{1,7}), in ([\w.<>]{1,96})$`)

// asWritten is what isFrame does by hand.
func asWritten(line string) bool {
	m := frameLine.FindStringSubmatch(line)
	return m != nil && isIdentifier(m[1], 200) && isIdentifier(m[3], maxName)
}

func FuzzFrame(f *testing.F) {
	for line, want := range map[string]bool{
		`  File "/app/shop.py", line 7, in search`:                    true,
		`  File "<string>", line 1234567, in <module>`:                true,
		`  File "a.py", line 7, in A.b_2.<lambda>`:                    true,
		`  File "a.py", line 12345678, in f`:                          false,
		`  File "a.py", line , in f`:                                  false,
		`  File "a.py", line 7, in `:                                  false,
		`  File "a.py", line 7`:                                       false,
		`  File "", line 7, in f`:                                     false,
		`  File "a.py", line 7, in f g`:                               false,
		`  File "my secret.py", line 7, in f`:                         false,
		`  File "a.py", line 7, in f", line 8, in g`:                  false,
		`  File "a"b", line 7, in f`:                                  false,
		`  File "a.py", line 7, in é`:                                 false,
		"  File \"a.py\", line 7, in f\n":                             false,
		`File "a.py", line 7, in f`:                                   false,
		`    raise ValueError("no")`:                                  false,
		`  File "/t/0a1b2c3d4e5f6a7b8c9d.py", line 7, in f`:           false,
		`  File "` + strings.Repeat("a/", 100) + `", line 7, in f`:    true,
		`  File "` + strings.Repeat("a/", 100) + `a", line 7, in f`:   false,
		`  File "a.py", line 7, in ` + strings.Repeat("f.", 48):       true,
		`  File "a.py", line 7, in ` + strings.Repeat("f.", 48) + `f`: false,
	} {
		if got := isFrame(line); got != want {
			f.Errorf("isFrame(%q) = %v", line, got)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if got, want := isFrame(line), asWritten(line); got != want {
			t.Errorf("isFrame(%q) = %v, the pattern says %v", line, got, want)
		}
	})
}
