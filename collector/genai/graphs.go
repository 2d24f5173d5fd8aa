package genai

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A compiled graph of LangGraph says that it is one only in newer versions, and not where a tool or a node of another
// graph calls it: then it looks like any chain there. But a node's own span has the node's name, and is right under
// its graph. So a node that has come tells of its parent, which comes later.

const (
	chainKind    = "CHAIN"
	defaultGraph = "LangGraph" // compiled without a name
)

// graphSlots are where OpenInference says what LangGraph did.
type graphSlots struct{ kind, node, namespace int32 }

// graphSigns are what a span says of graphs.
type graphSigns struct {
	step      uint64 // of a node's own span: its place in the graph, hashed
	within    uint64 // the place of the node that the span is in
	candidate bool   // a chain that may turn out to be a graph
}

func (t *table) graphSlotsOf() graphSlots {
	return graphSlots{kind: t.slot("openinference.span.kind"), node: t.slot(metadataPrefix + "langgraph_node"),
		namespace: t.slot(metadataPrefix + "langgraph_checkpoint_ns")}
}

// graphSigns reads them; the span's operation is known.
func (s *scan) graphSigns() (signs graphSigns) {
	slots := s.table.graphs
	node := s.textIn(slots.node)
	if node != "" {
		place := s.textIn(slots.namespace)
		if place == "" {
			place = node
		}
		signs.within = maphash.String(scopeSeed, place)
		if node == s.name {
			signs.step = signs.within
		}
	}
	named := s.present.has(s.table.agentSlot) || s.name == "" || s.name == defaultGraph && node != ""
	signs.candidate = s.operation == "" && signs.step == 0 && !named && s.textIn(slots.kind) == chainKind
	return signs
}

func (s *scan) textIn(slot int32) string {
	if !s.present.has(slot) {
		return ""
	}
	text, _ := s.text(slot)
	return text
}

// noteStep tells a node's parent that it is a graph.
func (x *index) noteStep(key spanKey, step uint64, now int64) {
	if step != 0 && !key.span.IsEmpty() {
		x.findOrAdd(key, now).step = step
	}
}

// becomesGraph says whether a registered chain turned out to be a graph, and makes it an agent's run.
func (x *index) becomesGraph(key spanKey, signs graphSigns, name string) bool {
	n := x.find(key)
	if n == nil || n.step == 0 || n.step == signs.within {
		return false
	}
	n.role = roleOf(classAgent)
	x.agents.release(n.agent)
	n.agent = x.agents.hold(name)
	return true
}

// writeGraph gives a chain what a graph's run has.
func writeGraph(span ptrace.Span, keepOriginals bool) {
	attributes := span.Attributes()
	if !keepOriginals {
		attributes.Remove("openinference.span.kind")
	}
	attributes.PutStr(operationName, operationInvokeAgent)
	attributes.PutStr(agentName, span.Name())
	if span.Status().Code() == ptrace.StatusCodeError {
		writeErrorType(attributes, "", span.Status().Message())
	}
	span.SetName(operationInvokeAgent + " " + span.Name())
}
