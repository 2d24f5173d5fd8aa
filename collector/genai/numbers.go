package genai

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/genai/internal/metadata"
)

// Numbers that can't be are removed, so that no sum ever takes one in; audit/otelgate_audit/ingest/values.py has the same
// bounds, and tests/golden/numbers.json is held against both.

// refusal is why a number was not taken.
type refusal uint8

const (
	accepted        refusal = iota
	refusedNegative         // below 0
	refusedNoNumber         // a text, NaN, an infinity, a part of a token
	refusedTooLarge         // above the target's max
	refusedNotBelow         // a part of a call's time that is all of it, or more
	refusals

	notStreamed = refusals // possible, but meaningless: it is left in place
)

var refusalWords = [refusals]string{"", "negative", "not_a_number", "too_large", "not_below_duration"}

// refused counts numbers by why they were not taken.
type refused [refusals]int64

// refusedMetric tells of them.
type refusedMetric struct {
	counter metric.Int64Counter
	reasons [refusals]metric.MeasurementOption
}

func newRefusedMetric(builder *metadata.TelemetryBuilder) *refusedMetric {
	m := &refusedMetric{counter: builder.Refused}
	for reason, text := range refusalWords {
		m.reasons[reason] = attrOption("reason", text)
	}
	return m
}

func (m *refusedMetric) add(ctx context.Context, counted *refused) {
	for reason, n := range counted {
		addTo(ctx, m.counter, n, m.reasons[reason])
	}
}

// bounded checks a number against its target.
func (s *scan) bounded(target *target, from *source, number float64) refusal {
	switch {
	case target.max > 0 && number < 0:
		return refusedNegative
	case target.max > 0 && number > target.max:
		return refusedTooLarge
	case !target.belowDuration && !from.unlessWholeDuration:
		return accepted
	}
	limit := s.shortestDuration()
	switch {
	case from.unlessWholeDuration && (wholeDuration(number, s.duration) || wholeDuration(number, limit)):
		return notStreamed
	case target.belowDuration && !(number < limit):
		return refusedNotBelow
	}
	return accepted
}

// shortestDuration is the span's, or what the instrumentor itself says that the call took where that is less; seconds.
func (s *scan) shortestDuration() float64 {
	if s.present.has(s.table.ownDurationSlot) {
		if own, _, why := s.values[s.table.ownDurationSlot].asFloat(); why == accepted && own > 0 {
			return min(s.duration, own)
		}
	}
	return s.duration
}

// refuse notes that a source has an impossible number. Under the canonical name, which is summed, it is removed, even
// with keep_originals; under other names it does no harm.
func (s *scan) refuse(target *target, from *source, why refusal) {
	if why == notStreamed {
		return
	}
	s.refused[why]++
	if from.slot == target.slot {
		s.consumed.add(from.slot)
	}
}

// durationOf a span in seconds, 0 where it is not known: it has no start or no end, or ended before it began.
func durationOf(span ptrace.Span) float64 {
	from, to := span.StartTimestamp(), span.EndTimestamp()
	if from == 0 || to < from {
		return 0
	}
	return seconds(from, to)
}

func seconds(from, to pcommon.Timestamp) float64 {
	return float64(int64(to)-int64(from)) / float64(time.Second)
}

// wholeDuration says whether a time to the first chunk is the whole call's: then nothing streamed. The two are
// measured at different places, so they are equal within 1 % or 1 ms.
func wholeDuration(seconds, duration float64) bool {
	return math.Abs(seconds-duration) <= max(duration/100, 0.001)
}

// finite tells a number from NaN and the infinities.
func finite(real float64) refusal {
	if math.IsNaN(real) || math.IsInf(real, 0) {
		return refusedNoNumber
	}
	return accepted
}
