package intake

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	spanFixed = 160 // ids, times, kind, status, counts, with their tags
	partFixed = 64  // the same of an event or a link
	maxState  = 4096
)

// span repairs a span and tells whether it is lost: without its ids no store takes it.
func (y *tally) span(span ptrace.Span, limit int, c clock) bool {
	if isLost(span) {
		if span.TraceID().IsEmpty() {
			y.add(1<<reasonTraceID, 0)
		} else {
			y.add(1<<reasonSpanID, 0)
		}
		return true
	}
	s := scanSpan(span)
	start, end := uint64(span.StartTimestamp()), uint64(span.EndTimestamp())
	if s.faults == 0 && s.size <= limit && c.canBe(start) && c.canBe(end) && end >= start && end-start <= uint64(maxDuration) && eventsFit(span, c) {
		return false
	}
	m := repairer{}
	if s.faults != 0 {
		m.span(span)
	}
	m.times(span, c)
	if scanSpan(span).size > limit {
		m.fit(wholeSpan(span), limit, 0)
	}
	y.add(m.done, m.cut)
	return false
}

func isLost(span ptrace.Span) bool { return span.TraceID().IsEmpty() || span.SpanID().IsEmpty() }

func scanSpan(span ptrace.Span) scan {
	s := scan{size: spanFixed}
	s.title(span.Name())
	s.attributes(span.Attributes(), 0)
	s.text(span.Status().Message())
	s.state(span.TraceState())
	for _, event := range span.Events().All() {
		s.size += partFixed
		s.title(event.Name())
		s.attributes(event.Attributes(), 0)
	}
	for _, link := range span.Links().All() {
		s.size += partFixed
		s.state(link.TraceState())
		s.attributes(link.Attributes(), 0)
	}
	return s
}

func (s *scan) state(state pcommon.TraceState) {
	raw := state.AsRaw()
	s.text(raw)
	if len(raw) > maxState {
		s.faults |= longName
	}
}

func (m *repairer) span(span ptrace.Span) {
	span.SetName(m.title(span.Name()))
	m.attributes(span.Attributes(), 0)
	span.Status().SetMessage(m.text(span.Status().Message()))
	m.state(span.TraceState())
	for _, event := range span.Events().All() {
		event.SetName(m.title(event.Name()))
		m.attributes(event.Attributes(), 0)
	}
	for _, link := range span.Links().All() {
		m.state(link.TraceState())
		m.attributes(link.Attributes(), 0)
	}
}

// state: half a trace state means something else, so one that is too long or unreadable goes.
func (m *repairer) state(state pcommon.TraceState) {
	if raw := state.AsRaw(); len(raw) > maxState {
		m.done |= 1 << reasonName
		state.FromRaw("")
	} else if !isClean(raw) {
		m.done |= 1 << reasonText
		state.FromRaw("")
	}
}

func wholeSpan(span ptrace.Span) whole {
	return whole{
		attributes: span.Attributes(),
		leaves: func(add func(leaf)) {
			textsOf(span.Attributes(), add)
			message := span.Status().Message()
			add(leaf{len(message), len(message), func() string { return message }, span.Status().SetMessage})
			for _, event := range span.Events().All() {
				textsOf(event.Attributes(), add)
			}
			for _, link := range span.Links().All() {
				textsOf(link.Attributes(), add)
			}
		},
		parts: func() int {
			all, own := scanSpan(span), scan{}
			own.attributes(span.Attributes(), 0)
			return all.size - own.size
		},
		halve: func() bool { return dropLast(span) },
		scan:  func() scan { return scanSpan(span) },
	}
}

// dropLast removes half of the events, else half of the links, and notes it where the conventions do.
func dropLast(span ptrace.Span) bool {
	if n := span.Events().Len(); n > 0 {
		i := 0
		span.Events().RemoveIf(func(ptrace.SpanEvent) bool { i++; return i > n/2 })
		span.SetDroppedEventsCount(span.DroppedEventsCount() + uint32(n-n/2))
		return true
	}
	if n := span.Links().Len(); n > 0 {
		i := 0
		span.Links().RemoveIf(func(ptrace.SpanLink) bool { i++; return i > n/2 })
		span.SetDroppedLinksCount(span.DroppedLinksCount() + uint32(n-n/2))
		return true
	}
	return false
}

// times makes times possible, and keeps what they were.
func (m *repairer) times(span ptrace.Span, c clock) {
	start, end := uint64(span.StartTimestamp()), uint64(span.EndTimestamp())
	newStart, newEnd, why := c.interval(start, end)
	if newEnd == c.now && newEnd != end {
		trace, id := span.TraceID(), span.SpanID()
		earlier := c.now - c.first(trace[:], id[:], number(start), number(end))
		newStart, newEnd = newStart-earlier, newEnd-earlier
	}
	if newStart != start {
		keepTime(span.Attributes(), attrStart, start)
		span.SetStartTimestamp(pcommon.Timestamp(newStart))
	}
	if newEnd != end {
		keepTime(span.Attributes(), attrEnd, end)
		span.SetEndTimestamp(pcommon.Timestamp(newEnd))
	}
	for _, event := range span.Events().All() {
		if at := uint64(event.Timestamp()); !c.canBe(at) {
			why = min(why, reasonTime)
			keepTime(event.Attributes(), attrTime, at)
			event.SetTimestamp(pcommon.Timestamp(newEnd))
		}
	}
	if why != reasonCount {
		m.done |= 1 << why
	}
}

func eventsFit(span ptrace.Span, c clock) bool {
	for _, event := range span.Events().All() {
		if !c.canBe(uint64(event.Timestamp())) {
			return false
		}
	}
	return true
}
