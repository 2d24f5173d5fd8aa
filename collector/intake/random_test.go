package intake

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestRandomItemsBecomeAcceptable sends random items twice: after the first time nothing is left to
// do, and the encoded size, which is not what the processor estimates, is within the limit.
func TestRandomItemsBecomeAcceptable(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	for i := range 40 {
		limit := minItem + r.Intn(200_000)
		spans := newDoor(t, "traces", func(c *Config) { c.MaxItemBytes = limit })
		s := spans.span(t, func(s ptrace.Span) { hostileSpan(r, s) })
		require.LessOrEqual(t, sizeOf(s), limit, "seed %d, item %d", seed, i)
		before := ptrace.NewTraces()
		s.CopyTo(before.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
		again := ptrace.NewTraces()
		before.CopyTo(again)
		next := newDoor(t, "traces", func(c *Config) { c.MaxItemBytes = limit })
		again, err := next.traces(context.Background(), again)
		require.NoError(t, err)
		require.Empty(t, next.counted(t), "seed %d, item %d", seed, i)
		require.Equal(t, raw(before), raw(again), "seed %d, item %d", seed, i)

		lines := newDoor(t, "logs", func(c *Config) { c.MaxItemBytes = limit })
		line := lines.record(t, func(l plog.LogRecord) {
			hostileValue(r, l.Body(), 0)
			hostileMap(r, l.Attributes(), 0)
			l.SetTimestamp(hostileTime(r))
			l.SetObservedTimestamp(hostileTime(r))
		})
		require.LessOrEqual(t, (&plog.ProtoMarshaler{}).LogRecordSize(line), limit, "seed %d, item %d", seed, i)
		found := scanRecord(line, MaxLineBytes)
		require.Zero(t, found.faults, "seed %d, item %d", seed, i)
		require.LessOrEqual(t, found.leaves, maxLogLeaves+2)
	}
}

func raw(td ptrace.Traces) string {
	written, _ := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	return string(written)
}

func hostileSpan(r *rand.Rand, s ptrace.Span) {
	hostileMap(r, s.Attributes(), 0)
	s.SetName(hostileText(r))
	s.Status().SetMessage(hostileText(r))
	for range r.Intn(4) {
		e := s.Events().AppendEmpty()
		e.SetTimestamp(hostileTime(r))
		e.SetName(hostileText(r))
		hostileMap(r, e.Attributes(), 0)
	}
	if r.Intn(3) == 0 {
		s.SetStartTimestamp(hostileTime(r))
		s.SetEndTimestamp(hostileTime(r))
	}
}

func hostileMap(r *rand.Rand, m pcommon.Map, depth int) {
	for range r.Intn(20) {
		hostileValue(r, m.PutEmpty([]string{hostileText(r), "user.id", "a", fmt.Sprint("k.", r.Intn(1000))}[r.Intn(4)]), depth)
	}
}

func hostileValue(r *rand.Rand, v pcommon.Value, depth int) {
	switch kind := r.Intn(12); {
	case kind == 0 && depth < 3:
		hostileMap(r, v.SetEmptyMap(), depth+1)
	case kind == 1 && depth < 3:
		list := v.SetEmptySlice()
		for range r.Intn(10) {
			hostileValue(r, list.AppendEmpty(), depth+1)
		}
	case kind == 2:
		v.SetDouble([]float64{1, math.NaN(), math.Inf(-1)}[r.Intn(3)])
	case kind == 3:
		v.SetInt(r.Int63())
	case kind == 4:
		v.SetEmptyBytes().FromRaw(make([]byte, r.Intn(10_000)))
	case kind == 5:
		deep := v.SetEmptyMap()
		for range r.Intn(60) {
			deep = deep.PutEmptyMap("d")
		}
	default:
		v.SetStr(hostileText(r))
	}
}

func hostileText(r *rand.Rand) string {
	n := []int{0, 10, 100, 600, 10_000, 100_000}[r.Intn(6)]
	switch r.Intn(7) {
	case 0:
		raw := make([]byte, min(n, 10_000))
		r.Read(raw)
		return string(raw)
	case 1:
		raw := make([]byte, n)
		r.Read(raw)
		return `[{"role":"user","parts":[{"mime_type":"audio/wav","content":"` + base64.StdEncoding.EncodeToString(raw) + `"}]}]`
	case 2:
		return `{"a":[` + strings.Repeat(`"\"\\",`, n/6) + `1]}`
	case 3:
		return "[" + strings.Repeat(`"\ud83d\ude00 ä",`, n/20) + "{}]"
	case 4:
		return strings.Repeat("日", n/3) + "\x00"
	case 5:
		return strings.Repeat("{", n)
	}
	return words(n)
}

func hostileTime(r *rand.Rand) pcommon.Timestamp {
	return []pcommon.Timestamp{0, 1, at(0), at(-time.Hour), at(time.Hour), at(0) / 1000, at(0) / 1e9, math.MaxUint64, math.MaxInt64}[r.Intn(9)]
}
