package applications

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func shop(more string) string {
	return "applications:\n  - name: shop\n    token_sha256: [" + hash("old") + ", " + hash("new") + "]\n    services: [\"shop-*\"]\n    team: retail\n" + more
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "applications.yaml")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func started(t *testing.T, cfg *Config) (*senders, *componenttest.Telemetry) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	cfg.Poll = time.Millisecond
	s, err := create(telemetry.NewTelemetrySettings(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start(context.Background(), nil))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return s, telemetry
}

func ask(s *senders, header, value string) (*Application, error) {
	ctx, err := s.Authenticate(context.Background(), map[string][]string{header: {value}})
	return From(ctx), err
}

func TestSenderIsKnownByEachOfItsTokens(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("operator\n"), 0o600))
	s, _ := started(t, &Config{TokenFile: token, File: write(t, shop(""))})
	for _, each := range []struct{ header, value, application string }{
		{"authorization", "Bearer old", "shop"},
		{"Authorization", "bearer new", "shop"},
		{"authorization", "Bearer operator", ""},
	} {
		found, err := ask(s, each.header, each.value)
		require.NoError(t, err)
		name := ""
		if found != nil {
			name = found.Name
		}
		require.Equal(t, each.application, name, each.value)
	}
	for _, value := range []string{"", "Bearer", "Bearer ", "Bearer other", "Basic old", "old", "Bearer " + hash("old")} {
		_, err := ask(s, "authorization", value)
		require.Error(t, err, value)
	}
	_, err := s.Authenticate(context.Background(), map[string][]string{"authorization": {"Bearer old", "Bearer new"}})
	require.ErrorIs(t, err, errNone)
	_, err = s.Authenticate(context.Background(), nil)
	require.ErrorIs(t, err, errNone)
}

func TestTokenOfTheConfigurationIsTheOperators(t *testing.T) {
	s, _ := started(t, &Config{Token: "own"})
	found, err := ask(s, "authorization", "Bearer own")
	require.NoError(t, err)
	require.Nil(t, found)
	for _, value := range []string{"", "Bearer ", "Bearer other"} {
		_, err := ask(s, "authorization", value)
		require.Error(t, err, value)
	}
	require.ErrorContains(t, (&Config{Poll: 1, Token: "own", TokenFile: "file"}).Validate(), "token_file='file': expected no file, since there is a token")
}

func TestAuthenticationKeepsAddressAndMetadata(t *testing.T) {
	s, _ := started(t, &Config{File: write(t, shop(""))})
	before := client.NewContext(context.Background(), client.Info{Addr: &net.IPAddr{IP: net.IPv4(192, 0, 2, 7)}, Metadata: client.NewMetadata(map[string][]string{"a": {"b"}})})
	ctx, err := s.Authenticate(before, map[string][]string{"authorization": {"Bearer old"}})
	require.NoError(t, err)
	info := client.FromContext(ctx)
	require.Equal(t, "192.0.2.7", info.Addr.String())
	require.Equal(t, []string{"b"}, info.Metadata.Get("a"))
	require.Equal(t, "shop", info.Auth.GetAttribute("otelgate.application"))
	require.Equal(t, []string{"otelgate.application"}, info.Auth.GetAttributeNames())
}

func TestReloadsChangedFileUnlessInvalid(t *testing.T) {
	file := write(t, shop(""))
	s, telemetry := started(t, &Config{File: file})
	change := func(content string) { require.NoError(t, os.Rename(write(t, content), file)) } // atomic: no half of it is read
	knows := func(token string) bool {
		_, err := ask(s, "authorization", "Bearer "+token)
		return err == nil
	}
	change(strings.Replace(shop(""), hash("old"), hash("newer"), 1))
	require.Eventually(t, func() bool { return knows("newer") && knows("new") && !knows("old") }, time.Minute, time.Millisecond)
	change("applications: 5")
	failures := func() int64 {
		got, err := telemetry.GetMetric("otelgate.applications.reload.failures")
		require.NoError(t, err)
		return got.Data.(metricdata.Sum[int64]).DataPoints[0].Value
	}
	require.Eventually(t, func() bool { return failures() == 1 }, time.Minute, time.Millisecond)
	require.True(t, knows("newer"))
	require.NoError(t, os.Remove(file))
	require.Eventually(t, func() bool { return failures() == 2 }, time.Minute, time.Millisecond)
	require.True(t, knows("newer"))
	change(shop(""))
	require.Eventually(t, func() bool { return knows("old") && !knows("newer") }, time.Minute, time.Millisecond)
	require.EqualValues(t, 2, failures())
}

func TestFaultsOfAFileAreAllNamed(t *testing.T) {
	content := shop("    requests_per_second: -1\n    cost_center: \"a\\nb\"\n") +
		"  - name: otelgate-audit\n    token_sha256: [" + hash("old") + ", secret]\n    services: [otelgate-gateway, \"[\"]\n    mib_per_second: -2\n" +
		"  - name: shop\n    token_sha256: []\n"
	_, err := parse("x.yaml", []byte(content))
	for _, want := range []string{
		`applications[0]::requests_per_second='-1': expected a number above 0`,
		`applications[0]::cost_center='a\nb': expected up to 100 characters`,
		`applications[1]::name='otelgate-audit': expected a name that does not begin with "otelgate"`,
		`applications[1]::token_sha256='6 characters': expected 64 hexadecimal digits`,
		`applications[1]::services='otelgate-gateway': expected a name that does not begin with "otelgate"`,
		`applications[1]::services='[': expected a service's name`,
		`applications[1]::mib_per_second='-2': expected a number above 0`,
		`expected a token that is in the file once`,
		`applications[2]::token_sha256='': expected the SHA-256 of a token`,
		`applications[2]::name='shop': expected a name that no other application has`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), hash("old"))
	require.NotContains(t, err.Error(), "secret")
	_, err = parse("x.yaml", []byte("applications:\n  - name: shop\n    tokens: [a]\n"))
	require.EqualError(t, err, "x.yaml:3: applications[0]='tokens': expected one of the keys name, token_sha256, services, team, cost_center, requests_per_second, mib_per_second")
	_, err = parse("x.yaml", []byte("applications:\n  - name: shop\n    token_sha256: secret\n"))
	require.EqualError(t, err, "x.yaml:3: applications[0]::token_sha256='6 characters': expected a list")
}

func TestKeysWithNothingBehindThemAreNotGiven(t *testing.T) {
	known, err := parse("x.yaml", []byte(shop("    cost_center: \"\"\n    requests_per_second:\n")))
	require.NoError(t, err)
	of, _ := known.of("old")
	require.Zero(t, of.Limits.requests.perSecond, "no limit")
	require.Empty(t, of.CostCenter)
}

func TestStartWithoutUsableFilesFails(t *testing.T) {
	empty := write(t, " \n")
	for _, each := range []struct {
		cfg  Config
		want string
	}{
		{Config{File: write(t, "applications: 5")}, ":1: applications='5': expected a list"},
		{Config{File: filepath.Join(t.TempDir(), "absent")}, "no such file"},
		{Config{TokenFile: filepath.Join(t.TempDir(), "absent"), File: write(t, shop(""))}, "no such file"},
		{Config{TokenFile: empty}, "OTELGATE_TOKEN_FILE='" + empty + "': expected a token, the file is empty"},
		{Config{TokenFile: write(t, "old"), File: write(t, shop(""))}, `expected another token of "shop": it has the operator's`},
	} {
		s, err := create(componenttest.NewNopTelemetrySettings(), &each.cfg)
		require.NoError(t, err)
		require.ErrorContains(t, s.Start(context.Background(), nil), each.want)
		require.NoError(t, s.Shutdown(context.Background()))
	}
	require.ErrorContains(t, (&Config{}).Validate(), "poll='0s': expected more than 0s")
	require.NoError(t, NewFactory().CreateDefaultConfig().(*Config).Validate())
}

func TestApplicationMaySpeakForItsServicesOnly(t *testing.T) {
	known, err := parse("x.yaml", []byte(shop("")))
	require.NoError(t, err)
	of, _ := known.of("old")
	for service, may := range map[string]bool{"shop": true, "shop-web": true, "shop-": true, "shops": false, "bank": false, "": false, "Shop-web": false} {
		require.Equal(t, may, of.MaySpeakFor(service), service)
	}
	require.Equal(t, "shop", of.ServiceName())
	require.Equal(t, "web", (&Application{Name: "shop", services: []string{"web"}}).ServiceName())
}

func TestServiceBelongsToMostSpecificApplication(t *testing.T) {
	entry := func(name, services string) string {
		return "  - name: " + name + "\n    token_sha256: [" + hash(name) + "]\n    services: [" + services + "]\n"
	}
	known, err := parse("x.yaml", []byte("applications:\n"+entry("all", `"*"`)+entry("shop", `"shop-*"`)+entry("pay", `shop-pay, "shop-card-*"`)+entry("web", `"*-web1"`)))
	require.NoError(t, err)
	for service, want := range map[string]string{
		"bank": "all", "shop-web": "shop", "shop-pay": "pay", "shop-card-eu": "pay", "shop-payment": "shop", "shop": "shop", "pay": "pay",
		"shop-web1": "shop", "bank-web1": "web",
	} {
		require.Equal(t, want, known.owners.of(service).Name, service)
		for _, each := range *known.owners {
			require.Equal(t, each.Name == want, each.MaySpeakFor(service), "%s for %s", each.Name, service)
		}
	}
	require.Nil(t, known.owners.of("otelgate-gateway"))
	require.Nil(t, known.owners.of(""))

	_, err = parse("x.yaml", []byte("applications:\n"+entry("shop", `"shop-*"`)+entry("bank", `"shop-*", shop`)))
	require.ErrorContains(t, err, `applications[1]::services='shop-*': expected a service of no other application: it is one of "shop"`)
	require.ErrorContains(t, err, `applications[1]::services='shop': expected a service of no other application: it is one of "shop"`)
}

func TestOperatorSpeaksForTheApplicationOfAService(t *testing.T) {
	s, _ := started(t, &Config{TokenFile: write(t, "operator"), File: write(t, shop(""))})
	as := func(token string) context.Context {
		ctx, err := s.Authenticate(context.Background(), map[string][]string{"authorization": {"Bearer " + token}})
		require.NoError(t, err)
		return ctx
	}
	require.Equal(t, "shop", Owner(as("operator"), "shop-web").Name)
	require.Nil(t, Owner(as("operator"), "bank"))
	require.Nil(t, Owner(as("old"), "shop-web"), "an application speaks for itself")
	require.Nil(t, Owner(context.Background(), "shop-web"))
}

func TestRequestsBeyondALimitWaitForIt(t *testing.T) {
	now := time.Unix(1_000, 0)
	l := newLimits(2, 1)
	l.now = func() time.Time { return now }
	require.NoError(t, l.Take())
	require.NoError(t, l.Take())
	require.ErrorContains(t, l.Take(), "requests_per_second=2")
	now = now.Add(500 * time.Millisecond)
	require.NoError(t, l.Take())
	l.Used(4 << 20) // 3 MiB beyond
	now = now.Add(2 * time.Second)
	require.ErrorContains(t, l.Take(), "mib_per_second=1")
	now = now.Add(2 * time.Second)
	require.NoError(t, l.Take())
}

func TestApplicationWithoutLimitsIsNotHeldUp(t *testing.T) {
	l := newLimits(0, 0)
	for range 10_000 {
		require.NoError(t, l.Take())
		l.Used(1 << 30)
	}
}

func TestBatchesAreKeyedByApplication(t *testing.T) {
	s, _ := started(t, &Config{TokenFile: write(t, "operator"), File: write(t, shop(""))})
	for token, want := range map[string][]string{"old": {"shop"}, "operator": nil} {
		ctx, err := s.Authenticate(context.Background(), map[string][]string{"authorization": {"Bearer " + token}})
		require.NoError(t, err)
		require.Equal(t, want, client.FromContext(ctx).Metadata.Get(attribute), token)
	}
	exporters, err := os.ReadFile("../config/60-export.yaml")
	require.NoError(t, err)
	require.Contains(t, string(exporters), "metadata_keys: ["+attribute+"]")
}
