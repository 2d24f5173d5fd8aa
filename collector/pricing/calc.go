package pricing

import (
	"math/bits"
	"slices"
	"strings"
	"time"
)

// unitPrice is what one unit costs: rate USD per `per` units, above some numbers of input tokens another rate.
type unitPrice struct {
	unit  int
	parts uint32 // the units that are part of this one (cached tokens of input tokens), as bits
	per   float64
	rate  float64
	tiers []tier // by rising start
}

// tier replaces the rate for all tokens of a call with more than start input tokens.
type tier struct{ start, rate float64 }

// priceSet holds the prices of a model, parts before their wholes. An empty one is a free model's.
type priceSet []unitPrice

// sortPrices puts parts before wholes: a whole has more parts than each of its parts.
func sortPrices(set priceSet) {
	slices.SortFunc(set, comparePrices)
}

func comparePrices(a, b unitPrice) int {
	if d := bits.OnesCount32(a.parts) - bits.OnesCount32(b.parts); d != 0 {
		return d
	}
	return a.unit - b.unit
}

// cost of the usage, in USD. Each unit is counted once, at the rate of the most specific priced unit that it belongs
// to: with a rate for cached tokens, these are taken out of the input tokens; without, they cost what input tokens cost.
// known is false where nothing that was used has a price.
func (set priceSet) cost(used *usage) (usd float64, known bool) {
	if len(set) == 0 {
		return 0, true
	}
	var alone [unitCount]float64
	for i := range set {
		price := &set[i]
		whole := used[price.unit]
		known = known || whole > 0
		for j := range set[:i] {
			if price.parts&(1<<set[j].unit) != 0 {
				whole -= alone[set[j].unit]
			}
		}
		whole = max(whole, 0)
		alone[price.unit] = whole
		usd += price.rateFor(used[unitInput]) * whole / price.per
	}
	return usd, known
}

func (p *unitPrice) rateFor(inputTokens float64) float64 {
	for i := len(p.tiers) - 1; i >= 0; i-- {
		if inputTokens > p.tiers[i].start {
			return p.tiers[i].rate
		}
	}
	return p.rate
}

// model is one entry of the table.
type model struct {
	id           string
	file         string // that has the entry
	match        clause
	prices       []conditional
	variants     []variant
	minimumAudio float64 // seconds that are billed at least for an audio
}

// conditional prices hold while their constraint does; the last that holds is used, else the first.
type conditional struct {
	constraint constraint
	prices     priceSet
}

// variant prices replace the standard ones, unit by unit, for calls of a service tier.
type variant struct {
	tier string // "" where the condition is on something that telemetry doesn't tell: never used
	conditional
}

// constraint is a start date or a daily interval; the zero value always holds.
type constraint struct {
	kind     constraintKind
	from, to int64 // seconds: since 1970 for a date, since midnight UTC for times of day
}

type constraintKind uint8

const (
	always constraintKind = iota
	fromDate
	timeOfDay
)

const day = 24 * 60 * 60

func (c constraint) holds(at int64) bool {
	switch c.kind {
	case fromDate:
		return at >= c.from
	case timeOfDay:
		second := ((at % day) + day) % day
		if c.to < c.from { // through midnight
			return second >= c.from || second < c.to
		}
		return c.from <= second && second < c.to
	}
	return true
}

func (m *model) standard(at int64) priceSet { return m.current(at).prices }

func (m *model) current(at int64) *conditional {
	for i := len(m.prices) - 1; i >= 0; i-- {
		if m.prices[i].constraint.holds(at) {
			return &m.prices[i]
		}
	}
	return &m.prices[0]
}

// moment of a call in seconds since 1970; see Call.At.
func moment(at time.Time) int64 {
	if at.Unix() <= 0 {
		at = time.Now()
	}
	return at.Unix()
}

// forTier lays the variants of a tier over the standard prices, the first variant of a unit winning. buffer is where the
// result is put: on the caller's stack.
func (m *model) forTier(tier string, at int64, buffer priceSet) priceSet {
	standard := m.standard(at)
	var found uint32
	for i := range m.variants {
		variant := &m.variants[i]
		if variant.tier == "" || !strings.EqualFold(variant.tier, tier) || !variant.constraint.holds(at) {
			continue
		}
		for j := range variant.prices {
			if bit := uint32(1) << variant.prices[j].unit; found&bit == 0 {
				found |= bit
				buffer = append(buffer, variant.prices[j])
			}
		}
	}
	if found == 0 {
		return standard
	}
	for i := range standard {
		if found&(1<<standard[i].unit) == 0 {
			buffer = append(buffer, standard[i])
		}
	}
	sortPrices(buffer)
	return buffer
}

// standardTiers are the words for no tier at all.
var standardTiers = []string{"default", "standard", "auto", "on_demand", "on-demand", "standard_only", "unspecified"}

func isStandardTier(tier string) bool {
	return tier == "" || slices.ContainsFunc(standardTiers, func(known string) bool { return strings.EqualFold(known, tier) })
}

// knowsTier says whether there are prices for a tier, now or since some day.
func (m *model) knowsTier(tier string) bool {
	return slices.ContainsFunc(m.variants, func(v variant) bool { return v.tier != "" && strings.EqualFold(v.tier, tier) })
}

// cost of a call of this model; tiered says whether its rates for service tiers apply.
func (m *model) cost(call *Call, used *usage, tiered bool) (usd float64, known bool) {
	at := moment(call.At)
	if seconds := used[unitAudioSeconds]; seconds > 0 && seconds < m.minimumAudio {
		used[unitAudioSeconds], used[unitInputAudioSeconds] = m.minimumAudio, m.minimumAudio
	}
	standard := m.standard(at)
	switch {
	case isStandardTier(call.ServiceTier) || len(standard) == 0:
		return standard.cost(used)
	case !tiered || !m.knowsTier(call.ServiceTier):
		return 0, false // flex is half of it, priority more: a guess is wrong either way
	}
	var buffer [unitCount]unitPrice
	return m.forTier(call.ServiceTier, at, buffer[:0]).cost(used)
}
