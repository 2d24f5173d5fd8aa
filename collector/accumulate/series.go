package accumulate

import (
	"cmp"
	"time"
	"unique"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"otelgate/collector/derived"
	"otelgate/collector/sender"
)

const (
	// soonShared and soonOwn are how old a counter may be when it is first heard for its first value to be a rise from
	// zero at its start. One that is older begins at its value, as anywhere in Prometheus: what it counted before
	// is no spending of now. A series of several processes begins only once, so there the time is short.
	soonShared = 30 * time.Second
	soonOwn    = 4 * time.Minute
	// again is how long a first sample is sent again that may have been lost with a process. Stores refuse old ones.
	again = 5 * time.Minute
	// lead is the least time between two samples of a series; stores keep milliseconds.
	lead = int64(time.Millisecond)
)

// series is one that goes out.
type series struct {
	Own     bool   `json:"own,omitempty"`   // its senders have an instance id
	Delta   bool   `json:"delta,omitempty"` // a sender sends deltas, so the gateway repeats the total
	Metric  string `json:"metric"`
	Service string `json:"service,omitempty"`
	Env     string `json:"env,omitempty"`
	Owner   string `json:"owner,omitempty"` // of its place

	Seen  int64 `json:"at"` // Unix nanoseconds, as all times here
	Total value `json:"total"`
	// First is what older counters had when the series began: no rise. Its first sample, at Began, just before the
	// second: a zero that is further away makes increase() extrapolate from a slope that isn't there.
	First value `json:"first"`
	Began int64 `json:"began"`
	// Written says that the series was handed on: what was not spent now can't be added any more.
	Written bool `json:"written,omitempty"`
	// Held is not in Total yet, since the gateway may derive it, too.
	Held  *value `json:"held,omitempty"`
	Ended bool   `json:"ended,omitempty"` // what was written last is that it is over

	shape     []byte // who and what, and its labels, as OTLP without a value; stored once
	unsaved   bool   // the shape
	unstored  bool   // what a flush changed
	derivable bool

	// Of this process, since the last flush or start.
	changed   bool
	ending    bool  // its sender says that it is over
	due       int64 // not to be written before
	heldSince int64
	points    int64 // that came since it was written
	begun     bool  // First was handed on
	written   int64 // time of the last sample
	resource  *pcommon.Map
	exemplars pmetric.ExemplarSlice
}

// gatewayLabel names the gateway where the instance doesn't: what a process sends in deltas can go through several, and
// each writes a total of what it saw.
const gatewayLabel = "otelgate.gateway"

// maxExemplars waits of each series for the next flush.
const maxExemplars = 16

func (s *series) clone() *series {
	c := *s
	return &c
}

// place is the position of a metric in a request, and the fields that its series share.
type place struct {
	resource *pcommon.Map // as the sender has it, with an instance
	identity pcommon.Map  // of it, what stores keep
	owner    string       // who its places are shared among: applications, or services where those are not known
	own      bool
	delta    bool
	scope    pcommon.InstrumentationScope
	metric   pmetric.Metric
}

func (a *accumulator) placeOf(resource pcommon.Map) place {
	whole, identity := pcommon.NewMap(), pcommon.NewMap()
	resource.CopyTo(whole)
	own := derived.Label(whole, "service.instance.id") != ""
	if !own {
		whole.PutStr("service.instance.id", a.config.InstanceID)
	}
	for _, name := range []string{"service.namespace", "service.name", "service.instance.id"} {
		if value, ok := whole.Get(name); ok {
			value.CopyTo(identity.PutEmpty(name))
		}
	}
	owner := unique.Make(cmp.Or(derived.Label(whole, "otelgate.application"), derived.Label(whole, "service.name"))).Value()
	return place{resource: &whole, identity: identity, owner: owner, own: own}
}

// key tells series apart by what stores keep of them.
func (p place) key(labels pcommon.Map) uint64 {
	kind := p.metric.Type().String()
	if p.metric.Type() == pmetric.MetricTypeSum && p.metric.Sum().IsMonotonic() {
		kind += "+"
	}
	if p.own && p.delta {
		kind += " delta"
	}
	instance := ""
	if p.own { // else the same series although this gateway's name has changed
		instance = derived.Label(p.identity, "service.instance.id")
	}
	return pdatautil.Hash64(pdatautil.WithString(kind),
		pdatautil.WithString(derived.Label(p.identity, "service.namespace")),
		pdatautil.WithString(derived.Label(p.identity, "service.name")), pdatautil.WithString(instance),
		pdatautil.WithString(p.scope.Name()), pdatautil.WithString(p.scope.Version()),
		pdatautil.WithMap(p.scope.Attributes()),
		pdatautil.WithString(p.metric.Name()), pdatautil.WithString(p.metric.Unit()), pdatautil.WithMap(labels))
}

// newSeries describes one; the labels have no mark of the sender any more.
func (p place) newSeries(labels pcommon.Map, v value, gateway string) (*series, error) {
	shape := pmetric.NewMetrics()
	resource := shape.ResourceMetrics().AppendEmpty()
	p.identity.CopyTo(resource.Resource().Attributes())
	scope := resource.ScopeMetrics().AppendEmpty()
	p.scope.CopyTo(scope.Scope())
	metric := scope.Metrics().AppendEmpty()
	metric.SetName(p.metric.Name())
	metric.SetDescription(p.metric.Description())
	metric.SetUnit(p.metric.Unit())
	point := emptyPoint(metric, p.metric)
	labels.CopyTo(point)
	if p.own && p.delta {
		point.PutStr(gatewayLabel, gateway)
	}
	encoded, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(shape)
	return &series{
		shape: encoded, unsaved: true, exemplars: pmetric.NewExemplarSlice(), Own: p.own, Total: v.zero(), First: v.zero(), Metric: p.metric.Name(),
		Service: derived.Label(labels, "service.name"), Env: derived.Label(labels, "deployment.environment.name"), Owner: p.owner,
	}, err
}

// emptyPoint makes the metric a cumulative one of the same kind and returns its only point's labels.
func emptyPoint(metric, like pmetric.Metric) pcommon.Map {
	switch like.Type() {
	case pmetric.MetricTypeHistogram:
		metric.SetEmptyHistogram().SetAggregationTemporality(cumulative)
		return metric.Histogram().DataPoints().AppendEmpty().Attributes()
	case pmetric.MetricTypeExponentialHistogram:
		metric.SetEmptyExponentialHistogram().SetAggregationTemporality(cumulative)
		return metric.ExponentialHistogram().DataPoints().AppendEmpty().Attributes()
	}
	metric.SetEmptySum().SetAggregationTemporality(cumulative)
	metric.Sum().SetIsMonotonic(like.Sum().IsMonotonic())
	return metric.Sum().DataPoints().AppendEmpty().Attributes()
}

// unmark takes the sender's mark off and returns it; without one, the labels that are left have to do.
func unmark(labels pcommon.Map) string {
	mark := derived.Label(labels, sender.Attribute)
	labels.Remove(sender.Attribute)
	return mark
}

// spend adds what was spent now.
func (s *series) spend(v value, now int64) {
	if !s.derivable || !s.Written {
		s.Total = s.Total.plus(v)
		return
	}
	if s.Held == nil {
		s.Held, s.heldSince = &v, now
		return
	}
	sum := s.Held.plus(v)
	s.Held = &sum
}

// inherit adds what was counted before the series began. Later it could only be added as a rise, which it is not.
func (s *series) inherit(v value) {
	if !s.Written {
		s.Total, s.First = s.Total.plus(v), s.First.plus(v)
	}
}

// release ends the holding back: into the total, or away.
func (s *series) release(keep bool) {
	switch {
	case keep && s.Held != nil:
		s.Total = s.Total.plus(*s.Held)
	case !keep && !s.Written:
		s.Total, s.First, s.due = s.Total.zero(), s.First.zero(), 0
	}
	s.Held, s.points = nil, 0
}
