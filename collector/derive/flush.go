package derive

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"otelgate/collector/derive/internal/metadata"
)

const (
	// maxSamples of one request, zeros included: a histogram's point is one for each bucket, its count and its sum, which
	// remote write makes series of, each with all labels.
	maxSamples = 5000
	// zeroLead is how long before its first value a series is zero: stores keep milliseconds.
	zeroLead = time.Millisecond
	// zeroRetry is how long a zero that was refused is tried again. Stores refuse a whole request for
	// a sample that is older than they take (10 minutes in ours).
	zeroRetry = 5 * time.Minute
)

// batch is one request to be, and what to do again if it is refused.
type batch struct {
	metrics pmetric.Metrics
	scope   pmetric.ScopeMetrics
	samples int
	written []written
}

type written struct {
	shard *storeShard
	*series
	first bool
}

// flush writes the series that changed, or all of them.
func (c *connector) flush(ctx context.Context, all bool) {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	// Never earlier than the last one's points, with room for a zero between, and after every zero.
	least := max(c.flushed.load()+pcommon.Timestamp(2*zeroLead), c.begun.load()+pcommon.Timestamp(zeroLead))
	var batches []*batch
	var ended []uint64
	for _, m := range c.plan.metrics {
		batches, ended = c.collect(batches, ended, m, least, all)
	}
	c.end(ended)
	for _, b := range batches {
		if err := c.next.ConsumeMetrics(ctx, b.metrics); err != nil {
			c.flushErrors.Add(1)
			c.logger.Warn("derived metrics were refused; their series are sent again at the next flush", zap.Error(err))
			b.again()
		}
	}
}

// collect writes a metric's series into the last of the batches, or a new one. Their time is not before `least`. It
// ends those that nothing added to for long.
func (c *connector) collect(batches []*batch, ended []uint64, m *metric, least pcommon.Timestamp, all bool) ([]*batch, []uint64) {
	var into *batch
	var metric pmetric.Metric
	for i := range m.series.shards {
		shard := &m.series.shards[i]
		shard.Lock()
		// The time under the lock: a point holds nothing that came after it. The audit's reconciliation counts on that.
		now := max(pcommon.NewTimestampFromTime(c.clock()), least)
		c.flushed.raise(now)
		write := func(s *series) {
			if into == nil || into.samples >= maxSamples {
				if len(batches) == 0 || batches[len(batches)-1].samples >= maxSamples {
					batches = append(batches, c.newBatch())
				}
				into = batches[len(batches)-1]
				metric = m.describe(into.scope.Metrics().AppendEmpty())
			}
			into.write(m, metric, shard, s, now)
		}
		if all {
			for key, s := range shard.series {
				switch {
				case s.seen == 0: // of a request that does not count yet
				case !s.changed && !s.staged.touched && now-s.seen > pcommon.Timestamp(c.config.ExpireAfter) && now > s.seen:
					m.remove(shard, key)
					m.series.expired.Add(1)
					ended = append(ended, s.number)
				default:
					write(s)
				}
			}
		} else {
			for _, s := range shard.changed {
				write(s)
			}
		}
		clear(shard.changed)
		shard.changed = shard.changed[:0]
		shard.Unlock()
	}
	return batches, ended
}

// end records in the journal that series ended. Later values form a new series, with a zero and its own start time.
func (c *connector) end(numbers []uint64) {
	if c.journal == nil || len(numbers) == 0 {
		return
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	_ = c.journal.append(writeEnded(numbers)) // without it they are written once more after a restart
}

func (c *connector) newBatch() *batch {
	b := &batch{metrics: pmetric.NewMetrics()}
	resource := b.metrics.ResourceMetrics().AppendEmpty()
	// No service.name: it is a label here, the name of the service that was measured.
	resource.Resource().Attributes().PutStr("service.instance.id", c.config.InstanceID)
	b.scope = resource.ScopeMetrics().AppendEmpty()
	b.scope.Scope().SetName(metadata.ScopeName)
	return b
}

func (m *metric) describe(metric pmetric.Metric) pmetric.Metric {
	metric.SetName(m.name)
	metric.SetDescription(m.description)
	metric.SetUnit(m.unit)
	if m.histogram {
		metric.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	} else {
		sum := metric.SetEmptySum()
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		sum.SetIsMonotonic(true)
	}
	return metric
}

// write adds the series' point, and before the first one its zero.
func (b *batch) write(m *metric, metric pmetric.Metric, shard *storeShard, s *series, now pcommon.Timestamp) {
	first := !s.zeroed
	if first && now-s.start < pcommon.Timestamp(zeroRetry) {
		b.point(m, metric, s, s.start, true)
	}
	b.point(m, metric, s, now, false)
	b.written = append(b.written, written{shard, s, first})
	s.zeroed, s.changed, s.exemplar = true, false, s.exemplar[:0]
}

func (b *batch) point(m *metric, metric pmetric.Metric, s *series, at pcommon.Timestamp, zero bool) {
	if !m.histogram {
		b.samples++
		point := metric.Sum().DataPoints().AppendEmpty()
		point.SetStartTimestamp(s.start)
		point.SetTimestamp(at)
		putLabels(point.Attributes(), s.labels)
		if point.SetDoubleValue(0); !zero {
			point.SetDoubleValue(s.sum)
			putExemplars(point.Exemplars(), s.exemplar)
		}
		return
	}
	b.samples += len(s.buckets) + 2
	point := metric.Histogram().DataPoints().AppendEmpty()
	point.SetStartTimestamp(s.start)
	point.SetTimestamp(at)
	putLabels(point.Attributes(), s.labels)
	point.ExplicitBounds().FromRaw(m.bounds)
	counts := make([]uint64, len(s.buckets))
	point.SetSum(0)
	if !zero {
		var total uint64
		for i, weight := range s.buckets {
			counts[i] = uint64(math.Round(weight))
			total += counts[i]
		}
		point.SetCount(total)
		point.SetSum(s.sum)
		putExemplars(point.Exemplars(), s.exemplar)
	}
	point.BucketCounts().FromRaw(counts)
}

func putLabels(into pcommon.Map, labels []keyValue) {
	into.EnsureCapacity(len(labels))
	for _, label := range labels {
		into.PutStr(label.key, label.value)
	}
}

func putExemplars(into pmetric.ExemplarSlice, exemplars []exemplar) {
	for i := range exemplars {
		e := into.AppendEmpty()
		e.SetTimestamp(exemplars[i].at)
		e.SetDoubleValue(exemplars[i].value)
		e.SetTraceID(exemplars[i].trace)
		e.SetSpanID(exemplars[i].span)
	}
}

// again marks what a refused request held as not yet written. The zero goes out again with the time it
// had: where one of several stores took it, it changes nothing there.
func (b *batch) again() {
	for _, w := range b.written {
		w.shard.Lock()
		if w.first {
			w.zeroed = false
		}
		if !w.changed {
			w.changed = true
			w.shard.changed = append(w.shard.changed, w.series)
		}
		w.shard.Unlock()
	}
}
