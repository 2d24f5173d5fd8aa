// Package settings is the gateway's table of OTELGATE_* environment variables, and the confmap
// provider by which the files in config/ read them: ${otelgate:grpc_port} is OTELGATE_GRPC_PORT,
// checked, or its default. A value that is not understood stops `validate` and the start. Overlays says which files of
// config/overlays/ belong to the settings.
package settings

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"otelgate/collector/fault"
)

const prefix = "OTELGATE_"

// Setting is one row of the table, which is generated (table.go). Key is the name in the config files, and OTELGATE_
// plus its upper case is the environment variable. expected completes the error's "expected ...".
type Setting struct {
	Key      string
	Default  string
	kind     kind
	expected string
}

// Env is the environment variable's name.
func (s Setting) Env() string { return prefix + strings.ToUpper(s.Key) }

// Settings holds the parsed value of each key: string, int64, float64 or bool.
type Settings map[string]any

// Load reads the table from environ (entries as in os.Environ). Its error joins every fault found,
// each naming the variable, the value and what was expected.
func Load(environ []string) (Settings, error) {
	given := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && value != "" {
			given[name] = value
		}
	}
	loaded := Settings{}
	var faults []error
	for _, setting := range Table {
		raw, isSet := given[setting.Env()]
		delete(given, setting.Env())
		if !isSet {
			raw = setting.Default
		}
		value, ok := setting.kind(raw)
		if !ok {
			faults = append(faults, fault.Of(setting.Env(), raw, "%s", setting.expected))
		}
		loaded[setting.Key] = value
	}
	faults = append(faults, unknown(given)...)
	if len(faults) == 0 {
		faults = loaded.check()
	}
	return loaded, errors.Join(faults...)
}

// check looks at settings that only make sense together.
func (s Settings) check() []error {
	var faults []error
	if (s["tls_cert_file"] == "") != (s["tls_key_file"] == "") {
		faults = append(faults, errors.New("OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE: expected both or neither"))
	}
	if (s["stores_cert_file"] == "") != (s["stores_key_file"] == "") {
		faults = append(faults, errors.New("OTELGATE_STORES_CERT_FILE and OTELGATE_STORES_KEY_FILE: expected both or neither"))
	}
	if s["tls_client_ca_file"] != "" && s["tls_cert_file"] == "" {
		faults = append(faults, fault.Of("OTELGATE_TLS_CLIENT_CA_FILE", s["tls_client_ca_file"], "OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE with it"))
	}
	// The stack's own parts and the doctor have the operator's.
	if s["applications_file"] != "" && s["token_file"] == "" {
		faults = append(faults, fault.Of("OTELGATE_APPLICATIONS_FILE", s["applications_file"], "OTELGATE_TOKEN_FILE, the operator's token, with it"))
	}
	// Else a trace's first spans are given up before its root can say that it was slow.
	if wait, slow := s.duration("sample_wait"), s.duration("sample_slow"); sampling(s["sample_percent"]) && wait <= slow {
		faults = append(faults, fault.Of("OTELGATE_SAMPLE_WAIT", s["sample_wait"], "more than OTELGATE_SAMPLE_SLOW, which is %s", s["sample_slow"]))
	}
	return faults
}

// duration reads a setting of that kind, which has been checked.
func (s Settings) duration(key string) time.Duration {
	value, _ := time.ParseDuration(s[key].(string))
	return value
}

func unknown(left map[string]string) []error {
	names := make([]string, 0, len(left))
	for name := range left {
		names = append(names, name)
	}
	sort.Strings(names)
	faults := make([]error, 0, len(names))
	for _, name := range names {
		faults = append(faults, fmt.Errorf("%s: unknown setting of the gateway, did you mean %s?", name, nearest(name)))
	}
	return faults
}

// nearest returns the known variable with the smallest edit distance to name.
func nearest(name string) string {
	best, distance := "", 1<<30
	for _, setting := range Table {
		if d := editDistance(name, setting.Env()); d < distance {
			best, distance = setting.Env(), d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func atoi(raw string) (int64, bool) {
	value, err := strconv.ParseInt(raw, 10, 64)
	return value, err == nil
}

// atof reads plain decimals: no exponents, no infinities, nothing that is not a number.
func atof(raw string) (float64, bool) {
	value, err := strconv.ParseFloat(raw, 64)
	return value, err == nil && strings.Trim(raw, "0123456789.") == ""
}
