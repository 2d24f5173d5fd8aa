package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A call or run that its user abandons (a closed page, a cancelled task, a generator that is dropped) ends with an
// exception, and instrumentors call it an error. It is not one: the caller did not want the rest.

// ending is how a failed span ended.
type ending struct {
	thrown    string // the last exception's type
	cancelled bool
}

// endingOf reads how a span failed. One that was cancelled is no error from here on: every count of errors, the audit
// sink's too, goes by the status.
func (t *table) endingOf(span ptrace.Span) (found ending) {
	if span.Status().Code() != ptrace.StatusCodeError {
		return found
	}
	message := ""
	for _, event := range span.Events().All() {
		if event.Name() == exceptionEvent {
			found.thrown = textOf(event.Attributes(), exceptionType)
			message = textOf(event.Attributes(), exceptionText)
		}
	}
	attributes := span.Attributes()
	kind := textOf(attributes, errorType)
	if kind == "" || kind == errorOther {
		kind = found.thrown
	}
	if !t.isCancellation(kind, message, span.Status().Message()) {
		return found
	}
	found.cancelled = true
	span.Status().SetCode(ptrace.StatusCodeUnset)
	span.Status().SetMessage("")
	attributes.Remove(errorType)
	attributes.PutBool(cancelled, true)
	return found
}

// isCancellation looks at the kind of the error where there is one, else at what its status begins with. Go has one kind
// for most errors: its texts tell. A time-out that cancels is an error.
func (t *table) isCancellation(kind, message, status string) bool {
	if kind == "" {
		kind = leadingType(status)
	}
	if t.cancelled[lastAfter(lastAfter(kind, "."), "$")] {
		return !saysTimeout(message) && !saysTimeout(status)
	}
	return t.endsCancelled(message) || t.endsCancelled(status)
}

// endsCancelled compares the end of a text. One word alone may be an application's own: `order 7: Cancelled`.
func (t *table) endsCancelled(text string) bool {
	last := lastAfter(lastAfter(text, ": "), "desc = ")
	return strings.Contains(last, " ") && t.cancelled[last]
}

func saysTimeout(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "timeout") || strings.Contains(text, "timed out")
}

// lastAfter is what follows the last separator, or all of it.
func lastAfter(text, separator string) string {
	if at := strings.LastIndex(text, separator); at >= 0 {
		return text[at+len(separator):]
	}
	return text
}

func textOf(attributes pcommon.Map, name string) string {
	if held, ok := attributes.Get(name); ok && held.Type() == pcommon.ValueTypeStr {
		return held.Str()
	}
	return ""
}

// writeErrorType derives error.type from the exception, else from a status that starts like `ValueError('…`.
func writeErrorType(attributes pcommon.Map, thrown, message string) {
	if held, ok := attributes.Get(errorType); ok && held.AsString() != "" {
		return
	}
	if thrown == "" {
		thrown = leadingType(message)
	}
	attributes.PutStr(errorType, thrown)
}

// leadingType is the name of an exception at the start of a text, or _OTHER. A name ends at `(` or `:` and says that
// it is one; anything else may be content and never becomes an attribute.
func leadingType(message string) string {
	end := strings.IndexAny(message, "(:")
	if end <= 0 || end > 100 {
		return errorOther
	}
	name := message[:end]
	for i := range len(name) {
		letter := name[i]
		if letter != '.' && letter != '_' && !('0' <= letter && letter <= '9') && !('a' <= letter|0x20 && letter|0x20 <= 'z') {
			return errorOther
		}
	}
	for _, suffix := range []string{"Error", "Exception", "Exit", "Interrupt", "Warning", "Timeout"} {
		if strings.HasSuffix(name, suffix) {
			return name
		}
	}
	return errorOther
}
