package intake

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestCutsLogLineBelowLokisLimit(t *testing.T) {
	for _, limit := range []int{200_000, 1_000_000, 1_250_000} {
		d := newDoor(t, "logs", func(c *Config) { c.MaxItemBytes = limit })
		r := d.record(t, func(r plog.LogRecord) { r.Body().SetStr(words(3_500_000)) })
		require.InDelta(t, min(limit, MaxLineBytes), len(r.Body().Str()), 1000)
		require.Regexp(t, `… \[cut \d+ bytes\]$`, r.Body().Str())
		require.Equal(t, map[string]int64{"cut/size": 1}, d.counted(t))
	}
}

func TestStructuredBodyIsCutInside(t *testing.T) {
	d := newDoor(t, "logs")
	r := d.record(t, func(r plog.LogRecord) {
		body := r.Body().SetEmptyMap()
		body.PutStr("role", "user")
		body.PutStr("content", words(3_500_000))
	})
	require.Equal(t, "user", text(t, r.Body().Map(), "role"))
	require.Contains(t, text(t, r.Body().Map(), "content"), "[cut ")

	r = d.record(t, func(r plog.LogRecord) {
		list := r.Body().SetEmptySlice()
		for range 200_000 {
			list.AppendEmpty().SetStr("a short one")
		}
	})
	require.Regexp(t, `^… \[cut \d+ bytes\]$`, r.Body().Str())
}

func TestMeasuresStructuredBodyAsLine(t *testing.T) {
	const overhead = spanFixed + 2*perField // of the record, its event's name and its severity
	const most = MaxLineBytes - overhead
	for name, each := range map[string]struct {
		over int
		text string
	}{
		"below":       {-1, strings.Repeat(`"`, most/2-100)},
		"at":          {0, strings.Repeat(`"`, most/2-100)},
		"above":       {1, strings.Repeat(`"`, most/2-100)},
		"far above":   {5 * most, strings.Repeat("\x01", most)},
		"one half":    {0, strings.Repeat("\x01", most/8) + strings.Repeat("a", most/8)},
		"half, above": {0, strings.Repeat("a", most-1000) + strings.Repeat("\n", 40_000)},
		"JSON":        {0, "[" + strings.Repeat(`{"a":"b"},`, most/10) + "1]"},
	} {
		for kind, made := range map[string]func(plog.LogRecord) pcommon.Value{
			"map":   func(r plog.LogRecord) pcommon.Value { return r.Body().SetEmptyMap().PutEmpty("content") },
			"slice": func(r plog.LogRecord) pcommon.Value { return r.Body().SetEmptySlice().AppendEmpty() },
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				d, before := newDoor(t, "logs"), 0
				r := d.record(t, func(r plog.LogRecord) {
					v := made(r)
					v.SetStr(each.text)
					if before = len(r.Body().AsString()); -1 <= each.over && each.over <= 1 && each.text[0] == '"' {
						v.SetStr(each.text + strings.Repeat("a", most+each.over-before))
						before = most + each.over
					}
				})
				line := r.Body().AsString()
				require.LessOrEqual(t, len(line), MaxLineBytes)
				if before <= most {
					require.Len(t, line, before)
					require.Empty(t, d.counted(t))
					return
				}
				require.Contains(t, line, "[cut ")
				require.Greater(t, len(line), MaxLineBytes*3/4) // no more is cut than has to be
				require.Equal(t, map[string]int64{"cut/size": 1}, d.counted(t))
			})
		}
	}
}

func TestSizeOfJSONIsThatOfTheLine(t *testing.T) {
	body := pcommon.NewValueMap()
	require.NoError(t, body.FromRaw(map[string]any{
		"quote \"": "a\"b\\c\x01\n\t\u2028<&>\u007f– é日😀", "list": []any{"a", true, nil, []any{}, map[string]any{}},
		"bytes": []byte("seven words"), "nested": map[string]any{"deep": map[string]any{"er": "x"}},
	}))
	require.InDelta(t, len(body.AsString()), jsonSize(body, 0), 60)
	require.GreaterOrEqual(t, jsonSize(body, 0), len(body.AsString()))
	for _, number := range []any{int64(-1 << 63), 1.7976931348623157e308, -2.2250738585072014e-308, false} {
		v := pcommon.NewValueSlice()
		require.NoError(t, v.FromRaw([]any{number}))
		require.GreaterOrEqual(t, jsonSize(v, 0), len(v.AsString()))
	}
}

func TestFieldsOfALineAreBounded(t *testing.T) {
	for _, each := range []struct {
		name string
		n    int
		cut  bool
	}{{"at", maxLogLeaves, false}, {"above", maxLogLeaves + 1, true}, {"many", 3000, true}} {
		t.Run(each.name, func(t *testing.T) {
			d := newDoor(t, "logs")
			r := d.record(t, func(r plog.LogRecord) {
				r.Attributes().PutStr("session.id", "s-1")
				nested := r.Attributes().PutEmptyMap("nested")
				for i := range each.n/2 - 1 {
					nested.PutInt(fmt.Sprintf("n%d", i), int64(i))
				}
				for i := range each.n - each.n/2 {
					r.Attributes().PutStr(fmt.Sprintf("a%d", i), "v")
				}
				require.Equal(t, each.n, scanRecord(r, MaxLineBytes).leaves)
			})
			require.LessOrEqual(t, scanRecord(r, MaxLineBytes).leaves, maxLogLeaves)
			require.Equal(t, "s-1", text(t, r.Attributes(), "session.id"))
			_, marked := r.Attributes().Get(attrDropped)
			require.Equal(t, each.cut, marked)
			require.Equal(t, each.cut, d.counted(t)["cut/attributes"] == 1)
		})
	}
}

func TestKeysBecomeLabels(t *testing.T) {
	d := newDoor(t, "logs")
	r := d.record(t, func(r plog.LogRecord) {
		r.Attributes().PutStr("", "a")
		r.Attributes().PutStr("日本", "b")
		r.Attributes().PutStr("__", "c")
		r.Attributes().PutStr("größe", "d")
	})
	require.Equal(t, map[string]any{
		"otelgate.unnamed": "a", "otelgate.key.e697a5e69cac": "b", "otelgate.key.5f5f": "c", "größe": "d",
	}, r.Attributes().AsRaw())
	require.Equal(t, map[string]int64{"corrected/key": 1}, d.counted(t))
}

func TestTimesOfLinesBecomePossible(t *testing.T) {
	for _, each := range []struct {
		name           string
		time, observed pcommon.Timestamp
		want           pcommon.Timestamp
		original       string
	}{
		{"good", at(-time.Hour), at(0), at(-time.Hour), ""},
		{"only observed", 0, at(-time.Hour), 0, ""},
		{"none", 0, 0, at(0), ""},
		{"an hour ahead", at(time.Hour), at(0), at(0), fmt.Sprint(uint64(at(time.Hour)))},
		{"10 minutes ahead", at(10 * time.Minute), at(0), at(0), fmt.Sprint(uint64(at(10 * time.Minute)))},
		{"9 minutes ahead", at(9 * time.Minute), at(0), at(9 * time.Minute), ""},
		{"milliseconds", at(-time.Minute) / 1e6, at(0), at(-time.Minute), fmt.Sprint(uint64(at(-time.Minute) / 1e6))},
		{"of 1970", 1, 1, at(0), "1"},
		{"as old as is kept", at(-743 * time.Hour), at(0), at(-743 * time.Hour), ""},
		{"older", at(-744 * time.Hour), at(0), at(0), fmt.Sprint(uint64(at(-744 * time.Hour)))},
		{"in 2262", 1<<63 - 1, at(0), at(0), fmt.Sprint(uint64(1<<63 - 1))},
	} {
		t.Run(each.name, func(t *testing.T) {
			d := newDoor(t, "logs")
			r := d.record(t, func(r plog.LogRecord) {
				r.SetTimestamp(each.time)
				r.SetObservedTimestamp(each.observed)
			})
			require.Equal(t, each.want, r.Timestamp())
			if original, ok := r.Attributes().Get(attrTime); each.original != "" {
				require.Equal(t, each.original, original.AsString())
			} else {
				require.False(t, ok)
			}
			changed := each.want != each.time
			require.Equal(t, changed, d.counted(t)["corrected/time"] == 1)
		})
	}
}

func TestBadBytesOfALineBecomeText(t *testing.T) {
	d := newDoor(t, "logs")
	r := d.record(t, func(r plog.LogRecord) {
		r.Body().SetStr("a\xffb\x00c")
		r.SetSeverityText("INFO\xff")
		r.SetEventName(strings.Repeat("e", 600))
		r.Attributes().PutStr("k", "\xff")
	})
	require.Equal(t, "a\ufffdb\ufffdc", r.Body().Str())
	require.Equal(t, "INFO\ufffd", r.SeverityText())
	require.Len(t, r.EventName(), maxName)
	require.Equal(t, map[string]int64{"corrected/text": 1, "cut/name": 1}, d.counted(t))
}

func TestLineThatIsSentAgainGetsTheSameTime(t *testing.T) {
	d := newDoor(t, "logs")
	line := func(words string, when pcommon.Timestamp) pcommon.Timestamp {
		return d.record(t, func(r plog.LogRecord) {
			r.Body().SetStr(words)
			r.SetTimestamp(when)
			r.SetObservedTimestamp(when)
		}).Timestamp()
	}
	line("a", at(time.Hour))
	line("beat", 0)
	d.now = func() time.Time { return arrival.Add(time.Minute) }
	require.Equal(t, at(0), line("a", at(time.Hour)))
	require.Equal(t, at(time.Minute), line("b", at(time.Hour)))
	require.Equal(t, at(time.Minute), line("beat", 0)) // another one, for all that is known
}
