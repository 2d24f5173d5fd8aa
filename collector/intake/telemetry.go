package intake

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// reason says what was the matter with an item. An item counts once for each reason that it had.
type reason uint8

const (
	reasonSize reason = iota
	reasonName
	reasonDepth
	reasonAttributes
	reasonText
	reasonKey
	reasonNumber
	reasonTime
	reasonDuration
	reasonTraceID
	reasonSpanID
	reasonMetricName
	reasonMetricType
	reasonOld
	reasonValue
	reasonPointSize
	reasonCount
)

type reasons uint32

// said are the words of the metric: what was done, and why. docs/limits.md explains them.
var said = [reasonCount]struct{ action, reason string }{
	reasonSize:       {"cut", "size"},
	reasonName:       {"cut", "name"},
	reasonDepth:      {"cut", "depth"},
	reasonAttributes: {"cut", "attributes"},
	reasonText:       {"corrected", "text"},
	reasonKey:        {"corrected", "key"},
	reasonNumber:     {"corrected", "number"},
	reasonTime:       {"corrected", "time"},
	reasonDuration:   {"corrected", "duration"},
	reasonTraceID:    {"refused", "trace_id"},
	reasonSpanID:     {"refused", "span_id"},
	reasonMetricName: {"refused", "metric_name"},
	reasonMetricType: {"refused", "metric_type"},
	reasonOld:        {"refused", "old"},
	reasonValue:      {"refused", "value"},
	reasonPointSize:  {"refused", "size"},
}

type telemetry struct {
	items, bytes metric.Int64Counter
	byReason     [reasonCount]metric.AddOption
	bySignal     metric.AddOption
}

func newTelemetry(set component.TelemetrySettings, signal string) (*telemetry, error) {
	meter := set.MeterProvider.Meter("otelgate/collector/intake")
	items, err := meter.Int64Counter("otelgate.intake.items", metric.WithUnit("{item}"),
		metric.WithDescription("Spans, log records and metric points (and resources and scopes) that some store would have refused: cut, corrected, or refused, and why."))
	cut, err2 := meter.Int64Counter("otelgate.intake.cut", metric.WithUnit("By"),
		metric.WithDescription("Bytes cut from items that were too large."))
	t := &telemetry{items: items, bytes: cut}
	t.bySignal = metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal)))
	for r, each := range said {
		t.byReason[r] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("action", each.action), attribute.String("reason", each.reason), attribute.String("signal", signal)))
	}
	return t, errors.Join(err, err2)
}

// tally is what one request's items came to.
type tally struct {
	by  [reasonCount]int64
	cut int64
	any bool
}

func (t *tally) add(done reasons, cut int) {
	t.any = true
	t.cut += int64(cut)
	for r := range t.by {
		if done&(1<<r) != 0 {
			t.by[r]++
		}
	}
}

// refused returns how many items were, and the reason of the most.
func (t *tally) refused() (n int64, why string) {
	var most int64
	for r, count := range t.by {
		if said[r].action == "refused" && count > 0 {
			n += count
			if count > most {
				most, why = count, said[r].reason
			}
		}
	}
	return n, why
}

func (t *tally) anyRefused() bool {
	n, _ := t.refused()
	return n > 0
}

func (t *telemetry) report(ctx context.Context, y *tally) {
	for r, n := range y.by {
		if n > 0 {
			t.items.Add(ctx, n, t.byReason[r])
		}
	}
	if y.cut > 0 {
		t.bytes.Add(ctx, y.cut, t.bySignal)
	}
}
