package intake

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func (y *tally) resource(resource pcommon.Resource, labels bool) {
	// Of every signal alike, since a service has one name.
	y.bounded(resource.Attributes(), scan{labels: labels, stream: true}, maxResourceBytes, maxResourceLeaves)
}

func (y *tally) scope(scope pcommon.InstrumentationScope, labels bool) {
	y.bounded(scope.Attributes(), scan{labels: labels}, maxScopeBytes, maxScopeLeaves)
	y.title(scope.Name(), scope.SetName)
	y.title(scope.Version(), scope.SetVersion)
}

// schema cleans a schema's URL.
func (y *tally) schema(of interface {
	SchemaUrl() string
	SetSchemaUrl(string)
},
) {
	y.title(of.SchemaUrl(), of.SetSchemaUrl)
}

// title repairs a single text.
func (y *tally) title(t string, set func(string)) {
	if len(t) <= maxName && isClean(t) {
		return
	}
	m := repairer{}
	set(m.title(t))
	y.add(m.done, 0)
}

// bounded repairs and fits the attributes of a resource or scope.
func (y *tally) bounded(attributes pcommon.Map, kind scan, limit, leaves int) {
	s := kind
	s.attributes(attributes, 0)
	if s.faults == 0 && s.size <= limit && s.leaves <= leaves {
		return
	}
	m := repairer{labels: kind.labels, stream: kind.stream}
	if s.faults != 0 {
		m.attributes(attributes, 0)
	}
	m.fit(whole{
		attributes: attributes,
		leaves:     func(add func(leaf)) { textsOf(attributes, add) },
		scan: func() scan {
			s := kind
			s.attributes(attributes, 0)
			return s
		},
	}, limit, leaves)
	y.add(m.done, m.cut)
}
