package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// given sets flags for one test.
func given(t *testing.T, values map[*string]string) {
	for flag, value := range values {
		before := *flag
		*flag = value
		t.Cleanup(func() { *flag = before })
	}
}

func written(t *testing.T, name string, content []byte) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProbeSendsThePassword(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, sent, _ := r.BasicAuth(); name != user || sent != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	if err := probe(server.URL); err == nil || err.Error() != server.URL+" answered 401 Unauthorized" {
		t.Errorf("without a password: %v", err)
	}
	given(t, map[*string]string{password: written(t, "password", []byte("s3cret\n"))})
	if err := probe(server.URL); err != nil {
		t.Error(err)
	}
}

func TestProbeShowsTheCertificate(t *testing.T) {
	pair, key := pairOf(t)
	shown := written(t, "certificate", pair)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pair)
	own, err := tls.X509KeyPair(pair, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
	}
	server.StartTLS()
	defer server.Close()
	if err := probe(server.URL); err == nil {
		t.Error("taken without a certificate")
	}
	for _, trusted := range []string{"", shown} {
		given(t, map[*string]string{certificate: shown, authority: trusted, keyFile: written(t, "key", key)})
		if err := probe(server.URL); err != nil {
			t.Error(err)
		}
	}
	given(t, map[*string]string{authority: written(t, "authority", []byte("no certificate"))})
	if err := probe(server.URL); err == nil {
		t.Error("taken with an authority that is none")
	}
}

// pairOf makes a certificate that has signed itself, and its key, PEM.
func pairOf(t *testing.T) (certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
