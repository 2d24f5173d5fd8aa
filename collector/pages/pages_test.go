package pages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

func answer(t *testing.T, cfg Config, host string, headers map[string]string) int {
	t.Helper()
	factory := NewFactory()
	made, err := factory.Create(context.Background(), extension.Settings{ID: component.NewID(factory.Type())}, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	wrap, err := made.(extensionmiddleware.HTTPServer).GetHTTPHandler(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := wrap(context.Background(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/v1/logs", nil)
	request.Host = host
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Code
}

func TestRequestsOfPagesAreRefused(t *testing.T) {
	for _, cfg := range []Config{{LoopbackOnly: true}, {}} {
		for _, headers := range []map[string]string{
			{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8000"},
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-site"},
		} {
			if got := answer(t, cfg, "127.0.0.1:4318", headers); got != http.StatusForbidden {
				t.Errorf("%v: %d", headers, got)
			}
		}
		for _, headers := range []map[string]string{nil, {"Sec-Fetch-Site": "none"}} {
			if got := answer(t, cfg, "127.0.0.1:4318", headers); got != http.StatusOK {
				t.Errorf("%v: %d", headers, got)
			}
		}
	}
}

func TestOnLoopbackNamesOfTheInternetAreRefused(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:4318": 200, "[::1]:4318": 200, "::1": 200, "10.0.0.7": 200, "localhost:4318": 200, "LOCALHOST": 200, "app.localhost": 200,
		"gateway:4318": 200, "host.docker.internal:4318": 200, "localhost.:4318": 200, "": 200,
		"evil.example:4318": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:4318": 421, "evil.example.": 421, "1.2.3.4.5": 421,
	} {
		if got := answer(t, Config{LoopbackOnly: true}, host, nil); got != want {
			t.Errorf("%q: %d, want %d", host, got, want)
		}
		if got := answer(t, Config{}, host, nil); got != http.StatusOK {
			t.Errorf("%q on a network: %d", host, got)
		}
	}
}
