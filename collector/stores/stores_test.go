package stores

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

var ctx = context.Background()

const patient = time.Minute

// named are so many items; those at the places in bad are "bad-…".
func named(count int, bad ...int) (names []string) {
	for n := range count {
		names = append(names, fmt.Sprintf("good-%d", n))
	}
	for _, n := range bad {
		names[n] = fmt.Sprintf("bad-%d", n)
	}
	return names
}

func good(names []string) (left []string) {
	for _, name := range names {
		if strings.HasPrefix(name, "good") {
			left = append(left, name)
		}
	}
	return left
}

func TestIsolatesBadItemAndStoresOthersOnce(t *testing.T) {
	for title, names := range map[string][]string{
		"first": named(9, 0), "last": named(9, 8), "several": named(9, 2, 3, 7), "only": named(1, 0), "all": named(5, 0, 1, 2, 3, 4), "none": named(9),
	} {
		for _, code := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity} {
			t.Run(fmt.Sprint(title, code), func(t *testing.T) {
				server := newStore(t, refusing("bad", code))
				b := started(t, t.TempDir(), server.URL, usual)
				require.NoError(t, b.traces.ConsumeTraces(ctx, spans(names...)))
				require.NoError(t, b.logs.ConsumeLogs(ctx, records(names...)))
				want := good(names)
				bad := len(names) - len(want)
				require.Eventually(t, func() bool { return len(b.book.all()) == 2*bad && len(server.taken()) == len(want) }, patient, time.Millisecond)
				require.Eventually(t, func() bool {
					for _, times := range server.taken() {
						if times != 2 { // once as a span, and once as a record
							return false
						}
					}
					return true
				}, patient, time.Millisecond)
				for _, item := range b.book.all() {
					require.Equal(t, "otlp_http/loki", item.Store)
					require.Equal(t, "shop", item.Service)
					require.Contains(t, item.Reason, "HTTP Status Code "+fmt.Sprint(code))
					require.Positive(t, item.Bytes)
					if item.Signal == "traces" {
						require.Equal(t, "retail", item.Application)
						require.Equal(t, "01000000000000000000000000000000", item.TraceID)
						require.Len(t, item.SpanID, 16)
					}
				}
				b.stop()
				require.Zero(t, counted(t, b, "otelcol_exporter_send_failed_spans"), "nothing is lost")
				require.EqualValues(t, len(want), counted(t, b, "otelcol_exporter_sent_spans"))
				require.EqualValues(t, len(want), counted(t, b, "otelcol_exporter_sent_log_records"))
			})
		}
	}
}

func counted(t *testing.T, b *bench, name string) (total int64) {
	t.Helper()
	found, err := b.telemetry.GetMetric(name)
	if err != nil {
		return 0 // nothing was counted
	}
	for _, point := range found.Data.(metricdata.Sum[int64]).DataPoints {
		total += point.Value
	}
	return total
}

func TestLargeBatchGoesToTheSecondQueueInPieces(t *testing.T) {
	server := newStore(t, refusing("bad", http.StatusBadRequest))
	b := started(t, t.TempDir(), server.URL, strings.Replace(usual, "100000}", "100}", 1))
	names := named(20, 11)
	require.NoError(t, b.traces.ConsumeTraces(ctx, spans(names...)))
	require.Eventually(t, func() bool { return len(b.book.all()) == 1 && len(server.taken()) == 19 }, patient, time.Millisecond)
	for name, times := range server.taken() {
		require.Equal(t, 1, times, name)
	}
}

func TestBatchOfManyItemsIsSentInSeveralRequests(t *testing.T) {
	answer := func(names []string) int {
		if len(names) > 3 {
			return http.StatusRequestEntityTooLarge
		}
		return refusing("bad", http.StatusBadRequest)(names)
	}
	for title, names := range map[string][]string{"all good": named(10), "a bad one": named(10, 4)} {
		t.Run(title, func(t *testing.T) {
			server := newStore(t, answer)
			b := started(t, t.TempDir(), server.URL, usual+"max_items: 3\n")
			require.NoError(t, b.traces.ConsumeTraces(ctx, spans(names...)))
			require.NoError(t, b.logs.ConsumeLogs(ctx, records(names...)))
			want := good(names)
			require.Eventually(t, func() bool {
				taken := server.taken()
				for _, times := range taken {
					if times != 2 { // once as a span, and once as a record
						return false
					}
				}
				return len(taken) == len(want) && len(b.book.all()) == 2*(len(names)-len(want))
			}, patient, time.Millisecond)
			if len(want) == len(names) {
				require.Equal(t, 8, server.requests(), "none was refused")
			}
		})
	}
}

func TestStoreThatFailsWithinBatchGetsTheRestLater(t *testing.T) {
	var asked atomic.Int32
	server := newStore(t, func([]string) int {
		if asked.Add(1) == 2 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	b := started(t, t.TempDir(), server.URL, usual+"max_items: 3\n")
	require.NoError(t, b.traces.ConsumeTraces(ctx, spans(named(10)...)))
	require.Eventually(t, func() bool { return len(server.taken()) == 10 }, patient, time.Millisecond)
	for name, times := range server.taken() {
		require.Equal(t, 1, times, name)
	}
}

func TestTemporarilyRefusedBatchDoesNotBlockOthers(t *testing.T) {
	server := newStore(t, refusing("later", http.StatusTooManyRequests))
	b := started(t, t.TempDir(), server.URL, usual)
	for n := range 5 { // one consumer, and many more of them than it
		require.NoError(t, b.logs.ConsumeLogs(ctx, records(fmt.Sprintf("later-%d", n))))
		require.Eventually(t, func() bool { return server.requests() > n }, patient, time.Millisecond)
	}
	require.NoError(t, b.logs.ConsumeLogs(ctx, records("good")))
	require.Eventually(t, func() bool { return server.taken()["good"] == 1 }, patient, time.Millisecond)
	server.answers(refusing("never", 0))
	require.Eventually(t, func() bool { return len(server.taken()) == 6 }, patient, time.Millisecond)
	for name, times := range server.taken() {
		require.Equal(t, 1, times, name)
	}
	require.Empty(t, b.book.all())
}

func TestUnavailableStoreKeepsOrderInFirstQueue(t *testing.T) {
	server := newStore(t, refusing("good", http.StatusUnauthorized)) // it lets nothing in
	folder := t.TempDir()
	b := started(t, folder, server.URL, usual)
	for n := range 3 {
		require.NoError(t, b.logs.ConsumeLogs(ctx, records(named(n + 1)[n])))
	}
	require.Eventually(t, func() bool { return server.requests() > 3 }, patient, time.Millisecond)
	p := b.logs.(logs).pair
	require.Zero(t, b.queues.Waiting(p.secondID, "logs"))
	require.Positive(t, b.queues.Waiting(p.id, "logs"))
	server.answers(refusing("never", 0))
	require.Eventually(t, func() bool { return len(server.taken()) == 3 }, patient, time.Millisecond)
}

func TestBothQueuesShareTheirBytes(t *testing.T) {
	server := newStore(t, refusing("later", http.StatusTooManyRequests))
	b := started(t, t.TempDir(), server.URL, strings.Replace(usual, "queue_size: 10000000", "queue_size: 4000", 1))
	p := b.logs.(logs).pair
	names := make([]string, 40)
	for n := range names {
		names[n] = fmt.Sprintf("later-%d", n)
	}
	require.NoError(t, b.logs.ConsumeLogs(ctx, records(names...)))
	require.Eventually(t, func() bool { return b.queues.Waiting(p.secondID, "logs") > 0 && b.queues.Waiting(p.id, "logs") == 0 }, patient, time.Millisecond)
	require.ErrorContains(t, b.logs.ConsumeLogs(ctx, records(named(180)...)), "sending queue is full")
	require.EqualValues(t, 180, counted(t, b, "otelcol_exporter_enqueue_failed_log_records"))
	require.NoError(t, b.logs.ConsumeLogs(ctx, records("good")))
	server.answers(refusing("never", 0))
	require.Eventually(t, func() bool { return len(server.taken()) == 41 }, patient, time.Millisecond)
}

func TestKilledGatewayKeepsItemsOfRefusedBatch(t *testing.T) {
	names := named(8, 5)
	for after := range 8 { // requests until the bad item is alone
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			folder, reached, proceed := t.TempDir(), make(chan struct{}), make(chan struct{})
			requests := 0
			refuses := refusing("bad", http.StatusBadRequest)
			first := newStore(t, func(names []string) int {
				if requests++; requests == after+1 {
					close(reached)
					<-proceed
				}
				return refuses(names)
			})
			b := started(t, folder, first.URL, usual)
			require.NoError(t, b.traces.ConsumeTraces(ctx, spans(names...)))
			var left string
			select {
			case <-reached: // while the store has not answered
				left = snapshot(t, folder)
				close(proceed)
			case <-time.After(patient):
				t.Fatal("too few requests")
			}
			before := first.taken()
			b.stop()
			second := newStore(t, refuses)
			restarted := started(t, left, second.URL, usual)
			require.Eventually(t, func() bool {
				now := second.taken()
				for _, name := range good(names) {
					if before[name]+now[name] == 0 {
						return false
					}
				}
				return len(restarted.book.all())+len(b.book.all()) > 0
			}, patient, time.Millisecond)
		})
	}
}

func TestStoppedExporterSendsNothingTwice(t *testing.T) {
	answered := make(chan struct{})
	server := newStore(t, func(names []string) int { // takes good-0, then is away
		if len(names) > 1 {
			return http.StatusBadRequest
		}
		if names[0] == "good-0" {
			return http.StatusOK
		}
		select {
		case <-answered:
		default:
			close(answered)
		}
		return http.StatusUnauthorized
	})
	folder := t.TempDir()
	b := started(t, folder, server.URL, usual)
	require.NoError(t, b.logs.ConsumeLogs(ctx, records(named(4)...)))
	<-answered
	b.stop()
	server.answers(refusing("never", 0))
	started(t, folder, server.URL, usual)
	require.Eventually(t, func() bool { return len(server.taken()) == 4 }, patient, time.Millisecond)
	for name, times := range server.taken() {
		require.Equal(t, 1, times, name)
	}
}

func TestPatiencePassesSingleBatchesWhenAllAreRefused(t *testing.T) {
	var p patience
	now := time.Unix(1000, 0)
	for range mostRefused {
		require.True(t, p.ends(now))
	}
	require.False(t, p.ends(now))
	now = now.Add(patienceFor)
	require.True(t, p.ends(now))
	require.False(t, p.ends(now))
	p.renew()
	require.True(t, p.ends(now), "the store took something")
}

func TestPauseGrowsAndEndsWithTheExporter(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	var p pause
	for _, want := range []time.Duration{shortPause, 2 * shortPause, 4 * shortPause, longPause, longPause} {
		p.wait(stop)
		require.Equal(t, want, p.length)
	}
	p.reset()
	require.Zero(t, p.length)
}

func TestExporterWithoutSecondQueueIsUpstreams(t *testing.T) {
	for title, yaml := range map[string]string{
		"nothing of it":        "endpoint: http://127.0.0.1:1",
		"no queue":             "endpoint: http://127.0.0.1:1\nsending_queue: {enabled: false}\nrefused: {rejects: rejects, piece_bytes: 1}",
		"upstream's own parts": "endpoint: http://127.0.0.1:1\nencoding: json\nlogs_endpoint: http://127.0.0.1:2\nsending_queue: {queue_size: 5}\nretry_on_failure: {enabled: false}",
	} {
		t.Run(title, func(t *testing.T) {
			raw, err := confmap.NewRetrievedFromYAML([]byte(yaml))
			require.NoError(t, err)
			conf, err := raw.AsConf()
			require.NoError(t, err)
			factory := httpFactory()
			cfg := factory.CreateDefaultConfig()
			require.NoError(t, conf.Unmarshal(cfg))
			require.NoError(t, cfg.(*Config[otlphttpexporter.Config]).Exporter.Validate())
			for _, name := range []string{"otlp_http", "otlphttp"} {
				set := exporter.Settings{ID: component.NewIDWithName(component.MustNewType(name), "mine"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
				made, err := factory.CreateLogs(ctx, set, cfg)
				require.NoError(t, err)
				_, wrapped := made.(logs)
				require.False(t, wrapped)
				_, err = factory.CreateMetrics(ctx, set, cfg)
				require.NoError(t, err)
			}
		})
	}
}

func TestFaultsOfTheSecondQueueAreNamed(t *testing.T) {
	require.EqualError(t, (&Refused{}).Validate(), "piece_bytes='0': expected at least 1")
}

func TestWithoutExtensionItemsAreLogged(t *testing.T) {
	server := newStore(t, refusing("bad", http.StatusBadRequest))
	factory := httpFactory()
	cfg := factory.CreateDefaultConfig().(*Config[otlphttpexporter.Config])
	cfg.Exporter.ClientConfig.Endpoint, cfg.Exporter.ClientConfig.Compression = server.URL, "none"
	cfg.Exporter.QueueConfig.GetOrInsertDefault()
	cfg.Refused = &Refused{Rejects: component.MustNewID("rejects"), PieceBytes: 1000}
	settings := componenttest.NewNopTelemetrySettings()
	core, said := observer.New(zap.WarnLevel)
	settings.Logger = zap.New(core)
	made, err := factory.CreateLogs(ctx, exporter.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: settings}, cfg)
	require.NoError(t, err)
	require.NoError(t, made.Start(ctx, componenttest.NewNopHost()))
	require.NoError(t, made.ConsumeLogs(ctx, records(named(3, 1)...)))
	require.Eventually(t, func() bool {
		return len(server.taken()) == 2 && said.FilterMessageSnippet("refuses an item").Len() == 1
	}, patient, time.Millisecond)
	require.Equal(t, 1, said.FilterMessageSnippet("not in service::extensions").Len())
	require.NoError(t, made.Shutdown(ctx))
}
