package fault

import (
	"errors"
	"io/fs"
	"testing"
	"time"
)

func TestNamesSettingValueAndExpectation(t *testing.T) {
	for want, got := range map[string]error{
		"max_series='0': expected at least 1":                     Of("max_series", 0, "at least %d", 1),
		"index::ttl='-1s': expected a duration above 0":           Of("index::ttl", -time.Second, "a duration above 0"),
		`team='a\nb': expected up to 100 characters`:              Of("team", "a\nb", "up to 100 characters"),
		`rules[0]::pattern='\d("': expected a regular expression`: Of("rules[0]::pattern", `\d("`, "a regular expression"),
		"file='x': expected a readable file: file does not exist": Of("file", "x", "a readable file: %w", fs.ErrNotExist),
		"last='[]': expected at least one pipeline":               Of("last", []string{}, "at least one pipeline"),
	} {
		if got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWrapsCause(t *testing.T) {
	if !errors.Is(Of("file", "x", "a readable file: %w", fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

func TestListReportsAllFaults(t *testing.T) {
	var faults List
	faults.Unless(true, "a", 1, "a number")
	faults.OneOf("b", "x", "x", "y")
	faults.Add(nil)
	if faults.Err() != nil {
		t.Error(faults.Err())
	}
	faults.Unless(false, "a", 0, "at least 1")
	faults.OneOf("b", "z", "x", "y")
	faults.Add(Of("c", "", "a folder"))
	if want, got := "a='0': expected at least 1\nb='z': expected one of x, y\nc='': expected a folder", faults.Err().Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
