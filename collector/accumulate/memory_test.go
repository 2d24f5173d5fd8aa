package accumulate

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestSendersAreBoundedAndTotalsStay(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxSenders = 21 })
	r.sent(r.metrics(point{resource: of("long-quiet"), delta: true, from: 1, value: 7}))
	for i := range 30 {
		r.sent(r.metrics(point{resource: of("shop", "session.id", fmt.Sprint(i)), delta: true, from: 1, value: 1}))
	}
	r.flushed().expect(25, 25)
	if got := r.counted("otelgate.accumulate.dropped"); got[tooMany] != 12 {
		t.Error(got)
	}
	r.pass(11 * time.Minute)
	for i := range 10 {
		r.sent(r.metrics(point{resource: of("shop", "session.id", fmt.Sprint("later", i)), delta: true, from: 1, value: 1}))
	}
	r.flushed().expect(35, 35)
	if got := r.counted("otelgate.accumulate.expired"); got["sender"] == 0 || got["series"] != 0 || len(r.sources) > 21 {
		t.Error(got, len(r.sources))
	}
	r.start()
	if len(r.sources) > 21 {
		t.Errorf("%d are still stored", len(r.sources))
	}
}

func TestApplicationBeyondItsShareDoesNotAffectOthers(t *testing.T) {
	for name, bound := range map[string]func(*Config){
		"senders": func(c *Config) { c.MaxSenders = 100 }, "series": func(c *Config) { c.MaxSeries = 100 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, bound)
			send := func(application, service, tier string) {
				r.sent(r.metrics(point{
					resource: of(service, "otelgate.application", application, "session.id", tier), labels: map[string]any{"tier": tier},
					delta: true, from: 1, value: 1,
				}))
			}
			send("bank", "bank-web", "first")
			for i := range 200 { // by two of its services
				send("shop", []string{"shop-web", "shop-api"}[i%2], fmt.Sprint(i))
			}
			taken := 200 - int(r.counted("otelgate.accumulate.dropped")[tooMany])
			if taken < 85 || taken > 95 {
				t.Errorf("%d of the greedy one's, want about nine tenths", taken)
			}
			for range 2 { // after a restart, too
				for _, other := range []string{"bank", "newcomer"} {
					send(other, other+"-web", "another")
					r.refused(0, "")
				}
				send("shop", "shop-web", "one more")
				r.refused(1, tooMany)
				r.start()
			}
		})
	}
}

func TestReportsPointsBeyondLimitsToSenders(t *testing.T) {
	for name, bound := range map[string]func(*Config){
		"senders": func(c *Config) { c.MaxSenders = 2 }, "series": func(c *Config) { c.MaxSeries = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, bound)
			labelled := func(tier string) point {
				return point{resource: of("shop"), labels: map[string]any{"tier": tier}, delta: true, from: 1, value: 1}
			}
			r.sent(r.metrics(labelled("a"), labelled("b")))
			r.refused(0, "")
			r.sent(r.metrics(labelled("c"), labelled("d"), labelled("a")))
			r.refused(2, tooMany) // of a series that is known, no point is
		})
	}
}

// A cumulative sender that was forgotten and goes on was counted before.
func TestForgottenSenderIsNotCountedTwice(t *testing.T) {
	r := newRig(t)
	began := r.now
	age := func() float64 { return r.now.Sub(began).Seconds() + 1 }
	r.sent(r.metrics(point{resource: of("shop", "session.id", "a"), from: age(), value: 1000}))
	r.sent(r.metrics(point{resource: of("shop", "session.id", "b"), from: age(), value: 1}))
	r.flushed()
	for range 8 {
		r.pass(24 * time.Hour)
		r.sent(r.metrics(point{resource: of("shop", "session.id", "b"), from: age(), value: 1}))
		r.flushed()
	}
	if len(r.sources) != 1 {
		t.Fatalf("%d senders", len(r.sources))
	}
	r.sent(r.metrics(point{resource: of("shop", "session.id", "a"), from: age(), value: 1002}))
	r.pass(time.Second)
	r.sent(r.metrics(point{resource: of("shop", "session.id", "a"), from: age(), value: 1005}))
	r.flushed().expect(1004, 1004)
}

func TestFlushIsSplitBySamples(t *testing.T) {
	r := newRig(t)
	const count = 300
	histogram := func() pmetric.Metrics {
		all := pmetric.NewMetrics()
		metric := all.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName("sizes")
		metric.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		for n := range count {
			point := metric.Histogram().DataPoints().AppendEmpty()
			point.Attributes().PutInt("n", int64(n))
			point.SetStartTimestamp(r.ago(2))
			point.SetTimestamp(r.ago(1))
			point.SetCount(1)
			point.SetSum(1)
			point.ExplicitBounds().FromRaw([]float64{1, 2, 3, 4, 5, 6, 7, 8})
			point.BucketCounts().FromRaw([]uint64{1, 0, 0, 0, 0, 0, 0, 0, 0})
		}
		return all
	}
	r.sent(histogram())
	r.settled()
	points := 0
	for _, request := range r.sink.AllMetrics() {
		points += request.DataPointCount()
	}
	if requests := len(r.sink.AllMetrics()); points != 2*count || requests != 2 {
		t.Errorf("%d points in %d requests, want a zero and a value of each series in 2", points, requests)
	}
}

func TestDamagedEntryDoesNotAffectOthers(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("shop"), delta: true, from: 1, value: 5}))
	r.flushed()
	r.disk.entries["s1234"] = []byte("{")
	r.disk.entries["l1234"] = nil // as a value of which the checksum was wrong
	r.disk.entries["x"] = nil
	r.start()
	r.sent(r.metrics(point{resource: of("shop"), delta: true, from: 0.5, value: 5}))
	r.flushed().expect(10, 10)
	for _, key := range []string{"s1234", "l1234", "x"} {
		if _, there := r.disk.entries[key]; there {
			t.Errorf("%s is still there", key)
		}
	}
}

func TestFullDiskDoesNotStopTheFlush(t *testing.T) {
	r := newRig(t)
	r.sent(r.metrics(point{resource: of("d"), delta: true, from: 5, value: 3}))
	r.disk.full = true
	r.flushed().expect(3, 3)
	r.disk.full = false
	r.flushed()
	r.start()
	for _, s := range r.series {
		if !s.Written {
			t.Error("that it was written was not noted")
		}
	}
}
