package admission

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"otelgate/collector/applications"
	"otelgate/collector/intake"
	"otelgate/collector/wire"
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
	disconnect, err := h.gate.connect(r.Context(), r.RemoteAddr)
	if err != nil {
		w.Header().Set("Connection", "close")
		refuse(w, r, err)
		return
	}
	defer disconnect()
	application := applications.From(r.Context())
	if err := h.gate.within(r.Context(), application); err != nil {
		refuse(w, r, err)
		return
	}
	received, err := h.gate.receive(r.Context(), r.ContentLength)
	if err != nil {
		refuse(w, r, err)
		return
	}
	defer received.release()
	body, err := h.read(r)
	r.Body.Close()
	body, seen := look(r, body)
	used(application, seen.Size)
	admitted, refusal := h.gate.admit(r.Context(), seen.Size)
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	defer admitted.release()
	received.release()
	r = r.WithContext(intake.WithLeftOut(r.Context(), seen))
	r.Body = &whole{left: body, err: cmp.Or(err, io.EOF)}
	h.next.ServeHTTP(w, r)
}

func look(r *http.Request, body []byte) ([]byte, wire.Seen) {
	switch contentType(r) {
	case "application/json":
		return wire.JSON(body)
	case "application/x-protobuf":
		return wire.Of(r.URL.Path).Protobuf(body)
	}
	return body, wire.Seen{Size: int64(len(body))}
}

func contentType(r *http.Request) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind
}

// read makes room for as much as is announced, where that is known, and so for no more than comes.
func (h handler) read(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := bytes.NewBuffer(make([]byte, 0, min(r.ContentLength, h.gate.cfg.ReceiveBytes)+bytes.MinRead))
	_, err := body.ReadFrom(r.Body)
	return body.Bytes(), err
}

// whole is a body that was read, and the error with which that ended: the receiver answers as if it had read it itself.
// It lets go of what has been read.
type whole struct {
	left []byte
	err  error
}

// Read is part of io.ReadCloser.
func (b *whole) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		b.left = nil
		return 0, b.err
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// Close is part of io.ReadCloser.
func (*whole) Close() error { return nil }

// refuse answers as the receiver does: with a status in the request's own encoding, and 503, or 413 to what has to be split.
func refuse(w http.ResponseWriter, r *http.Request, refusal error) {
	said := status.Convert(refusal).Proto()
	kind, encode := contentType(r), proto.Marshal
	if kind == "application/json" {
		encode = protojson.Marshal
	}
	body, err := encode(said)
	if err != nil {
		body = []byte(said.GetMessage())
	}
	w.Header().Set("Content-Type", kind)
	if status.Code(refusal) == codes.ResourceExhausted {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	} else {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body)
}
