package redact

import (
	"encoding/json"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func (p *pass) logs(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		p.enter(rl.Resource())
		p.resource(rl.Resource())
		rl.SetSchemaUrl(p.keepIf(rl.SchemaUrl(), fieldSchemaURL, cleanSchema))
		for _, sl := range rl.ScopeLogs().All() {
			logger := sl.Scope().Name()
			generative := p.scope(sl.Scope())
			sl.SetSchemaUrl(p.keepIf(sl.SchemaUrl(), fieldSchemaURL, cleanSchema))
			printsRequests := p.none() && matchAny(p.loggers, logger)
			for _, record := range sl.LogRecords().All() {
				if p.none() {
					p.record(record, generative, printsRequests)
				} else {
					p.maskRecord(record)
				}
			}
		}
	}
}

// nameLines gives events that are all attributes (votes, scores, what applications record) a line that can be read: what
// they are called. It comes last, since a name that stays is no content.
func nameLines(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if isBlank(record.Body()) {
					if event := eventName(record); event != "" {
						record.Body().SetStr(event)
					}
				}
			}
		}
	}
}

func isBlank(body pcommon.Value) bool {
	return body.Type() == pcommon.ValueTypeEmpty || body.Type() == pcommon.ValueTypeStr && body.Str() == ""
}

func eventName(record plog.LogRecord) string {
	if event := record.EventName(); event != "" {
		return event
	}
	event, _ := stringAt(record.Attributes(), "event.name")
	return event
}

func (p *pass) record(record plog.LogRecord, generative, printsRequests bool) {
	generative = generative || strings.HasPrefix(eventName(record), "gen_ai.")
	// An ordinary line may well name a model or an agent: its attributes are then held to the lists, its text stays.
	p.attributes(record.Attributes(), generative)
	record.SetEventName(p.redactName(record.EventName()))
	record.SetSeverityText(p.keepIf(record.SeverityText(), fieldSeverity, func(s string) string {
		return cleanSeverity(s, record.SeverityNumber())
	}))
	debug := record.SeverityNumber() > 0 && record.SeverityNumber() <= plog.SeverityNumberDebug4
	p.body(record.Body(), generative || printsRequests && debug || p.cfg.LogBodies == remove)
}

// ownWords are the keys under which structured logs have the line itself.
var ownWords = map[string]bool{"message": true, "msg": true, "event": true, "log": true}

func (p *pass) body(body pcommon.Value, goes bool) {
	switch {
	case isBlank(body):
	case goes:
		p.removeBody(body)
	case body.Type() == pcommon.ValueTypeStr:
		p.line(body)
	case body.Type() == pcommon.ValueTypeMap:
		p.structured(body.Map())
	case !p.stays(actionUnknown, body, false, 0):
		p.removeBody(body)
	}
}

func (p *pass) removeBody(body pcommon.Value) {
	p.removed[fieldBody]++
	body.SetStr(removed)
}

// line masks the text of a log line; one that is JSON is held to the lists like a structured body.
func (p *pass) line(body pcommon.Value) {
	s := body.Str()
	trimmed := strings.TrimSpace(s)
	if trimmed == "" || trimmed[0] != '{' {
		if cleaned := p.redactText(s); cleaned != s {
			body.SetStr(cleaned)
		}
		return
	}
	cleaned, ok := p.jsonLine(trimmed)
	if !ok {
		p.removeBody(body) // looks like JSON and is not: its content cannot be read
		return
	}
	body.SetStr(cleaned)
}

func (p *pass) jsonLine(s string) (string, bool) {
	if !json.Valid([]byte(s)) {
		return "", false
	}
	value, err := decodeJSON(s)
	if err != nil {
		return "", false
	}
	m := pcommon.NewMap()
	if err := m.FromRaw(exact(value, 0).(map[string]any)); err != nil {
		return "", false
	}
	p.structured(m)
	return encodeJSON(m.AsRaw())
}

// exact makes of json's numbers what pdata knows: whole ones stay exact.
func exact(value any, depth int) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64()
		return f
	case map[string]any:
		if depth > maxDepth {
			return nil
		}
		for key := range value {
			value[key] = exact(value[key], depth+1)
		}
	case []any:
		if depth > maxDepth {
			return nil
		}
		for i := range value {
			value[i] = exact(value[i], depth+1)
		}
	}
	return value
}

func (p *pass) structured(m pcommon.Map) {
	m.RemoveIf(func(key string, v pcommon.Value) bool {
		if ownWords[key] && v.Type() == pcommon.ValueTypeStr {
			v.SetStr(p.redactText(v.Str()))
			return false
		}
		stays := p.stays(p.names.of(key).action, v, false, 0)
		if !stays {
			p.removed[fieldBody]++
		}
		return !stays
	})
}

var severities = func() map[string]bool {
	known := map[string]bool{}
	for _, s := range strings.Fields(`trace debug info information informational notice warn warning error err critical crit
		fatal alert emerg emergency panic severe fine finer finest config verbose default notset success exception i w e f d`) {
		known[s] = true
	}
	return known
}()

// cleanSeverity keeps the words that loggers use, a digit after them included (INFO2), else says it by the number.
func cleanSeverity(s string, number plog.SeverityNumber) string {
	word := strings.ToLower(s)
	if n := len(word); n > 1 && '1' <= word[n-1] && word[n-1] <= '4' {
		word = word[:n-1]
	}
	if severities[word] {
		return s
	}
	if number <= 0 || number > plog.SeverityNumberFatal4 {
		return ""
	}
	return strings.ToUpper(number.String())
}

func (p *pass) maskRecord(record plog.LogRecord) {
	p.maskMap(record.Attributes(), 0)
	p.maskValue(record.Body(), 0)
	record.SetEventName(p.mask(record.EventName()))
	record.SetSeverityText(p.mask(record.SeverityText()))
}
