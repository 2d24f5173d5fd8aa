package intake

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestTimesOfSpansBecomePossible(t *testing.T) {
	hour := time.Hour
	micro := func(offset time.Duration) pcommon.Timestamp { return at(offset) / 1000 }
	for _, each := range []struct {
		name       string
		start, end pcommon.Timestamp
		lasts      time.Duration
		ends       pcommon.Timestamp
		counted    string
	}{
		{"good", at(-2 * time.Second), at(0), 2 * time.Second, at(0), ""},
		{"long ago", at(-300 * hour), at(-299 * hour), hour, at(-299 * hour), ""},
		{"ends a nanosecond before it starts", at(0), at(0) - 1, 0, at(0), "corrected/duration"},
		{"no start", 0, at(0), 0, at(0), "corrected/time"},
		{"no end", at(-time.Second), 0, 0, at(-time.Second), "corrected/time"},
		{"neither", 0, 0, 0, at(0), "corrected/time"},
		{"microseconds", micro(-2 * time.Second), micro(0), 2 * time.Second, at(0), "corrected/time"},
		{"milliseconds", at(-2*time.Second) / 1e6, at(0) / 1e6, 2 * time.Second, at(0), "corrected/time"},
		{"seconds", at(-2*time.Second) / 1e9, at(0) / 1e9, 2 * time.Second, at(0), "corrected/time"},
		{"an hour ahead", at(hour), at(hour + 2*time.Second), 2 * time.Second, at(0), "corrected/time"},
		{"36 hours ahead", at(36 * hour), at(36*hour + time.Second), time.Second, at(0), "corrected/time"},
		{"just ahead", at(8 * time.Minute), at(9 * time.Minute), time.Minute, at(9 * time.Minute), ""},
		{"partly ahead", at(8 * time.Minute), at(10 * time.Minute), 2 * time.Minute, at(0), "corrected/time"},
		{"never ends", at(-time.Second), math.MaxUint64, 0, at(-time.Second), "corrected/time"},
		{"clock of 1970", pcommon.Timestamp(300e9), pcommon.Timestamp(302e9), 2 * time.Second, at(0), "corrected/time"},
		{"31 days", at(-31 * 24 * hour), at(0), 31 * 24 * hour, at(0), ""},
		{"a year", at(-365 * 24 * hour), at(0), 0, at(0), "corrected/duration"},
	} {
		t.Run(each.name, func(t *testing.T) {
			d := newDoor(t, "traces")
			s := d.span(t, func(s ptrace.Span) {
				s.SetStartTimestamp(each.start)
				s.SetEndTimestamp(each.end)
			})
			require.Equal(t, each.lasts, time.Duration(s.EndTimestamp()-s.StartTimestamp()))
			require.Equal(t, each.ends.AsTime(), s.EndTimestamp().AsTime())
			if each.counted == "" {
				require.Empty(t, d.counted(t))
				return
			}
			require.Equal(t, map[string]int64{each.counted: 1}, d.counted(t))
			if s.StartTimestamp() != each.start {
				require.Equal(t, fmt.Sprint(uint64(each.start)), text(t, s.Attributes(), attrStart))
			}
			if s.EndTimestamp() != each.end && each.end < math.MaxInt64 {
				require.Equal(t, fmt.Sprint(uint64(each.end)), text(t, s.Attributes(), attrEnd))
			}
		})
	}
}

func TestTimesOfEventsBecomePossible(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.Events().AppendEmpty().SetTimestamp(at(-time.Second))
		s.Events().AppendEmpty().SetTimestamp(17)
	})
	require.Equal(t, at(-time.Second), s.Events().At(0).Timestamp())
	require.Equal(t, s.EndTimestamp(), s.Events().At(1).Timestamp())
	require.Equal(t, "17", text(t, s.Events().At(1).Attributes(), attrTime))
	require.Equal(t, map[string]int64{"corrected/time": 1}, d.counted(t))
}

func TestSpanThatIsSentAgainGetsTheSameTimes(t *testing.T) {
	d := newDoor(t, "traces")
	ahead := func(s ptrace.Span) {
		s.SetStartTimestamp(at(time.Hour))
		s.SetEndTimestamp(at(time.Hour + time.Second))
	}
	first := d.span(t, ahead)
	d.now = func() time.Time { return arrival.Add(5 * time.Minute) }
	again := d.span(t, ahead)
	require.Equal(t, at(-time.Second), again.StartTimestamp())
	require.Equal(t, first.EndTimestamp(), again.EndTimestamp())
	other := d.span(t, func(s ptrace.Span) { ahead(s); s.SetSpanID([8]byte{9}) })
	require.Equal(t, at(5*time.Minute), other.EndTimestamp())
	d.now = func() time.Time { return arrival.Add(time.Hour / 2) }
	d.span(t, func(s ptrace.Span) { ahead(s); s.SetSpanID([8]byte{10}); s.SetStartTimestamp(0); s.SetEndTimestamp(0) })
	d.now = func() time.Time { return arrival.Add(42 * time.Minute) }
	forgotten := d.span(t, ahead)
	require.Equal(t, at(42*time.Minute), forgotten.EndTimestamp())
}

func TestArrivalsAreBounded(t *testing.T) {
	a := newArrivals()
	for i := range 3 * remembered {
		require.EqualValues(t, arrival.UnixNano(), a.of(arrival, number(uint64(i))))
	}
	require.LessOrEqual(t, len(a.young)+len(a.older), 2*remembered)
}
