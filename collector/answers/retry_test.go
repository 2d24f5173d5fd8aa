package answers

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestUnavailableHasRetryDelay(t *testing.T) {
	for given, want := range map[string]string{"": "1", "7": "7"} {
		recorder := httptest.NewRecorder()
		said := &answer{ResponseWriter: recorder, body: &bounded{}}
		if given != "" {
			said.Header().Set("Retry-After", given)
		}
		said.WriteHeader(http.StatusServiceUnavailable)
		if got := recorder.Header().Get("Retry-After"); got != want {
			t.Errorf("given %q: %q, want %q", given, got, want)
		}
	}
}
