package genai

import (
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The same model call is often seen twice: by a framework's instrumentor (LangChain) and by a provider's (openai).
// The span that arrives first is counted. Within a request that is the one that ended first: its instrumentor is nearer
// to the provider, and may know more of what was used. Three signs tell that spans are one call:
//
//   - by word: our SDK, or a gateway before this one, wrote which span is counted for it;
//   - by ids: one is the other's ancestor, with nothing but passages (HTTP, chains) between them;
//   - by time: instrumentors that never attach their span's context make the provider's span a sibling of the framework's.
//     Then both are in one trace, from different instrumentation scopes, with equal token counts, and one lies within
//     the other's time.

// An agent's run is seen twice too: by the SDK around it and by the framework. There the names must be equal as well,
// since agents do call agents.

// call is a model call, as far as finding its twin needs it.
type call struct {
	class         callClass
	scope         uint64         // hash of the instrumentation scope's name
	said          pcommon.SpanID // the span that the sender counts for it, or empty
	start, end    pcommon.Timestamp
	input, output int64
}

// countedAs decides which span is counted for a registered model call: the span itself, or the one it duplicates.
func (x *index) countedAs(key spanKey, c *call, byTime bool, now int64) pcommon.SpanID {
	n := x.find(key)
	if n == nil { // evicted within its own request: more spans than the index holds
		return key.span
	}
	if n.decided {
		return n.original
	}
	if !c.said.IsEmpty() { // and no claim: the one that is said may come later, and is counted
		n.decided, n.original = true, c.said
		x.recent.note(key, c, c.said, now)
		return c.said
	}
	original := x.nearestCountedAncestor(n, c.class)
	if original.IsEmpty() {
		original = n.claims[c.class]
	}
	if original.IsEmpty() && byTime {
		original = x.recent.match(key, c, now)
	} else if byTime {
		x.recent.note(key, c, original, now)
	}
	if original.IsEmpty() {
		original = key.span
	}
	n.decided, n.original = true, original
	x.claim(spanKey{key.trace, n.parent}, c.class, original, now)
	return original
}

// saidDuplicate is the span that an attribute says is counted for this one; empty if it says none, or itself.
func saidDuplicate(span ptrace.Span) (said pcommon.SpanID) {
	held, ok := span.Attributes().Get(duplicateOf)
	if !ok {
		return said
	}
	if id, err := hex.DecodeString(held.AsString()); err == nil && len(id) == len(said) {
		copy(said[:], id)
	}
	if said == span.SpanID() {
		return pcommon.SpanID{}
	}
	return said
}

// arrival is when a registered run or call first came: one that is sent again was counted then.
func (x *index) arrival(key spanKey, now int64) int64 {
	n := x.find(key)
	if n == nil {
		return now
	}
	if n.arrived == 0 {
		n.arrived = now
	}
	return n.arrived
}

// countedRunAs is countedAs for a run of an agent.
func (x *index) countedRunAs(key spanKey, now int64) pcommon.SpanID {
	n := x.find(key)
	if n == nil {
		return key.span
	}
	if n.decided {
		return n.original
	}
	original := x.nearestCountedAncestor(n, classAgent)
	if original.IsEmpty() {
		original = n.claims[classAgent]
	}
	if twin := x.find(spanKey{key.trace, original}); twin == nil || twin.agent != n.agent || n.agent == 0 {
		original = key.span
	}
	n.decided, n.original = true, original
	x.claim(spanKey{key.trace, n.parent}, classAgent, original, now)
	return original
}

// nearestCountedAncestor is what the nearest ancestor of the same class counts as, or empty.
func (x *index) nearestCountedAncestor(n *node, class callClass) pcommon.SpanID {
	trace := n.key.trace
	for hops := 0; hops < maxHops && !n.parent.IsEmpty(); hops++ {
		if n = x.find(spanKey{trace, n.parent}); n == nil || !n.seen {
			break
		}
		if n.role == roleOf(class) {
			if n.decided {
				return n.original
			}
			break // later in this request; it will find the claim
		}
		if n.role != rolePassage {
			break
		}
	}
	return pcommon.SpanID{}
}

// claim tells the ancestors, known or not yet, that a call beneath them is counted.
func (x *index) claim(key spanKey, class callClass, original pcommon.SpanID, now int64) {
	for hops := 0; hops < maxHops && !key.span.IsEmpty(); hops++ {
		n := x.findOrAdd(key, now)
		if n.seen && n.role != rolePassage && n.role != roleOf(class) {
			return
		}
		if !n.claims[class].IsEmpty() {
			return
		}
		n.claims[class] = original
		if !n.seen || n.role != rolePassage {
			return
		}
		key.span = n.parent
	}
}

// recentCalls are the last few calls of each recent trace.
type recentCalls struct {
	ttl     int64
	traces  []traceCalls
	first   int
	count   int
	byTrace map[pcommon.TraceID]int32
}

// callsPerTrace bounds the look at one trace; a twin ends within a few calls of its call.
const callsPerTrace = 8

type traceCalls struct {
	trace   pcommon.TraceID
	touched int64
	next    int
	calls   [callsPerTrace]recentCall
}

type recentCall struct {
	call
	span     pcommon.SpanID
	original pcommon.SpanID
	matched  bool
}

func newRecentCalls(maxTraces int, ttl int64) *recentCalls {
	return &recentCalls{ttl: ttl, traces: make([]traceCalls, maxTraces), byTrace: map[pcommon.TraceID]int32{}}
}

func (r *recentCalls) of(trace pcommon.TraceID, now int64) *traceCalls {
	if at, ok := r.byTrace[trace]; ok && now-r.traces[at].touched <= r.ttl {
		return &r.traces[at]
	} else if ok {
		r.traces[at] = traceCalls{trace: trace, touched: now}
		return &r.traces[at]
	}
	if r.count == len(r.traces) {
		delete(r.byTrace, r.traces[r.first].trace)
		r.first = (r.first + 1) % len(r.traces)
		r.count--
	}
	at := (r.first + r.count) % len(r.traces)
	r.count++
	r.traces[at] = traceCalls{trace: trace, touched: now}
	r.byTrace[trace] = int32(at)
	return &r.traces[at]
}

// match is the call that this one repeats, or empty; either way it is remembered.
func (r *recentCalls) match(key spanKey, c *call, now int64) pcommon.SpanID {
	known := r.of(key.trace, now)
	var original pcommon.SpanID
	for i := range known.calls {
		if one := &known.calls[i]; !one.matched && !one.span.IsEmpty() && same(&one.call, c) {
			one.matched = true
			original = one.original
			break
		}
	}
	known.add(key.span, c, original)
	return original
}

// note remembers a call whose twin the ids told.
func (r *recentCalls) note(key spanKey, c *call, original pcommon.SpanID, now int64) {
	r.of(key.trace, now).add(key.span, c, original)
}

func (t *traceCalls) add(span pcommon.SpanID, c *call, original pcommon.SpanID) {
	one := recentCall{call: *c, span: span, original: original, matched: !original.IsEmpty()}
	if original.IsEmpty() {
		one.original = span
	}
	t.calls[t.next%callsPerTrace] = one
	t.next++
}

func same(a, b *call) bool {
	if a.class != b.class || a.scope == b.scope || a.input != b.input || a.output != b.output || a.input+a.output == 0 {
		return false
	}
	return within(a, b) || within(b, a)
}

func within(inner, outer *call) bool {
	return inner.start >= outer.start && inner.end <= outer.end
}
