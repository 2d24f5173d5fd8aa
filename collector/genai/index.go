package genai

import (
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// index remembers recent spans by (trace id, span id): who their parent is, which agent they named, and which model
// call they are. Parents end after their children, usually in a later request, and no span is delayed, so it knows
// only what came before or together.
//
// It is a ring of a fixed number of nodes with a map over it; the oldest go when the ring is full or they expire.
// Nodes hold no pointers, so that the garbage collector passes over them.
type index struct {
	sync.Mutex // held once for a request

	ttl   int64 // nanoseconds
	nodes []node
	first int // the oldest
	count int
	byID  map[spanKey]int32

	agents  internTable
	recent  *recentCalls
	evicted evictions
}

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// evictions counts what was forgotten since the last look.
type evictions struct{ full, expired int64 }

type node struct {
	key     spanKey
	parent  pcommon.SpanID
	touched int64  // when it was made, Unix nanoseconds
	arrived int64  // when a run or a model call first came, Unix nanoseconds; 0 for others
	agent   int32  // in agents; 0 is none
	step    uint64 // a node's place in the graph that this span is, or 0; see graphs.go
	role    role
	seen    bool // false: only a descendant spoke of it
	decided bool // as a model call; a span that is sent again keeps its result
	// original is the span that is counted for this call: itself, or the one that it duplicates.
	original pcommon.SpanID
	// claims are the counted calls, by class, that this span would repeat if it turned out to be a call itself.
	claims [callClasses]pcommon.SpanID
}

// role is what a span is to the search for the same call seen twice.
type role uint8

const (
	rolePassage role = iota // HTTP, chains: a call and its twin may have these in between
	roleBarrier             // tools, retrievals: calls beyond are other calls
	roleCall                // plus its class; a barrier to the other classes
)

type callClass uint8

const (
	classGenerate callClass = iota
	classEmbed
	classAgent // not a call, but a run of an agent, which is seen twice just the same
	callClasses
)

func classOf(operation string) callClass {
	if operation == operationEmbeddings {
		return classEmbed
	}
	return classGenerate
}

func roleOf(class callClass) role { return roleCall + role(class) }

// maxHops bounds every walk up the parents: a malformed trace may be a circle.
const maxHops = 64

func newIndex(maxSpans int, ttl time.Duration) *index {
	return &index{
		ttl: int64(ttl), nodes: make([]node, maxSpans), byID: map[spanKey]int32{},
		agents: newInternTable(), recent: newRecentCalls(max(maxSpans/16, 1), int64(ttl)),
	}
}

func (x *index) find(key spanKey) *node {
	if at, ok := x.byID[key]; ok {
		return &x.nodes[at]
	}
	return nil
}

// findOrAdd may evict other nodes: pointers from before it are stale.
func (x *index) findOrAdd(key spanKey, now int64) *node {
	if found := x.find(key); found != nil {
		return found
	}
	for range 2 { // two out for one in: expiry keeps up without a sweep
		if x.count > 0 && now-x.nodes[x.first].touched > x.ttl {
			x.evictOldest()
			x.evicted.expired++
		}
	}
	if x.count == len(x.nodes) {
		x.evictOldest()
		x.evicted.full++
	}
	at := (x.first + x.count) % len(x.nodes)
	x.count++
	x.nodes[at] = node{key: key, touched: now}
	x.byID[key] = int32(at)
	return &x.nodes[at]
}

func (x *index) evictOldest() {
	oldest := &x.nodes[x.first]
	delete(x.byID, oldest.key)
	x.agents.release(oldest.agent)
	*oldest = node{}
	x.first = (x.first + 1) % len(x.nodes)
	x.count--
}

func (x *index) setAgent(n *node, name string) {
	if name != "" && n.agent == 0 {
		n.agent = x.agents.hold(name)
	}
}

// register makes a span known; an agent is its own name for its agent, or "".
func (x *index) register(key spanKey, parent pcommon.SpanID, role role, agent string, now int64) {
	n := x.findOrAdd(key, now)
	x.setAgent(n, agent)
	if n.seen {
		return
	}
	n.seen, n.parent, n.role = true, parent, role
	if role == rolePassage {
		claims := n.claims
		for class, original := range claims {
			if !original.IsEmpty() {
				x.claim(spanKey{key.trace, parent}, callClass(class), original, now)
			}
		}
	}
}

// agentOf is the name of the nearest ancestor that named its agent, or "". The span remembers it for its descendants.
func (x *index) agentOf(key spanKey) string {
	start := x.find(key)
	for at, hops := start, 0; at != nil && hops < maxHops; hops++ {
		if at.agent != 0 {
			if start.agent == 0 {
				start.agent = x.agents.share(at.agent)
			}
			return x.agents.name(at.agent)
		}
		if at.parent.IsEmpty() {
			break
		}
		at = x.find(spanKey{key.trace, at.parent})
	}
	return ""
}

// internTable keeps each agent's name once, for as long as a node speaks of it.
type internTable struct {
	ids   map[string]int32
	names []string
	uses  []int32
	free  []int32
}

func newInternTable() internTable {
	return internTable{ids: map[string]int32{}, names: []string{""}, uses: []int32{0}}
}

func (t *internTable) hold(name string) int32 {
	id, ok := t.ids[name]
	if !ok {
		if last := len(t.free) - 1; last >= 0 {
			id, t.free = t.free[last], t.free[:last]
		} else {
			id = int32(len(t.names))
			t.names, t.uses = append(t.names, ""), append(t.uses, 0)
		}
		name = strings.Clone(name) // it may be part of a whole request's memory
		t.names[id] = name
		t.ids[name] = id
	}
	t.uses[id]++
	return id
}

func (t *internTable) share(id int32) int32 {
	t.uses[id]++
	return id
}

func (t *internTable) release(id int32) {
	if id == 0 {
		return
	}
	if t.uses[id]--; t.uses[id] == 0 {
		delete(t.ids, t.names[id])
		t.names[id] = ""
		t.free = append(t.free, id)
	}
}

func (t *internTable) name(id int32) string { return t.names[id] }
