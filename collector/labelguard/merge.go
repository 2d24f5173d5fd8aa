package labelguard

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

type stamped interface {
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	Flags() pmetric.DataPointFlags
	SetFlags(pmetric.DataPointFlags)
}

// span makes the time of a point cover that of another. It has no value only if neither has.
func span(into, from stamped) {
	into.SetStartTimestamp(min(into.StartTimestamp(), from.StartTimestamp()))
	into.SetTimestamp(max(into.Timestamp(), from.Timestamp()))
	if !from.Flags().NoRecordedValue() {
		into.SetFlags(from.Flags())
	}
}

func latest(into, from pmetric.NumberDataPoint) {
	if from.Timestamp() > into.Timestamp() {
		from.CopyTo(into)
	}
}

func addNumbers(into, from pmetric.NumberDataPoint) {
	span(into, from)
	if into.ValueType() == pmetric.NumberDataPointValueTypeInt && from.ValueType() == pmetric.NumberDataPointValueTypeInt {
		into.SetIntValue(into.IntValue() + from.IntValue())
		return
	}
	into.SetDoubleValue(number(into) + number(from))
}

func number(point pmetric.NumberDataPoint) float64 {
	if point.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(point.IntValue())
	}
	return point.DoubleValue()
}

// addSummaries keeps what can be added; quantiles can't.
func addSummaries(into, from pmetric.SummaryDataPoint) {
	span(into, from)
	into.SetCount(into.Count() + from.Count())
	into.SetSum(into.Sum() + from.Sum())
	into.QuantileValues().RemoveIf(func(pmetric.SummaryDataPointValueAtQuantile) bool { return true })
}
