package settings

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func TestDefaults(t *testing.T) {
	loaded, err := Load([]string{"PATH=/bin", "OTELGATE_TRACES_TO="})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"host": "127.0.0.1", "grpc_port": int64(4317), "insecure": false, "traces_to": "tempo",
	} {
		if loaded[key] != want {
			t.Errorf("%s = %v, want %v", key, loaded[key], want)
		}
	}
}

func TestFaultsNameSettingValueAndExpectation(t *testing.T) {
	cert := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(cert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]string{
		"OTELGATE_RETENTION_LOGS=23h":          "OTELGATE_RETENTION_LOGS='23h': expected a duration of at least 24h in hours, days or weeks, such as 90d",
		"OTELGATE_GRPC_PORT=70000":             "OTELGATE_GRPC_PORT='70000': expected a port number from 1 to 65535",
		"OTELGATE_AUDIT=off":                   "OTELGATE_AUDIT='off': expected true or false",
		"OTELGATE_INSECURE=yes":                "OTELGATE_INSECURE='yes': expected true or false",
		"OTELGATE_TRACES_TO=zipkin":            "OTELGATE_TRACES_TO='zipkin': expected one of tempo, jaeger, both",
		"OTELGATE_MEMORY_LIMIT_MIB=0":          "OTELGATE_MEMORY_LIMIT_MIB='0': expected a whole number of at least 128",
		"OTELGATE_QUEUE_BYTES=10":              "OTELGATE_QUEUE_BYTES='10': expected a whole number of at least 8192",
		"OTELGATE_TEMPO_ENDPOINT=http://tempo": "OTELGATE_TEMPO_ENDPOINT='http://tempo': expected host:port, or https://host:port with TLS",
		"OTELGATE_LOKI_ENDPOINT=loki:3100":     "OTELGATE_LOKI_ENDPOINT='loki:3100': expected an http:// or https:// URL",
		"OTELGATE_TOKEN_FILE=/no/such/file":    "OTELGATE_TOKEN_FILE='/no/such/file': expected a file that can be read",
		"OTELGATE_TLS_CERT_FILE=" + cert:       "OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE: expected both or neither",
		"OTELGATE_STORES_CERT_FILE=" + cert:    "OTELGATE_STORES_CERT_FILE and OTELGATE_STORES_KEY_FILE: expected both or neither",
		"OTELGATE_TLS_CLIENT_CA_FILE=" + cert:  "OTELGATE_TLS_CLIENT_CA_FILE='" + cert + "': expected OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE with it",
		"OTELGATE_SAMPLE_PERCENT=101":          "OTELGATE_SAMPLE_PERCENT='101': expected a number from 0 to 100",
		"OTELGATE_SAMPLE_PERCENT=NaN":          "OTELGATE_SAMPLE_PERCENT='NaN': expected a number from 0 to 100",
		"OTELGATE_SAMPLE_COST_USD=0":           "OTELGATE_SAMPLE_COST_USD='0': expected a number above 0",
		"OTELGATE_SAMPLE_SLOW=500ms":           "OTELGATE_SAMPLE_SLOW='500ms': expected a duration of at least 1s, such as 30s, 5m or 1h",
		"OTELGATE_SAMPLE_WAIT=10":              "OTELGATE_SAMPLE_WAIT='10': expected a duration of at least 1s, such as 30s, 5m or 1h",
		"OTELGATE_HOST=http://x":               "OTELGATE_HOST='http://x': expected an IP address or a host name",
		"OTELGATE_GRCP_PORT=4317":              "OTELGATE_GRCP_PORT: unknown setting of the gateway, did you mean OTELGATE_GRPC_PORT?",
	} {
		_, err := Load([]string{entry})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", entry, err, want)
		}
	}
}

func TestHostHasTheFormOfAnEndpoint(t *testing.T) {
	for given, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "localhost": "localhost", "gateway.example": "gateway.example",
		"::1": "[::1]", "[::1]": "[::1]", "::": "[::]", "::ffff:127.0.0.1": "[::ffff:127.0.0.1]",
	} {
		loaded, err := Load([]string{"OTELGATE_HOST=" + given})
		if err != nil || loaded["host"] != want {
			t.Errorf("%s: got %v (%v), want %s", given, loaded["host"], err, want)
		}
	}
}

func TestSamplingWaitsLongerThanSlowTakes(t *testing.T) {
	short := []string{"OTELGATE_SAMPLE_WAIT=10s"}
	if _, err := Load(short); err != nil {
		t.Errorf("sampling is off: %v", err)
	}
	_, err := Load(append(short, "OTELGATE_SAMPLE_PERCENT=5"))
	want := "OTELGATE_SAMPLE_WAIT='10s': expected more than OTELGATE_SAMPLE_SLOW, which is 10s"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestApplicationsNeedTheOperatorsToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "applications.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load([]string{"OTELGATE_APPLICATIONS_FILE=" + file})
	want := "OTELGATE_APPLICATIONS_FILE='" + file + "': expected OTELGATE_TOKEN_FILE, the operator's token, with it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load([]string{"OTELGATE_APPLICATIONS_FILE=" + file, "OTELGATE_TOKEN_FILE=" + file}); err != nil {
		t.Error(err)
	}
}

func TestAllFaultsAreReportedTogether(t *testing.T) {
	_, err := Load([]string{"OTELGATE_FSYNC=1", "OTELGATE_HTTP_PORT=x", "OTELGATE_HOTS=a"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Fatalf("want three lines, got %v", err)
	}
}

func retrieve(t *testing.T, key string, environ ...string) any {
	t.Helper()
	p := &provider{environ: func() []string { return environ }}
	retrieved, err := p.Retrieve(context.Background(), "otelgate:"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := retrieved.AsRaw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestLoopbackOnlyFollowsFromTheHosts(t *testing.T) {
	for _, each := range []struct {
		environ []string
		want    bool
	}{
		{nil, true},
		{[]string{"OTELGATE_HOST=0.0.0.0"}, false},
		{[]string{"OTELGATE_HOST=0.0.0.0", "OTELGATE_PUBLISHED_HOST=127.0.0.1"}, true},
		{[]string{"OTELGATE_HOST=0.0.0.0", "OTELGATE_PUBLISHED_HOST=192.0.2.7"}, false},
	} {
		if got := retrieve(t, "loopback_only", each.environ...); got != each.want {
			t.Errorf("%v: %v", each.environ, got)
		}
	}
}

func TestTokenForTheOwnMetricsStaysTheSameInAProcess(t *testing.T) {
	first := retrieve(t, "self_token").(string)
	if second := retrieve(t, "self_token"); len(first) < 26 || second != first {
		t.Errorf("self_token = %d characters, then another: %t", len(first), second != first)
	}
}

func TestFileContentIsSentAsHeader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for key, of := range map[string]struct{ env, noun, want string }{
		"audit_headers":      {"OTELGATE_AUDIT_TOKEN_FILE", "token", "Bearer s3cret"},
		"prometheus_headers": {"OTELGATE_STORES_PASSWORD_FILE", "password", "Basic b3RlbGdhdGU6czNjcmV0"},
	} {
		if got := retrieve(t, key); len(got.(map[string]any)) != 0 {
			t.Errorf("%s without a file: %v", key, got)
		}
		if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		setting := of.env + "=" + file
		if got := retrieve(t, key, setting).(map[string]any)["authorization"]; got != of.want {
			t.Errorf("%s: authorization = %v, want %s", key, got, of.want)
		}
		if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &provider{environ: func() []string { return []string{setting} }}
		_, err := p.Retrieve(context.Background(), "otelgate:"+key, nil)
		want := fmt.Sprintf("%s='%s': expected a %s, the file is empty", of.env, file, of.noun)
		if err == nil || err.Error() != want {
			t.Errorf("an empty file: %v, want %s", err, want)
		}
	}
}

func TestLogsMayBeALittleYoungerThanLokiKeepsThem(t *testing.T) {
	for kept, want := range map[string]string{"744h": "743h0m0s", "24h": "23h0m0s", "2w": "335h0m0s"} {
		if got := retrieve(t, "log_max_age", "OTELGATE_RETENTION_LOGS="+kept); got != want {
			t.Errorf("kept %s: log_max_age = %v, want %s", kept, got, want)
		}
	}
}

func TestOwnMetricsCanBePublishedFromAContainer(t *testing.T) {
	if got := retrieve(t, "own_host"); got != "127.0.0.1" {
		t.Errorf("own_host = %v", got)
	}
	if got := retrieve(t, "own_host", "OTELGATE_PUBLISHED_HOST=127.0.0.1"); got != "0.0.0.0" {
		t.Errorf("own_host in a container = %v", got)
	}
}

func TestTheSamplerReadsMilliseconds(t *testing.T) {
	if got := retrieve(t, "sample_slow_ms", "OTELGATE_SAMPLE_SLOW=2m"); got != 120_000 {
		t.Errorf("sample_slow_ms = %v", got)
	}
}

func TestSmallPricesAreWrittenAsOTTLReadsThem(t *testing.T) {
	p := &provider{environ: func() []string { return []string{"OTELGATE_SAMPLE_COST_USD=0.000002"} }}
	retrieved, err := p.Retrieve(context.Background(), "otelgate:sample_cost_usd", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := retrieved.AsString(); err != nil || got != "0.000002" {
		t.Errorf("sample_cost_usd = %q, %v", got, err)
	}
}

func TestUnknownKey(t *testing.T) {
	p := NewFactory().Create(confmap.ProviderSettings{})
	_, err := p.Retrieve(context.Background(), "otelgate:nonsense", nil)
	if err == nil || err.Error() != "${otelgate:nonsense}: no such setting" {
		t.Fatal(err)
	}
}

// The kinds' examples are in the same file as their texts; the Python tests read the same file.
func TestKindsTakeAndRefuseTheirExamples(t *testing.T) {
	written, err := os.ReadFile(filepath.Join("..", "..", "compose", "settings.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var source struct {
		Kinds map[string]struct{ Takes, Refuses []string }
	}
	if err := yaml.Unmarshal(written, &source); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]kind{
		"text": text, "boolean": boolean, "whole": whole(0, 0), "percent": percent, "positive": positive, "duration": duration,
		"retention": retention, "port": port, "host": host, "endpoint": endpoint, "store": store, "url": httpURL, "path": path,
	} {
		examples := source.Kinds[name]
		if len(examples.Takes) == 0 {
			t.Errorf("%s: no examples", name)
		}
		for _, raw := range examples.Takes {
			if _, ok := read(raw); !ok {
				t.Errorf("%s: refuses %s", name, raw)
			}
		}
		for _, raw := range examples.Refuses {
			if value, ok := read(raw); ok {
				t.Errorf("%s: takes %s as %v", name, raw, value)
			}
		}
	}
}

func TestEachDataFolderHasItsOwnName(t *testing.T) {
	host, _ := os.Hostname()
	folders := []string{filepath.Join(t.TempDir(), "new"), t.TempDir()}
	var names []string
	for _, folder := range folders {
		name := retrieve(t, "instance_id", "OTELGATE_DATA_DIR="+folder).(string)
		if !strings.HasPrefix(name, host+"-") || len(name) != len(host)+7 {
			t.Errorf("instance_id = %s", name)
		}
		if again := retrieve(t, "instance_id", "OTELGATE_DATA_DIR="+folder); again != name {
			t.Errorf("%s, then %s", name, again)
		}
		names = append(names, name)
	}
	if names[0] == names[1] {
		t.Errorf("both are %s", names[0])
	}
}

func TestGatewaysWithOneConfiguredNameDiffer(t *testing.T) {
	var names []string
	for _, folder := range []string{t.TempDir(), t.TempDir()} {
		given := []string{"OTELGATE_DATA_DIR=" + folder, "OTELGATE_INSTANCE_ID=eu-1"}
		name := retrieve(t, "instance_id", given...).(string)
		own := retrieve(t, "instance_id", given[0]).(string)
		if letters := own[len(own)-7:]; name != "eu-1"+letters {
			t.Errorf("instance_id = %s in the folder of %s", name, own)
		}
		if again := retrieve(t, "instance_id", given...); again != name {
			t.Errorf("%s, then %s", name, again)
		}
		names = append(names, name)
	}
	if names[0] == names[1] {
		t.Errorf("both are %s", names[0])
	}
}

func TestRecreatesEmptyName(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, instanceFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	name := retrieve(t, "instance_id", "OTELGATE_DATA_DIR="+folder)
	if again := retrieve(t, "instance_id", "OTELGATE_DATA_DIR="+folder); again != name {
		t.Errorf("%s, then %s", name, again)
	}
}

func TestMemoryLimitSetsRememberedItems(t *testing.T) {
	for limit, want := range map[string][4]int{
		"128": {7_692, 76_923, 524_288, 1_677_721}, "256": {38_461, 384_615, 1_000_000, 5_033_164},
		"512": {100_000, 1_000_000, 1_000_000, 11_744_051}, "4096": {100_000, 1_000_000, 1_000_000, 105_696_460},
	} {
		given := "OTELGATE_MEMORY_LIMIT_MIB=" + limit
		if got := [4]int{
			retrieve(t, "indexed_spans", given).(int), retrieve(t, "counted_items", given).(int),
			retrieve(t, "piece_bytes", given).(int), retrieve(t, "sample_bytes", given).(int),
		}; got != want {
			t.Errorf("%s: got %v, want %v", given, got, want)
		}
	}
}

func TestTheLargestMessageFitsTheMemoryLimit(t *testing.T) {
	for given, want := range map[string][2]int{
		"OTELGATE_MEMORY_LIMIT_MIB=128": {2, 128}, "OTELGATE_MEMORY_LIMIT_MIB=256": {6, 256},
		"OTELGATE_MEMORY_LIMIT_MIB=512": {16, 0}, "OTELGATE_MAX_MESSAGE_MIB=23": {16, 512}, "OTELGATE_MAX_MESSAGE_MIB=3": {3, 0},
	} {
		if got := [2]int{retrieve(t, "largest_message_mib", given).(int), retrieve(t, "largest_message_by", given).(int)}; got != want {
			t.Errorf("%s: got %v MiB and the limit that says so, want %v", given, got, want)
		}
	}
}
