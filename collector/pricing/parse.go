package pricing

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"otelgate/collector/operatorfile"
)

// units are those that prices can be in, without a rate, by the key of their price.
type units struct{ byPrice map[string]unitPrice }

var usageIndex = func() map[string]int {
	index := make(map[string]int, unitCount)
	for i, key := range usageKeys {
		index[key] = i
	}
	return index
}()

// parseUnits reads the units of prices.json. One is part of another if it has all of its dimensions and more.
func parseUnits(n operatorfile.Node) *units {
	type row struct {
		price      string
		per        float64
		dimensions map[string]string
	}
	rows := map[int]row{}
	each(n, func(usage string, fields operatorfile.Node) {
		index, known := usageIndex[usage]
		if !known {
			fields.Fault("a usage that pricing.Call has")
			return
		}
		parts := object(fields, "per", "price_key", "dimensions")
		entry := row{price: usage, per: number(parts.Get("per"), "units per price"), dimensions: map[string]string{}}
		if parts.Has("price_key") {
			entry.price = parts.Get("price_key").Text()
		}
		each(parts.Get("dimensions"), func(name string, value operatorfile.Node) { entry.dimensions[name] = value.Text() })
		rows[index] = entry
	})
	out := &units{byPrice: map[string]unitPrice{}}
	for unit, whole := range rows {
		price := unitPrice{unit: unit, per: max(whole.per, 1)}
		for other, part := range rows {
			if other != unit && includes(part.dimensions, whole.dimensions) {
				price.parts |= 1 << other
			}
		}
		out.byPrice[whole.price] = price
	}
	return out
}

func includes(all, some map[string]string) bool {
	for key, value := range some {
		if all[key] != value {
			return false
		}
	}
	return true
}

// parsePrices reads price key → rate or tiers.
func (u *units) parsePrices(n operatorfile.Node, isVariant bool) priceSet {
	var out priceSet
	parts := object(n, u.keys()...)
	for _, key := range u.keys() {
		if parts.Has(key) {
			out = append(out, u.parsePrice(key, parts.Get(key)))
		}
	}
	sortPrices(out)
	if !isVariant {
		u.checkWholes(n, out)
	}
	return out
}

func (u *units) parsePrice(key string, n operatorfile.Node) unitPrice {
	price := u.byPrice[key]
	if !n.IsMapping() {
		price.rate = number(n, "a price in USD")
		return price
	}
	parts := object(n, "base", "tiers")
	price.rate = number(parts.Get("base"), "a price in USD")
	price.tiers = parseTiers(parts.Get("tiers"))
	return price
}

func (u *units) keys() []string { return slices.Sorted(maps.Keys(u.byPrice)) }

// checkWholes refuses prices that would count a token twice or not at all: a price for a part without one for its whole
// (what else is in the whole would cost nothing), and prices for two wholes without one for what both include.
func (u *units) checkWholes(n operatorfile.Node, set priceSet) {
	var priced uint32
	for _, price := range set {
		priced |= 1 << price.unit
	}
	for _, key := range u.keys() {
		unit := u.byPrice[key]
		if priced&(1<<unit.unit) != 0 {
			continue
		}
		if priced&unit.parts != 0 {
			n.Fault("%s too, which includes what is priced here", key)
		}
		for i, a := range set {
			for _, b := range set[:i] {
				both := a.parts & b.parts & (1 << unit.unit)
				if nested := a.parts&(1<<b.unit) | b.parts&(1<<a.unit); both != 0 && nested == 0 {
					n.Fault("%s too, which two of the prices here include", key)
				}
			}
		}
	}
}

func parseTiers(n operatorfile.Node) []tier {
	var out []tier
	for _, item := range n.Items() {
		parts := object(item, "start", "price")
		next := tier{
			start: number(parts.Get("start"), "input tokens above which the price holds"),
			rate:  number(parts.Get("price"), "a price in USD"),
		}
		if len(out) > 0 && next.start <= out[len(out)-1].start {
			item.Fault("a higher start than the tier before")
		}
		out = append(out, next)
	}
	return out
}

// parseConditionals reads the prices of a model: one object, or a list of them with constraints.
func (u *units) parseConditionals(n operatorfile.Node) []conditional {
	if !n.IsList() {
		return []conditional{{prices: u.parsePrices(n, false)}}
	}
	var out []conditional
	for _, item := range n.Items() {
		parts := object(item, "constraint", "prices")
		next := conditional{prices: u.parsePrices(parts.Get("prices"), false)}
		if parts.Has("constraint") {
			next.constraint = parseConstraint(parts.Get("constraint"))
		}
		out = append(out, next)
	}
	if len(out) == 0 {
		n.Fault("at least one entry")
	}
	return out
}

func parseConstraint(n operatorfile.Node) constraint {
	parts := object(n, "start_date", "start_time", "end_time")
	seconds := func(key, layout, expected string) int64 {
		field := parts.Get(key)
		value, err := time.Parse(layout, field.Text())
		if err != nil && field.IsText() {
			field.Fault("%s", expected)
		}
		return value.Unix()
	}
	if parts.Has("start_date") && parts.Len() == 1 {
		return constraint{kind: fromDate, from: seconds("start_date", time.DateOnly, "a day such as 2026-11-10 (UTC)")}
	}
	if parts.Has("start_date") || parts.Len() != 2 {
		n.Fault("start_date, or start_time and end_time")
		return constraint{}
	}
	midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	const clock = "a time of day such as 16:30:00 (UTC)"
	return constraint{
		kind: timeOfDay,
		from: seconds("start_time", time.TimeOnly, clock) - midnight,
		to:   seconds("end_time", time.TimeOnly, clock) - midnight,
	}
}

// parseVariants reads the prices of service tiers.
func (u *units) parseVariants(n operatorfile.Node) []variant {
	var out []variant
	for _, item := range n.Items() {
		parts := object(item, "when", "constraint", "prices")
		next := variant{conditional: conditional{prices: u.parsePrices(parts.Get("prices"), true)}}
		if parts.Has("constraint") {
			next.constraint = parseConstraint(parts.Get("constraint"))
		}
		next.tier = parseWhen(item, parts.Get("when"))
		out = append(out, next)
	}
	return out
}

// parseWhen reads the name of a tier, which has three keys in the table. A search_type or route is on no span: its price is
// never used.
func parseWhen(variant, n operatorfile.Node) (tier string) {
	when := object(n, "processing", "service_tier", "speed", "search_type", "route")
	if when.Len() != 1 {
		variant.Fault("exactly one condition in when")
	}
	for _, key := range []string{"processing", "service_tier", "speed"} {
		if when.Has(key) {
			tier = when.Get(key).Text()
		}
	}
	return tier
}

// clauses are the rules of matching that compare a name with a text.
var clauses = map[string]func(operatorfile.Node) clause{
	"equals":      func(n operatorfile.Node) clause { return equals(strings.ToLower(n.Text())) },
	"starts_with": func(n operatorfile.Node) clause { return startsWith(strings.ToLower(n.Text())) },
	"ends_with":   func(n operatorfile.Node) clause { return endsWith(strings.ToLower(n.Text())) },
	"contains":    func(n operatorfile.Node) clause { return contains(strings.ToLower(n.Text())) },
	"regex":       parsePattern,
}

// clauseKeys are those and the ones that join others.
var clauseKeys = []string{"equals", "starts_with", "ends_with", "contains", "regex", "or", "and", "not"}

// parseClause reads a rule of matching: an object of one key.
func parseClause(n operatorfile.Node) clause {
	parts := object(n, clauseKeys...)
	if parts.Len() != 1 {
		n.Fault("one of %s", strings.Join(clauseKeys, ", "))
		return allOf{}
	}
	key := clauseKeys[slices.IndexFunc(clauseKeys, parts.Has)]
	switch part := parts.Get(key); key {
	case "or", "and":
		return parseClauses(key, part)
	case "not":
		return not{parseClause(part)}
	default:
		return clauses[key](part)
	}
}

func parsePattern(n operatorfile.Node) clause {
	compiled, err := regexp.Compile(n.Text())
	if err != nil {
		n.Fault("a regular expression (RE2): %w", err)
	}
	return pattern{compiled}
}

func parseClauses(key string, n operatorfile.Node) clause {
	var parts []clause
	for _, item := range n.Items() {
		parts = append(parts, parseClause(item))
	}
	if len(parts) == 0 {
		n.Fault("at least one rule")
	}
	if key == "or" {
		return anyOf(parts)
	}
	return allOf(parts)
}
