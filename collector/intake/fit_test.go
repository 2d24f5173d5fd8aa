package intake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestCutTakesTheLargestTextAndSaysHowMuch(t *testing.T) {
	d := newDoor(t, "traces")
	s := d.span(t, func(s ptrace.Span) {
		s.Attributes().PutStr("session.id", "s-1")
		s.Attributes().PutStr("some.dialect.prompt", words(3_500_000))
		s.Attributes().PutStr("some.dialect.answer", words(2000))
		s.Attributes().PutDouble("llm.cost", 0.5)
	})
	require.LessOrEqual(t, sizeOf(s), 1_000_000)
	require.Greater(t, sizeOf(s), 990_000)
	prompt := text(t, s.Attributes(), "some.dialect.prompt")
	require.Regexp(t, `said seven.*… \[cut \d+ bytes\]$`, prompt)
	require.Equal(t, words(2000), text(t, s.Attributes(), "some.dialect.answer"))
	require.Equal(t, "s-1", text(t, s.Attributes(), "session.id"))
	require.Equal(t, "gpt-4o", text(t, s.Attributes(), "gen_ai.request.model"))
	cut, _ := s.Attributes().Get(attrCut)
	require.InDelta(t, 3_500_000-len(prompt), cut.Int(), 200)
	require.Equal(t, map[string]int64{"cut/size": 1}, d.counted(t))
}

func TestMediaIsReplacedBeforeTextIsCut(t *testing.T) {
	d := newDoor(t, "traces")
	photo := make([]byte, 3_000_000)
	rand.New(rand.NewSource(1)).Read(photo)
	copy(photo, "\x89PNG\r\n\x1a\n")
	code := base64.StdEncoding.EncodeToString(photo)
	for name, part := range map[string]any{
		"part": map[string]any{"type": "blob", "modality": "image", "mime_type": "image/png", "content": code},
		"url":  map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64," + code}},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := json.Marshal([]any{map[string]any{"role": "user", "parts": []any{map[string]any{"type": "text", "content": "What is in this picture?"}, part}}})
			require.NoError(t, err)
			s := d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", string(messages)) })
			kept := text(t, s.Attributes(), "gen_ai.input.messages")
			require.True(t, json.Valid([]byte(kept)))
			require.Contains(t, kept, "What is in this picture?")
			require.Regexp(t, `\[image/png of 3000000 bytes, sha256 [0-9a-f]{64}\]`, kept)
			require.Less(t, len(kept), 500)
		})
	}
}

func TestMessagesThatAreCutStayJSON(t *testing.T) {
	long := []any{}
	for i := range 40_000 {
		long = append(long, map[string]any{"role": "user", "content": fmt.Sprintf("short message %d", i)})
	}
	for name, value := range map[string]any{
		"one long text":    []any{map[string]any{"role": "user", "content": words(2_000_000)}},
		"escapes":          []any{map[string]any{"role": "user", "content": strings.Repeat("\"\\\n\u2028", 400_000)}},
		"surrogates":       []any{strings.Repeat("😀", 400_000)},
		"many short ones":  long,
		"numbers":          make([]float64, 900_000),
		"an object of all": map[string]any{"messages": long},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "traces")
			raw, err := json.Marshal(value)
			require.NoError(t, err)
			if name == "surrogates" {
				raw = []byte(`["` + strings.Repeat(`\ud83d\ude00`, 200_000) + `"]`)
			}
			s := d.span(t, func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.input.messages", string(raw)) })
			kept := text(t, s.Attributes(), "gen_ai.input.messages")
			require.True(t, json.Valid([]byte(kept)), kept[:min(len(kept), 200)])
			require.True(t, utf8.ValidString(kept))
			require.NotContains(t, kept, "\ufffd")
			var back any
			require.NoError(t, json.Unmarshal([]byte(kept), &back))
			require.NotContains(t, fmt.Sprint(back), "\ufffd") // no half of a pair
			require.Contains(t, kept, "[cut ")
			require.LessOrEqual(t, sizeOf(s), 1_000_000)
		})
	}
}

func TestSpanOfManyPartsFitsToo(t *testing.T) {
	for name, change := range map[string]func(ptrace.Span){
		"attributes": func(s ptrace.Span) {
			for i := range 3000 {
				s.Attributes().PutStr(fmt.Sprintf("note.%d", i), words(600))
			}
		},
		"ids": func(s ptrace.Span) {
			for i := range 3000 {
				s.Attributes().PutStr(fmt.Sprintf("part.%d.id", i), words(500))
			}
		},
		"events": func(s ptrace.Span) {
			for range 30_000 {
				e := s.Events().AppendEmpty()
				e.SetTimestamp(at(0))
				e.SetName("gen_ai.choice")
			}
		},
		"links": func(s ptrace.Span) {
			for range 30_000 {
				s.Links().AppendEmpty().SetTraceID([16]byte{2})
			}
		},
		"a list of numbers": func(s ptrace.Span) {
			list := s.Attributes().PutEmptySlice("embedding")
			for range 300_000 {
				list.AppendEmpty().SetDouble(0.5)
			}
		},
		"bytes":  func(s ptrace.Span) { s.Attributes().PutEmptyBytes("blob").FromRaw(make([]byte, 2_000_000)) },
		"status": func(s ptrace.Span) { s.Status().SetMessage(words(2_000_000)) },
		"exception": func(s ptrace.Span) {
			e := s.Events().AppendEmpty()
			e.SetTimestamp(at(0))
			e.SetName("exception")
			e.Attributes().PutStr("exception.stacktrace", words(2_000_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, "traces")
			s := d.span(t, change)
			require.LessOrEqual(t, sizeOf(s), 1_000_000)
			require.Equal(t, "gpt-4o", text(t, s.Attributes(), "gen_ai.request.model"))
			require.Equal(t, "1000", text(t, s.Attributes(), "gen_ai.usage.input_tokens"))
			_, marked := s.Attributes().Get(attrCut)
			require.True(t, marked)
			require.EqualValues(t, 1, d.counted(t)["cut/size"])
		})
	}
}
