package accumulate

import "slices"

// source is what is remembered of one sender's series: of a cumulative one its last values, of deltas which of them
// were counted.
type source struct {
	Seen    int64      `json:"at"`          // Unix nanoseconds, by the gateway's clock
	Last    int64      `json:"t"`           // the latest point, by the sender's clock
	Values  []value    `json:"v,omitempty"` // cumulative: more than one if processes are indistinguishable
	Counted [][2]int64 `json:"d,omitempty"` // deltas: start and time of the latest
	Owner   string     `json:"o,omitempty"` // of its place
}

const (
	// maxAlike processes that share name, labels and start time, as forks do that inherit their parent's.
	maxAlike = 16
	// maxCounted deltas are remembered of each series, by which one that is sent again is known.
	maxCounted = 32
)

func (s *source) clone() *source {
	c := *s
	c.Values, c.Counted = slices.Clone(s.Values), slices.Clone(s.Counted)
	return &c
}

// delta counts an interval unless it was counted. Late ones count too: others may have come between.
func (s *source) delta(start, at int64) bool {
	interval := [2]int64{start, at}
	if slices.Contains(s.Counted, interval) {
		return false
	}
	if len(s.Counted) >= maxCounted {
		s.Counted = slices.Delete(s.Counted, 0, 1)
	}
	s.Counted = append(s.Counted, interval)
	s.Last = max(s.Last, at)
	return true
}

// cumulative takes the next value of a sender that was heard before, and returns what came since.
//
// If the start time is known, a counter that fell must be another process' (a restart has a new start time), so
// the value goes on from the nearest one below, or is a process that was not heard before. That is right in the sum
// whichever process it was. Without a start time a fall is a restart.
func (s *source) cumulative(v value, started bool) (value, bool) {
	best, since := -1, value{}
	for i, known := range s.Values {
		if more, ok := v.minus(known); ok && (best < 0 || known.number() > s.Values[best].number()) {
			best, since = i, more
		}
	}
	switch {
	case best >= 0:
		s.Values[best] = v
	case !started:
		s.Values, since = []value{v}, v
	case len(s.Values) >= maxAlike:
		return value{}, false
	default:
		s.Values, since = append(s.Values, v), v
	}
	return since, true
}
