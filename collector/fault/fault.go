// Package fault words the errors of wrong configuration. Each names the setting, the value and what was expected, as the
// settings of the environment do: `index::max_spans='0': expected at least 1`.
package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Of is the error of one setting. Its path has `::` between the names of keys, and `[N]` for the Nth item of a list.
func Of(path string, value any, expected string, args ...any) error {
	text := fmt.Sprint(value)
	if strings.ContainsFunc(text, unicode.IsControl) {
		quoted := strconv.Quote(text)
		text = quoted[1 : len(quoted)-1]
	}
	return fmt.Errorf("%s='%s': expected %w", path, text, fmt.Errorf(expected, args...))
}

// List collects errors, so that an operator sees all of them at once.
type List []error

// Unless adds the error of a setting whose value is not as expected.
func (l *List) Unless(ok bool, path string, value any, expected string, args ...any) {
	if !ok {
		*l = append(*l, Of(path, value, expected, args...))
	}
}

// OneOf adds an error where a value is none of those allowed.
func (l *List) OneOf(path, value string, allowed ...string) {
	for _, each := range allowed {
		if value == each {
			return
		}
	}
	*l = append(*l, Of(path, value, "one of %s", strings.Join(allowed, ", ")))
}

// Add adds an error, if there is one.
func (l *List) Add(err error) {
	if err != nil {
		*l = append(*l, err)
	}
}

// Err joins the errors; nil if there are none.
func (l List) Err() error { return errors.Join(l...) }
