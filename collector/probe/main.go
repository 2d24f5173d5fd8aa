// Program probe asks a URL once and exits 0 if the answer is 2xx, 1 if not, 2 if called wrongly.
// Health checks use it in images that have no shell. Credentials for a service are read from files.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// user is whom the stores' password is of.
const user = "otelgate"

var (
	password    = flag.String("password", "", "file with the password of the user "+user)
	certificate = flag.String("certificate", "", "file with the certificate to show, and to trust; PEM")
	authority   = flag.String("authority", "", "file with the authority to trust in its place; PEM")
	keyFile     = flag.String("key", "", "file with the certificate's key; PEM")
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: probe [options] URL")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := probe(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func probe(url string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	if *password != "" {
		secret, err := os.ReadFile(*password)
		if err != nil {
			return err
		}
		request.SetBasicAuth(user, strings.TrimSpace(string(secret)))
	}
	if *certificate != "" {
		config, err := mutual()
		if err != nil {
			return err
		}
		client.Transport = &http.Transport{TLSClientConfig: config}
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", url, answer.Status)
	}
	return nil
}

// mutual is for a server that wants the certificate that it shows itself.
func mutual() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(*certificate, *keyFile)
	if err != nil {
		return nil, err
	}
	trusted := *certificate
	if *authority != "" {
		trusted = *authority
	}
	content, err := os.ReadFile(trusted)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s: expected certificates in it, PEM", trusted)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots}, nil
}
