package answers

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"otelgate/collector/intake"
)

// GetHTTPHandler returns the handler between the server and the receiver's handler.
func (m *middleware) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, refusals := intake.WithRefusals(r.Context())
			body := &bounded{ReadCloser: r.Body, left: m.cfg.Bytes(), largest: m.cfg.String()}
			answer := &answer{ResponseWriter: w, body: body, refusals: refusals, path: r.URL.Path}
			request := r.WithContext(ctx)
			request.Body = body
			next.ServeHTTP(answer, request)
			if answer.status == http.StatusRequestEntityTooLarge {
				m.tooLarge(ctx, overHTTP)
			}
		}), nil
	}, nil
}

func isJSON(contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return kind == "application/json"
}

// bounded is a request's body up to its limit. The rest is read and discarded: a sender reads its answer
// only after it has sent everything. The server's own limit ends that.
type bounded struct {
	io.ReadCloser
	left     int64
	largest  string
	exceeded bool
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.exceeded {
		return 0, b.error()
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		b.exceeded = true
		_, _ = io.Copy(io.Discard, b.ReadCloser)
		return 0, b.error()
	}
	return n, err
}

func (b *bounded) error() error {
	return fmt.Errorf("larger than %s: send it in parts", b.largest)
}

// answer changes what the receiver answers, where there is more to say.
type answer struct {
	http.ResponseWriter
	body     *bounded
	refusals *intake.Refusals
	path     string
	status   int
}

func (a *answer) WriteHeader(status int) {
	if status == http.StatusBadRequest && a.body.exceeded {
		status = http.StatusRequestEntityTooLarge
	}
	if status == http.StatusServiceUnavailable && a.Header().Get("Retry-After") == "" {
		a.Header().Set("Retry-After", "1") // the receiver says it of no refusal, such as that of `memory_limiter`
	}
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write replaces an answer of full success. The receiver writes it in one piece.
func (a *answer) Write(p []byte) (int, error) {
	if n, why := a.refusals.Items(); n > 0 && a.status == http.StatusOK {
		if said := partial(a.path, n, why, isJSON(a.Header().Get("Content-Type"))); said != nil {
			_, err := a.ResponseWriter.Write(said)
			return len(p), err
		}
	}
	return a.ResponseWriter.Write(p)
}
