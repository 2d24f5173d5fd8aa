package intake

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// record repairs a log record; none is refused.
func (y *tally) record(record plog.LogRecord, limit int, c clock) {
	s := scanRecord(record, limit)
	at := uint64(record.Timestamp())
	if at == 0 {
		at = uint64(record.ObservedTimestamp())
	}
	observed := uint64(record.ObservedTimestamp())
	if s.faults == 0 && s.size <= limit && s.leaves <= maxLogLeaves && c.canBe(at) && (observed == 0 || c.canBe(observed)) {
		return
	}
	m := repairer{labels: true}
	if s.faults != 0 {
		m.record(record)
	}
	if !c.canBe(at) {
		m.done |= 1 << reasonTime
		if at != 0 {
			keepTime(record.Attributes(), attrTime, at)
		}
		record.SetTimestamp(pcommon.Timestamp(c.moment(at, record.Body().AsString())))
	}
	if observed != 0 && !c.canBe(observed) {
		m.done |= 1 << reasonTime
		record.SetObservedTimestamp(record.Timestamp())
	}
	if s = scanRecord(record, limit); s.size > limit || s.leaves > maxLogLeaves {
		m.fit(wholeRecord(record, limit), limit, maxLogLeaves)
	}
	y.add(m.done, m.cut)
}

func scanRecord(record plog.LogRecord, limit int) scan {
	s := scan{size: spanFixed, labels: true}
	s.attributes(record.Attributes(), 0)
	leaves := s.leaves
	s.body(record.Body(), limit)
	s.leaves = leaves // the body is the line
	s.title(record.EventName())
	s.title(record.SeverityText())
	return s
}

// body: a structured one becomes a line of JSON, in which a byte may take six.
func (s *scan) body(body pcommon.Value, limit int) {
	before := s.size
	s.value(body, 0)
	if wire := s.size - before; isStructured(body) && wire > limit/6 {
		s.size = before + max(wire, jsonSize(body, 0))
	}
}

func isStructured(body pcommon.Value) bool {
	return body.Type() == pcommon.ValueTypeMap || body.Type() == pcommon.ValueTypeSlice
}

func (m *repairer) record(record plog.LogRecord) {
	m.attributes(record.Attributes(), 0)
	m.value("", record.Body(), 0)
	record.SetEventName(m.title(record.EventName()))
	record.SetSeverityText(m.title(record.SeverityText()))
}

func wholeRecord(record plog.LogRecord, limit int) whole {
	measure := plain
	if isStructured(record.Body()) {
		measure = quoted
	}
	return whole{
		attributes: record.Attributes(),
		leaves: func(add func(leaf)) {
			textsOf(record.Attributes(), add)
			textsIn(record.Body(), measure, add)
		},
		parts: func() int {
			s := scan{}
			s.body(record.Body(), limit)
			return s.size
		},
		halve: func() bool { return dropBody(record.Body()) },
		scan:  func() scan { return scanRecord(record, limit) },
	}
}

// dropBody: of a structured body whose texts are short already only its size is left.
func dropBody(body pcommon.Value) bool {
	if !isStructured(body) {
		return false
	}
	s := scan{}
	s.value(body, 0)
	body.SetStr(mark(s.size))
	return true
}
