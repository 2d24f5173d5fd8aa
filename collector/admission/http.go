package admission

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// GetHTTPHandler returns what lets requests in: after their sender was authenticated, before they are decoded.
func (m *middleware) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return handler{m.gate, next}, nil
	}, nil
}

type handler struct {
	gate *gate
	next http.Handler
}

// ServeHTTP reads the body, since its size is not known before: it may come compressed.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	received, err := h.gate.receive(r.Context(), r.ContentLength)
	if err != nil {
		refuse(w, r, err)
		return
	}
	defer received.release()
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	admitted, refusal := h.gate.admit(r.Context(), int64(len(body)))
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	defer admitted.release()
	received.release()
	rest := io.Reader(bytes.NewReader(body))
	if err != nil {
		rest = io.MultiReader(rest, failing{err}) // the receiver answers as if it had read this itself
	}
	r.Body = io.NopCloser(rest)
	h.next.ServeHTTP(w, r)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// refuse answers as the receiver does: 503 and a status in the request's own encoding.
func refuse(w http.ResponseWriter, r *http.Request, refusal error) {
	said := status.Convert(refusal).Proto()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	encode := proto.Marshal
	if kind == "application/json" {
		encode = protojson.Marshal
	}
	body, err := encode(said)
	if err != nil {
		body = []byte(said.GetMessage())
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(body)
}
