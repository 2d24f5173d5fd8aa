package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// certificate is the server's TLS of 127.0.0.1, and the client's, which trusts it.
func certificate(t *testing.T) (*configtls.ServerConfig, credentials.TransportCredentials) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder, config := t.TempDir(), configtls.NewDefaultServerConfig()
	config.CertFile, config.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		config.CertFile: {Type: "CERTIFICATE", Bytes: signed}, config.KeyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
	return &config, credentials.NewTLS(&tls.Config{RootCAs: pool})
}

// from is a client of the server that connects from an address of this machine's.
func (s *server) from(t *testing.T, address string, with credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	connection, err := grpc.NewClient("passthrough:///"+s.address, grpc.WithTransportCredentials(with),
		grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", to) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func exported(connection *grpc.ClientConn, options ...grpc.CallOption) codes.Code {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := ptraceotlp.NewGRPCClient(connection).Export(ctx, ptraceotlp.NewExportRequest(), options...)
	return status.Code(err)
}

func TestConnectionsOverGRPCAreBoundedByAddress(t *testing.T) {
	config, trusting := certificate(t)
	for name, c := range map[string]struct {
		server *configtls.ServerConfig
		client credentials.TransportCredentials
	}{"plain": {nil, insecure.NewCredentials()}, "TLS": {config, trusting}} {
		t.Run(name, func(t *testing.T) {
			const most = 2
			cfg := small
			cfg.MaxConnections, cfg.TLS = most, c.server
			s := newServer(t, cfg)
			close(s.release)
			held := make([]*grpc.ClientConn, most)
			for i := range held {
				if held[i] = s.from(t, "127.0.0.1", c.client); exported(held[i]) != codes.OK {
					t.Fatalf("connection %d was refused", i)
				}
			}
			further := s.from(t, "127.0.0.1", c.client)
			if got := exported(further); got != codes.Unavailable {
				t.Errorf("one more: %s, want Unavailable", got)
			}
			if got := exported(s.from(t, "127.0.0.2", c.client)); got != codes.OK {
				t.Errorf("from another address: %s", got)
			}
			if got := exported(held[1]); got != codes.OK {
				t.Errorf("over a connection within the bound: %s", got)
			}
			held[0].Close()
			if got := exported(further, grpc.WaitForReady(true)); got != codes.OK {
				t.Errorf("after another was closed: %s", got)
			}
		})
	}
}

func TestPlainTextIsRefusedWhereTheServerHasTLS(t *testing.T) {
	cfg := small
	cfg.TLS, _ = certificate(t)
	s := newServer(t, cfg)
	close(s.release)
	if got := exported(s.connection); got != codes.Unavailable || s.spans.Load() != 0 {
		t.Errorf("%s", got)
	}
}

func TestConnectionsThatFailDoNotCountAfterwards(t *testing.T) {
	config, trusting := certificate(t)
	for name, sent := range map[string]string{"nothing": "", "plain text": "no TLS at all", "half a handshake": "\x16\x03\x01"} {
		t.Run(name, func(t *testing.T) {
			cfg := small
			cfg.MaxConnections, cfg.TLS = 1, config
			s := newServer(t, cfg)
			close(s.release)
			raw, err := net.Dial("tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(raw, sent); err != nil {
				t.Fatal(err)
			}
			raw.Close()
			if got := exported(s.from(t, "127.0.0.1", trusting), grpc.WaitForReady(true)); got != codes.OK {
				t.Errorf("the next connection: %s", got)
			}
		})
	}
}

func TestRequestsOverHTTPAreBoundedByAddress(t *testing.T) {
	cfg := small
	cfg.MaxConnections = 1
	s := newServer(t, cfg)
	post := func(from string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader("{}"))
		request.RemoteAddr = from
		answer := httptest.NewRecorder()
		s.http.ServeHTTP(answer, request)
		return answer
	}
	answers := make(chan int)
	begin := func(from string) {
		go func() { answers <- post(from).Code }()
		<-s.entered
	}
	begin("192.0.2.1:1000")
	begin("[2001:db8:0:1::1]:1000")
	for _, from := range []string{"192.0.2.1:1001", "[::ffff:192.0.2.1]:1002", "[2001:db8:0:1::ff]:1000"} {
		answer := post(from)
		if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" || answer.Header().Get("Connection") != "close" ||
			!strings.Contains(answer.Body.String(), "OTELGATE_MAX_CONNECTIONS_PER_ADDRESS=1") {
			t.Errorf("%s: %d %v %s", from, answer.Code, answer.Header(), answer.Body)
		}
	}
	begin("192.0.2.2:1000")
	begin("[2001:db8:0:2::1]:1000")
	begin("@") // a Unix socket
	begin("@")
	close(s.release)
	for range 6 {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("a request within the bound: %d", code)
		}
	}
	if code := post("192.0.2.1:1001").Code; code != http.StatusOK {
		t.Errorf("after the others: %d", code)
	}
	if left := len(s.middleware.gate.addresses.open); left != 0 {
		t.Errorf("%d addresses are remembered", left)
	}
}

func TestWithoutLimitAddressHasAnyNumberOfConnections(t *testing.T) {
	unbounded := newConnections(0)
	for range 10_000 {
		if _, err := unbounded.take("192.0.2.1:1000"); err != nil {
			t.Fatal(err)
		}
	}
}

// failing is a connection on which nothing can be read or written.
type failing struct{ net.Conn }

func (failing) Read([]byte) (int, error) { return 0, io.EOF }

func (failing) Write([]byte) (int, error) { return 0, errors.New("reset") }

func TestConnectionThatFailsStopsCounting(t *testing.T) {
	for name, use := range map[string]func(net.Conn){
		"read": func(c net.Conn) { _, _ = c.Read(nil) }, "write": func(c net.Conn) { _, _ = c.Write(nil) },
	} {
		given := false
		use(&counted{failing{}, func() { given = true }})
		if !given {
			t.Errorf("%s: it counts still", name)
		}
	}
}

// Per request over HTTP, and per connection over gRPC: never per item.
func BenchmarkConnectionIsCounted(b *testing.B) {
	bounded := newConnections(1000)
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			give, err := bounded.take("192.0.2.1:1000")
			if err == nil {
				give()
			}
		}
	})
}
