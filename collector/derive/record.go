package derive

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/intake"
)

// maxLabelBytes bounds what a label keeps of a value: a cap on series is none on memory without it. An agent's name of
// 100 characters fits, in any script.
const maxLabelBytes = 400

type fieldKind uint8

const (
	kindNone fieldKind = iota
	kindText
	kindInteger
	kindDouble
	kindOther // there, but neither a label nor a number
)

// field is an attribute's value, taken out of pdata once.
type field struct {
	kind fieldKind
	str  string
	bits uint64
}

// record is the scratch paper for one span or event; it is used again for the next.
type record struct {
	plan     *plan
	seed     maphash.Seed // of labels
	salt     uint64       // of identities, which outlive the process
	resource []field      // by slot
	fields   []field
	texts    []string // by place in plan.labels
	hashes   []uint64

	duration float64
	weight   float64
	at       pcommon.Timestamp // when the gateway saw it
	begin    pcommon.Timestamp // the zero of a series that starts with it
	trace    pcommon.TraceID
	span     pcommon.SpanID

	tally tally // of the request
}

func newRecord(p *plan, salt uint64) *record {
	width := p.width()
	return &record{
		plan: p, seed: maphash.MakeSeed(), salt: salt,
		resource: make([]field, width), fields: make([]field, width),
		texts: make([]string, len(p.labels)), hashes: make([]uint64, len(p.labels)),
	}
}

func (r *record) readResource(resource pcommon.Resource) {
	clear(r.resource)
	r.read(r.resource, resource.Attributes())
}

// owner is who the places of series are shared among: applications, or services where those are not known.
func (r *record) owner() string {
	if application := r.resource[r.plan.application].str; application != "" {
		return application
	}
	return r.resource[r.plan.service].str
}

func (r *record) read(into []field, attributes pcommon.Map) {
	for name, value := range attributes.All() {
		if slot, ok := r.plan.slotOf.Get(name); ok {
			into[slot] = fieldOf(value)
		}
	}
}

func fieldOf(value pcommon.Value) field {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return field{kind: kindText, str: value.Str()}
	case pcommon.ValueTypeInt:
		return field{kind: kindInteger, bits: uint64(value.Int())}
	case pcommon.ValueTypeDouble:
		return field{kind: kindDouble, bits: math.Float64bits(value.Double())}
	case pcommon.ValueTypeBool:
		return field{kind: kindText, str: strconv.FormatBool(value.Bool())}
	case pcommon.ValueTypeEmpty:
		return field{}
	case pcommon.ValueTypeSlice: // a list of one is that one, as of finish reasons
		if list := value.Slice(); list.Len() == 1 && list.At(0).Type() == pcommon.ValueTypeStr {
			return field{kind: kindText, str: list.At(0).Str()}
		}
	}
	return field{kind: kindOther}
}

var (
	spanKinds = map[ptrace.SpanKind]string{
		ptrace.SpanKindInternal: "internal", ptrace.SpanKindServer: "server", ptrace.SpanKindClient: "client",
		ptrace.SpanKindProducer: "producer", ptrace.SpanKindConsumer: "consumer",
	}
	otherError = field{kind: kindText, str: "_OTHER"} // what the conventions say where error.type is not known
)

func (r *record) readSpan(span ptrace.Span) {
	p := r.plan
	copy(r.fields, r.resource)
	r.read(r.fields, span.Attributes())
	failed := span.Status().Code() == ptrace.StatusCodeError
	if p.errorType != noSlot && failed && r.fields[p.errorType].kind == kindNone {
		r.fields[p.errorType] = otherError
	}
	if p.spanName != noSlot {
		r.fields[p.spanName] = field{kind: kindText, str: span.Name()}
	}
	if p.spanKind != noSlot {
		r.fields[p.spanKind] = field{kind: kindText, str: spanKinds[span.Kind()]}
	}
	if p.spanStatus != noSlot {
		r.fields[p.spanStatus] = field{kind: kindText, str: "ok"}
		if failed {
			r.fields[p.spanStatus].str = "error"
		}
	}
	r.trace, r.span = span.TraceID(), span.SpanID()
	r.duration = seconds(uint64(span.StartTimestamp()), uint64(span.EndTimestamp()))
}

func (r *record) readEvent(event plog.LogRecord) {
	copy(r.fields, r.resource)
	r.read(r.fields, event.Attributes())
	if name := event.EventName(); name != "" && r.plan.eventName != noSlot {
		r.fields[r.plan.eventName] = field{kind: kindText, str: name}
	}
	r.trace, r.span = event.TraceID(), event.SpanID()
	r.duration, r.weight = math.NaN(), 1
}

// resolve works out every label of the record.
func (r *record) resolve() {
	for i := range r.plan.labels {
		r.texts[i] = ""
		for _, slot := range r.plan.labels[i].slots {
			if value := labelText(r.fields[slot]); value != "" {
				r.texts[i] = value
				break
			}
		}
		r.hashes[i] = maphash.String(r.seed, r.texts[i])
	}
}

func labelText(f field) string {
	switch f.kind {
	case kindText:
		if len(f.str) <= maxLabelBytes && utf8.ValidString(f.str) {
			return f.str
		}
		// Stores refuse a whole request for one label that is no UTF-8.
		return intake.Shorten(strings.ToValidUTF8(f.str, "\uFFFD"), maxLabelBytes)
	case kindInteger:
		return strconv.FormatInt(int64(f.bits), 10)
	case kindDouble:
		return strconv.FormatFloat(math.Float64frombits(f.bits), 'g', -1, 64)
	}
	return ""
}

func (f field) number() (float64, bool) {
	switch f.kind {
	case kindInteger:
		return float64(int64(f.bits)), true
	case kindDouble:
		return math.Float64frombits(f.bits), true
	}
	return 0, false
}

func (c *slotCondition) holds(fields []field) bool {
	f := &fields[c.slot]
	if f.kind == kindNone || c.OfPresence() {
		return c.Holds(f.kind != kindNone, "", "")
	}
	value := f.str
	if f.kind != kindText {
		value = labelText(*f)
	}
	return c.Holds(f.kind != kindOther, value, fields[c.spanName].str)
}

func (m *metric) matches(fields []field) bool {
	for i := range m.conditions {
		if !m.conditions[i].holds(fields) {
			return false
		}
	}
	return true
}

// key tells the series of a metric apart. Two of them meet in 64 bits with odds of 1e-13 at 2,000.
func (r *record) key(m *metric, p *part) uint64 {
	key := p.seed
	for _, label := range m.labels {
		key = mix(key, r.hashes[label])
	}
	return key
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^b, 0xa0761d6478bd642f)
	return high ^ low ^ bits.RotateLeft64(a, 23)
}

// identity of a span, among those of its application.
func (r *record) identity() uint64 {
	key := mix(r.owned(r.salt), binary.LittleEndian.Uint64(r.trace[:8]))
	return mix(mix(key, binary.LittleEndian.Uint64(r.trace[8:])), binary.LittleEndian.Uint64(r.span[:]))
}

// eventIdentity is log.record.uid where the application set one, else all that the event says.
func (r *record) eventIdentity(event plog.LogRecord, resource uint64) uint64 {
	if uid, ok := event.Attributes().Get("log.record.uid"); ok && uid.Type() == pcommon.ValueTypeStr && uid.Str() != "" {
		return mix(r.owned(r.hashText(uid.Str())), r.hashText(event.EventName()))
	}
	at := event.Timestamp()
	if at == 0 {
		at = event.ObservedTimestamp()
	}
	key := mix(mix(resource, r.identity()), uint64(at))
	key = mix(key, r.hashText(event.EventName()))
	key = mix(key, r.hash(event.Body()))
	return mix(key, r.hashMap(event.Attributes()))
}

// owned tells what one application says from what another says under the same ids. Without one, the key stays.
func (r *record) owned(key uint64) uint64 {
	if application := r.resource[r.plan.application].str; application != "" {
		return mix(key, r.hashText(application))
	}
	return key
}

func (r *record) hashText(value string) uint64 {
	return mix(r.salt, xxhash.Sum64String(value))
}

func (r *record) hashMap(attributes pcommon.Map) uint64 {
	key := uint64(attributes.Len())
	for name, value := range attributes.All() {
		key = mix(mix(key, r.hashText(name)), r.hash(value))
	}
	return key
}

func (r *record) hash(value pcommon.Value) uint64 {
	switch f := fieldOf(value); f.kind {
	case kindInteger, kindDouble:
		return mix(uint64(f.kind), f.bits)
	case kindText:
		return r.hashText(f.str)
	default:
		return r.hashText(value.AsString())
	}
}
