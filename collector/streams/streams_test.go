package streams

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

type bench struct {
	*streams
	sink      *consumertest.LogsSink
	telemetry *componenttest.Telemetry
	now       time.Time
}

func started(t *testing.T, most int) *bench {
	t.Helper()
	b := &bench{sink: &consumertest.LogsSink{}, telemetry: componenttest.NewTelemetry(), now: time.Unix(1_000_000, 0)}
	cfg := defaultConfig().(*Config)
	cfg.MaxStreams = most
	require.NoError(t, cfg.Validate())
	var err error
	b.streams, err = newStreams(cfg, b.telemetry.NewTelemetrySettings(), b.sink, func() time.Time { return b.now })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Shutdown(context.Background())) })
	return b
}

func line(application, service, environment string) plog.Logs {
	data := plog.NewLogs()
	resource := data.ResourceLogs().AppendEmpty()
	for name, value := range map[string]string{applicationName: application, serviceName: service, "deployment.environment.name": environment} {
		if value != "" {
			resource.Resource().Attributes().PutStr(name, value)
		}
	}
	resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	return data
}

// sent returns the attributes of the resource that came out.
func (b *bench) sent(t *testing.T, data plog.Logs) map[string]any {
	t.Helper()
	data.MarkReadOnly() // others get the same
	require.NoError(t, b.ConsumeLogs(context.Background(), data))
	all := b.sink.AllLogs()
	return all[len(all)-1].ResourceLogs().At(0).Resource().Attributes().AsRaw()
}

func TestApplicationBeyondItsShareGetsOneStreamAndOthersKeepTheirs(t *testing.T) {
	b := started(t, 100)
	require.Equal(t, "bank-web", b.sent(t, line("bank", "bank-web", ""))[serviceName])
	others := 0
	for n := range 200 {
		if b.sent(t, line("shop", fmt.Sprintf("shop-%d", n), "eu"))[serviceName] == Other {
			others++
		}
	}
	require.Greater(t, others, 100)
	require.Less(t, others, 120, "nine tenths of what is free are its own")
	require.Equal(t, "shop-0", b.sent(t, line("shop", "shop-0", "eu"))[serviceName], "those that it has stay")
	require.Equal(t, map[string]any{applicationName: "shop", serviceName: Other, Original: "shop-199"}, b.sent(t, line("shop", "shop-199", "eu")))
	for _, service := range []string{"bank-web", "bank-new"} {
		require.Equal(t, service, b.sent(t, line("bank", service, ""))[serviceName])
	}
	require.Equal(t, "new", b.sent(t, line("newcomer", "new", ""))[serviceName])
	counted, err := b.telemetry.GetMetric("otelgate.streams.other.lines")
	require.NoError(t, err)
	point := counted.Data.(metricdata.Sum[int64]).DataPoints[0]
	require.EqualValues(t, others+1, point.Value)
	application, _ := point.Attributes.Value("application")
	require.Equal(t, "shop", application.AsString())
}

func TestOwnServicesHaveAShareWithoutApplications(t *testing.T) {
	b := started(t, 100)
	for n := range 200 {
		b.sent(t, line("", fmt.Sprint("any-", n), ""))
	}
	require.Equal(t, Other, b.sent(t, line("", "one-more", ""))[serviceName])
	require.Equal(t, "otelgate-audit", b.sent(t, line("", "otelgate-audit", ""))[serviceName])
}

func TestUnusedStreamsMakeRoom(t *testing.T) {
	b := started(t, 10)
	for n := range 20 {
		b.sent(t, line("", fmt.Sprint("old-", n), ""))
	}
	b.now = b.now.Add(30 * time.Minute)
	require.Equal(t, "old-0", b.sent(t, line("", "old-0", ""))[serviceName])
	require.Equal(t, Other, b.sent(t, line("", "new", ""))[serviceName])
	b.now = b.now.Add(40 * time.Minute)
	require.Equal(t, "new", b.sent(t, line("", "new", ""))[serviceName])
	require.EqualValues(t, 2, b.places.Live())
}

func TestLinesWithinTheBoundAreNotCopied(t *testing.T) {
	b := started(t, 10)
	data := line("", "shop", "")
	require.NoError(t, b.ConsumeLogs(context.Background(), data))
	require.Equal(t, data, b.sink.AllLogs()[0])
}

func TestLabelsAreThoseOfLokisStreams(t *testing.T) {
	loki, err := os.ReadFile("../../compose/loki/loki.yaml")
	require.NoError(t, err)
	require.Contains(t, string(loki), "attributes: ["+strings.Join(labels[:], ", ")+"]")
}

func TestFaultsOfTheConfigurationAreNamed(t *testing.T) {
	require.EqualError(t, (&Config{}).Validate(), "max_streams='0': expected at least 1\nidle_for='0s': expected at least 1m")
}
