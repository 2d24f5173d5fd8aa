package intake

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/intake/internal/metadata"
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
	reasonID
	reasonTraceID
	reasonSpanID
	reasonMetricName
	reasonMetricSecret
	reasonMetricType
	reasonOld
	reasonValue
	reasonPointSize
	reasonServiceName
	reasonReservedName
	reasonCount
)

type reasons uint32

// said are the words of the metric: what was done, and why. docs/reference/limits.md explains them.
var said = [reasonCount]struct{ action, reason, text string }{
	reasonSize:         {"cut", "size", "it was larger than the next hop takes"},
	reasonName:         {"cut", "name", "a name, an id or a label was too long"},
	reasonDepth:        {"cut", "depth", "lists and maps within each other"},
	reasonAttributes:   {"cut", "attributes", "too many attributes, or still too large when its texts were short"},
	reasonText:         {"corrected", "text", "bytes that are no UTF-8, or NUL"},
	reasonKey:          {"corrected", "key", "an attribute without a possible name, or two of one name"},
	reasonNumber:       {"corrected", "number", "NaN or infinite in an attribute"},
	reasonTime:         {"corrected", "time", "a time that cannot be, or is missing"},
	reasonDuration:     {"corrected", "duration", "an end before its start, or more than 31 days after"},
	reasonID:           {"corrected", "id", "an id of a wrong length; each is left out, and counts"},
	reasonTraceID:      {"refused", "trace_id", "a span without a trace id"},
	reasonSpanID:       {"refused", "span_id", "a span without an id"},
	reasonMetricName:   {"refused", "metric_name", "a metric without a name that Prometheus can have"},
	reasonMetricSecret: {"refused", "metric_secret", "a metric with a key, or with what a masking rule finds, in its name"},
	reasonMetricType:   {"refused", "metric_type", "a sum or histogram that is neither delta nor cumulative"},
	reasonOld:          {"refused", "old", "a total or gauge of hours ago"},
	reasonValue:        {"refused", "value", "NaN in a counter, or a histogram that does not add up"},
	reasonPointSize:    {"refused", "size", "a metric point with too many labels"},
	reasonServiceName:  {"refused", "service_name", "a service that is not one of the sender's application"},
	reasonReservedName: {"refused", "reserved_name", "a metric with a name of the stack's own, from an application"},
}

type telemetry struct {
	*metadata.TelemetryBuilder
	byReason [reasonCount]metric.AddOption
	bySignal metric.AddOption
}

func newTelemetry(set component.TelemetrySettings, signal string) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder}
	t.bySignal = metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal)))
	for r, each := range said {
		t.byReason[r] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("action", each.action), attribute.String("reason", each.reason), attribute.String("signal", signal)))
	}
	return t, nil
}

// tally is what one request's items came to.
type tally struct {
	by  [reasonCount]int64
	cut int64
	any bool
	// claimed is the first service that was refused because it is not one of its sender's application.
	claimed string
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
			t.Items.Add(ctx, n, t.byReason[r])
		}
	}
	if y.cut > 0 {
		t.Cut.Add(ctx, y.cut, t.bySignal)
	}
}
