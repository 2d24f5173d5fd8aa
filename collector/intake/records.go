package intake

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// record repairs a log record; none is refused.
func (y *tally) record(record plog.LogRecord, limit int, c clock) {
	s := scanRecord(record)
	at := uint64(record.Timestamp())
	if at == 0 {
		at = uint64(record.ObservedTimestamp())
	}
	observed := uint64(record.ObservedTimestamp())
	if s.faults == 0 && s.size <= limit && s.leaves <= maxLogLeaves && c.canBe(at) && (observed == 0 || c.canBe(observed)) {
		return
	}
	m := mender{labels: true}
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
	if s = scanRecord(record); s.size > limit || s.leaves > maxLogLeaves {
		m.fit(wholeRecord(record), limit, maxLogLeaves)
	}
	y.add(m.done, m.cut)
}

func scanRecord(record plog.LogRecord) scan {
	s := scan{size: spanFixed, labels: true}
	s.attributes(record.Attributes(), 0)
	leaves := s.leaves
	s.value(record.Body(), 0)
	s.leaves = leaves // the body is the line
	s.title(record.EventName())
	s.title(record.SeverityText())
	return s
}

func (m *mender) record(record plog.LogRecord) {
	m.attributes(record.Attributes(), 0)
	m.value("", record.Body(), 0)
	record.SetEventName(m.title(record.EventName()))
	record.SetSeverityText(m.title(record.SeverityText()))
}

func wholeRecord(record plog.LogRecord) whole {
	return whole{
		attributes: record.Attributes(),
		leaves: func(add func(leaf)) {
			textsOf(record.Attributes(), add)
			textsIn(record.Body(), add)
		},
		parts: func() int {
			s := scan{}
			s.value(record.Body(), 0)
			return s.size
		},
		halve: func() bool { return dropBody(record.Body()) },
		scan:  func() scan { return scanRecord(record) },
	}
}

// dropBody: of a structured body whose texts are short already only its size is left.
func dropBody(body pcommon.Value) bool {
	if body.Type() != pcommon.ValueTypeMap && body.Type() != pcommon.ValueTypeSlice {
		return false
	}
	s := scan{}
	s.value(body, 0)
	body.SetStr(mark(s.size))
	return true
}
