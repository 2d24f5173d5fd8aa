package intake

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	attrTime  = "otelgate.time.original"
	attrStart = "otelgate.time.original.start"
	attrEnd   = "otelgate.time.original.end"
)

// earliest is what the audit sink takes: before 2000 no telemetry was made.
const earliest = uint64(946_684_800 * time.Second)

// units that senders mistake for nanoseconds.
var units = [...]uint64{1_000, 1_000_000, 1_000_000_000}

// clock tells which times can be, as seen when a request arrives.
type clock struct {
	now, latest, oldest uint64
	arrivals            *arrivals
}

func (g *gate) clock(oldest uint64) clock {
	now := uint64(g.now().UnixNano())
	return clock{now: now, latest: now + uint64(g.cfg.MaxAhead), oldest: oldest, arrivals: g.arrivals}
}

func (c clock) canBe(t uint64) bool { return t >= c.oldest && t <= c.latest }

// inUnits returns the time in nanoseconds where it is a recent one in microseconds, milliseconds or seconds.
func (c clock) inUnits(t uint64) (ns, unit uint64) {
	const recent = uint64(maxDuration)
	for _, unit := range units {
		if t > c.latest/unit {
			break
		}
		if ns := t * unit; ns+recent >= c.now && ns >= c.oldest && ns <= c.latest {
			return ns, unit
		}
	}
	return 0, 0
}

// interval returns start and end as they can be. A known duration stays. An impossible one, or one with a
// missing end, is 0.
func (c clock) interval(start, end uint64) (newStart, newEnd uint64, why reason) {
	startFits, endFits := c.canBe(start), c.canBe(end)
	switch {
	case startFits && endFits:
		return c.duration(start, end)
	case startFits && start > c.now && end > c.latest && end-start <= uint64(maxDuration):
		return c.now - (end - start), c.now, reasonTime
	case startFits:
		return start, start, reasonTime
	case endFits:
		return end, end, reasonTime
	}
	if ns, unit := c.inUnits(start); ns != 0 {
		if end >= start && end <= c.latest/unit && c.canBe(end*unit) {
			return ns, end * unit, reasonTime
		}
		return ns, ns, reasonTime
	}
	lasted := uint64(0)
	if start != 0 && end > start && end-start <= uint64(maxDuration) {
		lasted = end - start
	}
	return c.now - lasted, c.now, reasonTime
}

func (c clock) duration(start, end uint64) (uint64, uint64, reason) {
	switch {
	case end < start:
		return start, start, reasonDuration
	case end-start > uint64(maxDuration):
		return end, end, reasonDuration
	}
	return start, end, reasonCount
}

// moment returns a single time as it can be: in nanoseconds, or that of arrival. `rest` tells it from others of that time.
func (c clock) moment(t uint64, rest string) uint64 {
	if ns, _ := c.inUnits(t); ns != 0 {
		return ns
	}
	if t == 0 {
		return c.now // lines without a time may well be alike
	}
	return c.first(number(t), []byte(rest))
}

// first is the first arrival of what these parts make up.
func (c clock) first(parts ...[]byte) uint64 {
	return c.arrivals.of(time.Unix(0, int64(c.now)), parts...)
}

func keepTime(m pcommon.Map, key string, t uint64) {
	m.PutInt(key, int64(min(t, 1<<63-1)))
}
