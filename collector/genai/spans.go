package genai

import (
	"cmp"
	"hash/maphash"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/pricing"
)

// batch is one request in progress. Each span is first read and rewritten separately, without a lock. Then all are
// looked up in the index together, so that children find later parents. Then the results are written.
type batch struct {
	scan  *scan
	spans []spanInfo
	calls []callInfo
	order []*spanInfo
	owner owner // of the resource that is read
}

type spanInfo struct {
	span       ptrace.Span
	key        spanKey
	parent     pcommon.SpanID
	role       role
	agent      string // its own name for its agent
	needsAgent bool
	inherited  string         // what the index says
	call       int            // in calls, or -1
	counted    pcommon.SpanID // of a call or a run; empty for others
	arrived    int64          // of a call or a run, Unix nanoseconds; 0 for others
	graph      graphSigns
}

type callInfo struct {
	call
	price    pricing.Call // its Model is the response's
	asked    string       // the request's model
	reported float64      // USD, as the application reckoned; 0 for none
	hadCost  bool         // the application wrote under our own name
}

// ended are the runs and calls in the order in which they ended, inner ones before those around them. A request groups
// spans by instrumentation: when it begins with an outer span, all outer ones precede the inner ones.
func (b *batch) ended() []*spanInfo {
	b.order = b.order[:0]
	for i := range b.spans {
		if info := &b.spans[i]; info.call >= 0 || info.role == roleOf(classAgent) {
			b.order = append(b.order, info)
		}
	}
	slices.SortStableFunc(b.order, func(one, other *spanInfo) int {
		return cmp.Or(
			cmp.Compare(one.span.EndTimestamp(), other.span.EndTimestamp()),
			cmp.Compare(other.span.StartTimestamp(), one.span.StartTimestamp()),
		)
	})
	return b.order
}

func (b *batch) reset() {
	clear(b.spans) // let go of the request's memory
	clear(b.calls)
	clear(b.order)
	b.spans, b.calls = b.spans[:0], b.calls[:0]
}

var scopeSeed = maphash.MakeSeed()

// read rewrites each span of a request separately.
func (b *batch) read(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		b.owner = ownerOf(resource.Resource())
		for _, scoped := range resource.ScopeSpans().All() {
			scope := maphash.String(scopeSeed, scoped.Scope().Name())
			for _, span := range scoped.Spans().All() {
				b.span(span, scope)
			}
		}
	}
}

func (b *batch) span(span ptrace.Span, scope uint64) {
	s := b.scan
	t := s.table
	info := spanInfo{span: span, key: spanKey{b.owner.trace(span.TraceID()), span.SpanID()}, parent: span.ParentSpanID(), call: -1}
	attributes := span.Attributes()
	ending := t.endingOf(span)
	if ending.cancelled {
		s.cancelled++
	}
	if !s.collect(attributes) {
		b.spans = append(b.spans, info)
		return
	}
	s.name = span.Name()
	s.duration = durationOf(span)
	s.readEvents(span)
	s.findOperation()
	class, isCall := t.modelCalls[s.operation]
	s.resolve(isCall)
	s.dropWorkedOut(isCall)
	if isCall {
		s.reconcileTokenTotals()
		info.call = len(b.calls)
		b.calls = append(b.calls, s.callInfo(span, class, scope))
	}
	if s.operation != operationInvokeWorkflow { // Traceloop calls each workflow an agent
		info.agent = s.resolvedText(t.known.agent)
	}
	info.role = roleIn(s.operation, class, isCall)
	info.graph = s.graphSigns()
	info.needsAgent = info.agent == "" && t.agentOperations[s.operation]
	b.spans = append(b.spans, info)

	s.write(attributes)
	if s.operation == "" {
		return
	}
	s.writeOperation(attributes)
	if isCall {
		s.writeRate(attributes)
	}
	if span.Status().Code() == ptrace.StatusCodeError {
		writeErrorType(attributes, ending.thrown, span.Status().Message())
	}
	s.rename(span)
}

func roleIn(operation string, class callClass, isCall bool) role {
	switch {
	case isCall:
		return roleOf(class)
	case operation == operationInvokeAgent:
		return roleOf(classAgent)
	case operation == operationExecuteTool, operation == operationRetrieval:
		return roleBarrier
	}
	return rolePassage
}

// readEvents notes events that are mapped.
func (s *scan) readEvents(span ptrace.Span) {
	for _, event := range span.Events().All() {
		if event.Name() != exceptionEvent {
			s.event(event.Name(), seconds(span.StartTimestamp(), event.Timestamp()))
		}
	}
}

// dropWorkedOut removes what an application wrote under the names of numbers that are worked out here.
func (s *scan) dropWorkedOut(isCall bool) {
	if s.present.has(s.table.rateSlot) {
		s.consumed.add(s.table.rateSlot)
	}
	if cost := s.table.known.cost; cost >= 0 && !isCall && s.present.has(s.table.targets[cost].slot) {
		s.consumed.add(s.table.targets[cost].slot)
	}
}

func (s *scan) resolvedText(target int) string {
	if target < 0 {
		return ""
	}
	return s.results[target].text
}

func (s *scan) resolvedWhole(target int) int64 {
	if target < 0 {
		return 0
	}
	return s.results[target].whole
}

// reconcileTokenTotals makes the totals include their parts, as the conventions have it: some instrumentors pass on a
// provider's count without the cached or without the reasoning tokens.
func (s *scan) reconcileTokenTotals() {
	known := &s.table.known
	s.atLeast(known.cacheWrite, s.resolvedWhole(known.cacheWrite1h))
	s.atLeast(known.input, s.resolvedWhole(known.cacheRead)+s.resolvedWhole(known.cacheWrite))
	s.atLeast(known.output, s.resolvedWhole(known.reasoning))
}

func (s *scan) atLeast(total int, part int64) {
	if total < 0 || !s.results[total].set || s.results[total].whole >= part {
		return
	}
	sum := s.results[total].whole + part
	if limit := s.table.targets[total].max; limit > 0 && float64(sum) > limit {
		return // each can be, both together cannot
	}
	s.results[total].whole = sum
	s.results[total].inPlace = false
}

func (s *scan) callInfo(span ptrace.Span, class callClass, scope uint64) callInfo {
	known := &s.table.known
	made := callInfo{asked: s.resolvedText(known.requestModel)}
	made.class, made.scope, made.said = class, scope, saidDuplicate(span)
	made.start, made.end = span.StartTimestamp(), span.EndTimestamp()
	made.input, made.output = s.resolvedWhole(known.input), s.resolvedWhole(known.output)
	made.price = pricing.Call{
		Provider:         s.resolvedText(known.provider),
		Model:            s.resolvedText(known.responseModel),
		At:               span.StartTimestamp().AsTime(),
		ServiceTier:      s.resolvedText(known.serviceTier),
		InputTokens:      made.input,
		OutputTokens:     made.output,
		CacheReadTokens:  s.resolvedWhole(known.cacheRead),
		CacheWriteTokens: s.resolvedWhole(known.cacheWrite), CacheWrite1hTokens: s.resolvedWhole(known.cacheWrite1h),
		ReasoningTokens:  s.resolvedWhole(known.reasoning),
		InputAudioTokens: s.resolvedWhole(known.audioInput), OutputAudioTokens: s.resolvedWhole(known.audioOutput),
		InputImageTokens: s.resolvedWhole(known.imageInput), OutputImageTokens: s.resolvedWhole(known.imageOutput),
	}
	if known.cost >= 0 {
		made.reported = s.results[known.cost].real
		made.hadCost = s.present.has(s.table.targets[known.cost].slot)
	}
	return made
}

func (s *scan) writeOperation(attributes pcommon.Map) {
	if s.present.has(s.table.operationSlot) && !s.consumed.has(s.table.operationSlot) {
		if held, ok := attributes.Get(operationName); ok && held.Str() == s.operation {
			return
		}
	}
	attributes.PutStr(operationName, s.operation)
}

// writeRate sets the output tokens per second of the streaming phase, where there was one.
func (s *scan) writeRate(attributes pcommon.Map) {
	known := &s.table.known
	if known.firstChunk < 0 || !s.results[known.firstChunk].set {
		return
	}
	first, output := s.results[known.firstChunk].real, s.resolvedWhole(known.output)
	if output > 0 && first >= 0 && first < s.duration && !wholeDuration(first, s.duration) {
		attributes.PutDouble(outputRate, float64(output)/(s.duration-first))
	}
}

// rename gives the span the conventions' name: `chat gpt-4.1-mini`.
func (s *scan) rename(span ptrace.Span) {
	target, ok := s.table.nameTarget[s.operation]
	if !ok {
		return
	}
	name, detail := s.operation, s.results[target].text
	if detail != "" {
		name += " " + detail
	}
	if name != s.name {
		span.SetName(name)
	}
}
