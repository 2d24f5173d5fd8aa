package genai

import (
	"encoding/json"
	"maps"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// FuzzMapping sends random soups of attributes, events and ids: nothing panics, no id changes, no span is lost, and the
// same soup comes out the same.
func FuzzMapping(f *testing.F) {
	for seed := range int64(50) {
		f.Add(seed, "gpt-4o", `{"lc_agent_name": "a", "langgraph_node": "b", "ls_model_name": "gpt"}`)
	}
	f.Add(int64(1), "\x00", `{"lc_agent_name": "\ud800`)
	f.Add(int64(2), "", `{"a": [{"b": "]}"}], "lc_agent_name": 1e400, "ls_provider": null}`)
	table := newGate(f).table
	keys := slices.Concat(slices.Sorted(maps.Keys(table.attributes)), []string{"retrieval.documents.0.x", "other", "", "retrieval."})
	events := append(slices.Sorted(maps.Keys(table.events)), exceptionEvent, "")
	f.Fuzz(func(t *testing.T, seed int64, text, metadata string) {
		soup := randomTraces(rand.New(rand.NewSource(seed)), keys, events, text, metadata)
		first, second := clone(soup), clone(soup)
		small := func(c *Config) { c.Index.MaxSpans = 8 } // evicts all the time
		g, again := newGate(t, small), newGate(t, small)
		require.NoError(t, g.ConsumeTraces(t.Context(), first))
		require.NoError(t, again.ConsumeTraces(t.Context(), second))
		require.Equal(t, bytesOf(t, first), bytesOf(t, second), "not deterministic")
		require.Equal(t, ids(soup), ids(first))
		require.NoError(t, g.ConsumeTraces(t.Context(), clone(first)), "its own output, once more")
	})
}

func randomTraces(random *rand.Rand, keys, events []string, text, metadata string) ptrace.Traces {
	traces := ptrace.NewTraces()
	scoped := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	words := []string{text, "LLM", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "chat", "invoke_agent", "execute_tool", "tool", "workflow", "unknown", "12", "-1", "[\"a\"]", "[", ""}
	word := func() string { return words[random.Intn(len(words))] }
	for range 1 + random.Intn(12) {
		made := scoped.Spans().AppendEmpty()
		made.SetName(word())
		made.SetTraceID(pcommon.TraceID{byte(random.Intn(2))})
		made.SetSpanID(pcommon.SpanID{byte(random.Intn(6))})
		made.SetParentSpanID(pcommon.SpanID{byte(random.Intn(6))})
		made.SetStartTimestamp(pcommon.Timestamp(random.Uint64()))
		made.SetEndTimestamp(pcommon.Timestamp(random.Uint64()))
		made.Status().SetCode(ptrace.StatusCode(random.Intn(4)))
		made.Status().SetMessage(word())
		for range random.Intn(30) {
			randomValue(random, made.Attributes().PutEmpty(keys[random.Intn(len(keys))]), word)
		}
		if random.Intn(2) == 0 {
			made.Attributes().PutStr("metadata", metadata)
		}
		for range random.Intn(4) {
			event := made.Events().AppendEmpty()
			event.SetName(events[random.Intn(len(events))])
			event.SetTimestamp(pcommon.Timestamp(random.Uint64()))
			randomValue(random, event.Attributes().PutEmpty(exceptionType), word)
		}
	}
	return traces
}

func randomValue(random *rand.Rand, into pcommon.Value, word func() string) {
	switch random.Intn(9) {
	case 0:
		into.SetInt(random.Int63() - random.Int63())
	case 1:
		into.SetDouble(random.NormFloat64() * 1e300 * random.NormFloat64())
	case 2:
		into.SetBool(random.Intn(2) == 0)
	case 3:
		into.SetEmptySlice().AppendEmpty().SetStr(word())
	case 4:
		into.SetEmptySlice().AppendEmpty().SetInt(1)
	case 5:
		into.SetEmptyMap().PutStr(word(), word())
	case 6:
		into.SetEmptyBytes().FromRaw([]byte(word()))
	default:
		into.SetStr(word())
	}
}

func clone(traces ptrace.Traces) ptrace.Traces {
	made := ptrace.NewTraces()
	traces.CopyTo(made)
	return made
}

func bytesOf(t testing.TB, traces ptrace.Traces) []byte {
	encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	return encoded
}

func ids(traces ptrace.Traces) (all []string) {
	for _, one := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		all = append(all, one.TraceID().String()+one.SpanID().String()+one.ParentSpanID().String()+
			strconv.FormatUint(uint64(one.StartTimestamp()), 10)+strconv.FormatUint(uint64(one.EndTimestamp()), 10))
	}
	return all
}

// FuzzMetadata holds the scanner against encoding/json: where that reads an object, both find the same.
func FuzzMetadata(f *testing.F) {
	for _, text := range []string{
		`{"lc_agent_name": "a"}`, `{"lc_agent_name":"a\"b\\","langgraph_node":"n"}`, `{"lc_agent_name": "\u00e9\ud83d\ude00"}`,
		`{ "x" : {"lc_agent_name": "inner", "y": ["}", {"z": "\""}]} , "langgraph_node" : 12.5e3 }`,
		`{"lc_agent_name": null, "langgraph_node": true}`, `{}`, ``, `[1]`, `{"lc_agent_name": "a",}`, `{"lc_agent_name"`, `{"a":}`,
	} {
		f.Add(text)
	}
	table := newGate(f).table
	f.Fuzz(func(t *testing.T, text string) {
		s := newScan(table, false)
		s.readMetadata(text) // must not panic on anything
		var decoded map[string]json.RawMessage
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &decoded) != nil || repeated(text) {
			return
		}
		for _, key := range []string{"lc_agent_name", "langgraph_node"} {
			var want string
			plain := json.Unmarshal(decoded[key], &want) == nil
			got, ok := "", s.present.has(table.metadata[key])
			if ok {
				got, _ = s.text(table.metadata[key])
			}
			if plain {
				require.Equal(t, want, got, text)
			}
			require.Equal(t, decoded[key] != nil && string(decoded[key]) != "null" && want+string(decoded[key]) != `""`, ok, text)
		}
	})
}

// repeated says whether an object may name a key twice, or spell one with escapes: readers differ there.
func repeated(text string) bool {
	seen := map[string]bool{}
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if word, ok := token.(string); ok && (word == "lc_agent_name" || word == "langgraph_node") {
			if seen[word] {
				return true
			}
			seen[word] = true
		}
	}
}
