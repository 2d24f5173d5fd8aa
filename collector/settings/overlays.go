package settings

import "strings"

// Overlay is a file of config/overlays/ that merges over the numbered files when a setting asks for it.
type Overlay struct {
	File    string
	Setting string
	Asked   func(value any) bool
	Queues  int // on disk, that it adds to the two of the numbered files
}

// Overlays is the whole of what settings choose in the wiring, in the order in which the files merge.
var Overlays = []Overlay{
	{"audit.yaml", "audit", is(true), 2},
	{"sampling.yaml", "sample_percent", sampling, 0},
	{"traces-to-jaeger.yaml", "traces_to", is("jaeger"), 0},
	{"traces-to-both.yaml", "traces_to", is("both"), 1},
	{"tempo-plaintext.yaml", "tempo_endpoint", plaintext, 0},
	{"jaeger-plaintext.yaml", "jaeger_endpoint", plaintext, 0},
	{"tls.yaml", "tls_cert_file", given, 0},
	{"client-certificates.yaml", "tls_client_ca_file", given, 0},
	{"tokens.yaml", "token_file", given, 0},
}

// Env is the variable that asks for the overlay.
func (o Overlay) Env() string { return prefix + strings.ToUpper(o.Setting) }

// AskedBy says whether the overlay belongs to the configuration.
func (o Overlay) AskedBy(s Settings) bool { return o.Asked(s[o.Setting]) }

func given(value any) bool { return value != "" }

func plaintext(endpoint any) bool { return !strings.HasPrefix(endpoint.(string), "https://") }

// sampling says whether some traces are not stored.
func sampling(percent any) bool { return percent.(float64) < 100 }

func is(wanted any) func(any) bool { return func(value any) bool { return value == wanted } }
