package wire

// field describes one field number of a message.
type field struct {
	message *message
	size    int64 // what each counts as at least, bytes
	id      int   // the length of an id, bytes
	nests   bool  // whether it is a list or a map within a value
}

// message has the fields that hold ids, items or attributes, or messages that do, by their numbers (opentelemetry-proto).
type message [16]field

const (
	traceID = 16
	spanID  = 8
)

func item(m *message) field { return field{message: m, size: itemSize} }

var (
	value     message // set below, since values hold values
	pair      = message{2: {message: &value}}
	attribute = field{message: &pair, size: attributeSize}
	none      message

	event    = message{3: attribute}
	link     = message{1: {id: traceID}, 2: {id: spanID}, 4: attribute}
	span     = message{1: {id: traceID}, 2: {id: spanID}, 4: {id: spanID}, 9: attribute, 11: item(&event), 13: item(&link)}
	record   = message{5: {message: &value}, 6: attribute, 9: {id: traceID}, 10: {id: spanID}}
	exemplar = message{4: {id: spanID}, 5: {id: traceID}, 7: attribute}

	number      = points(message{5: item(&exemplar), 7: attribute})
	histogram   = points(message{8: item(&exemplar), 9: attribute})
	exponential = points(message{1: attribute, 11: item(&exemplar)})
	summary     = points(message{6: item(&none), 7: attribute})
	metric      = message{
		5: {message: &number}, 7: {message: &number}, 9: {message: &histogram}, 10: {message: &exponential},
		11: {message: &summary}, 12: attribute,
	}

	traces  = request(&span)
	logs    = request(&record)
	metrics = request(&metric)
)

func init() {
	list, pairs := message{1: {message: &value, size: attributeSize}}, message{1: attribute}
	value = message{5: {message: &list, nests: true}, 6: {message: &pairs, nests: true}}
}

// points is a message with data points, each of which is of this kind.
func points(point message) message { return message{1: item(&point)} }

// request is resources, scopes and their items, in the same places for each signal.
func request(of *message) message {
	named := message{1: attribute, 3: item(&none)} // a resource, with what it is about
	scoped := message{3: attribute}
	scope := message{1: {message: &scoped}, 2: item(of)}
	resource := message{1: {message: &named}, 2: item(&scope)}
	return message{1: item(&resource)}
}
