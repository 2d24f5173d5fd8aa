package pricing

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
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
func parseUnits(n node) *units {
	type row struct {
		price      string
		per        float64
		dimensions map[string]string
	}
	rows := map[int]row{}
	for usage, fields := range n.fields() {
		index, known := usageIndex[usage]
		if !known {
			fields.fail("a usage that pricing.Call can tell of: teach it this one")
			continue
		}
		parts := fields.fields("per", "price_key", "dimensions")
		entry := row{price: usage, per: parts["per"].number("units per price"), dimensions: map[string]string{}}
		if key, ok := parts["price_key"]; ok {
			entry.price = key.text()
		}
		for name, value := range parts["dimensions"].fields() {
			entry.dimensions[name] = value.text()
		}
		rows[index] = entry
	}
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
func (u *units) parsePrices(n node, isVariant bool) priceSet {
	var out priceSet
	for key, field := range n.fields(u.keys()...) {
		price := u.byPrice[key]
		if _, tiered := field.value.(map[string]any); tiered {
			parts := field.fields("base", "tiers")
			price.rate = parts["base"].under(field, "base").number("a price in USD")
			price.tiers = parseTiers(parts["tiers"].under(field, "tiers"))
		} else {
			price.rate = field.number("a price in USD")
		}
		out = append(out, price)
	}
	sortPrices(out)
	if !isVariant {
		u.checkWholes(n, out)
	}
	return out
}

// under gives an absent field its path, for the error about it.
func (n node) under(parent node, key string) node {
	if n.doc == nil {
		return node{path: parent.path + "." + key, doc: parent.doc}
	}
	return n
}

func (u *units) keys() []string { return slices.Sorted(maps.Keys(u.byPrice)) }

// checkWholes refuses prices that would count a token twice or not at all: a price for a part without one for its whole
// (what else is in the whole would cost nothing), and prices for two wholes without one for what both include.
func (u *units) checkWholes(n node, set priceSet) {
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
			n.fail("%s too, which includes what is priced here", key)
		}
		for i, a := range set {
			for _, b := range set[:i] {
				both := a.parts & b.parts & (1 << unit.unit)
				if nested := a.parts&(1<<b.unit) | b.parts&(1<<a.unit); both != 0 && nested == 0 {
					n.fail("%s too, which two of the prices here include", key)
				}
			}
		}
	}
}

func parseTiers(n node) []tier {
	var out []tier
	for _, item := range n.items() {
		parts := item.fields("start", "price")
		next := tier{
			start: parts["start"].under(item, "start").number("input tokens above which the price holds"),
			rate:  parts["price"].under(item, "price").number("a price in USD"),
		}
		if len(out) > 0 && next.start <= out[len(out)-1].start {
			item.fail("a higher start than the tier before")
		}
		out = append(out, next)
	}
	return out
}

// parseConditionals reads the prices of a model: one object, or a list of them with constraints.
func (u *units) parseConditionals(n node) []conditional {
	if _, list := n.value.([]any); !list {
		return []conditional{{prices: u.parsePrices(n, false)}}
	}
	var out []conditional
	for _, item := range n.items() {
		parts := item.fields("constraint", "prices")
		next := conditional{prices: u.parsePrices(parts["prices"].under(item, "prices"), false)}
		if limits, ok := parts["constraint"]; ok {
			next.constraint = parseConstraint(limits)
		}
		out = append(out, next)
	}
	if len(out) == 0 {
		n.fail("at least one entry")
	}
	return out
}

func parseConstraint(n node) constraint {
	parts := n.fields("start_date", "start_time", "end_time")
	seconds := func(key, layout, expected string) int64 {
		field := parts[key].under(n, key)
		value, err := time.Parse(layout, fmt.Sprint(field.value))
		if err != nil {
			field.fail("%s", expected)
		}
		return value.Unix()
	}
	if _, dated := parts["start_date"]; dated && len(parts) == 1 {
		return constraint{kind: fromDate, from: seconds("start_date", time.DateOnly, "a day such as 2026-11-10 (UTC)")}
	}
	if _, dated := parts["start_date"]; dated || len(parts) != 2 {
		n.fail("start_date, or start_time and end_time")
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
func (u *units) parseVariants(n node) []variant {
	var out []variant
	for _, item := range n.items() {
		parts := item.fields("when", "constraint", "prices")
		next := variant{conditional: conditional{prices: u.parsePrices(parts["prices"].under(item, "prices"), true)}}
		if limits, ok := parts["constraint"]; ok {
			next.constraint = parseConstraint(limits)
		}
		// A tier has three names in the table. A search_type or route is on no span: its price is never used.
		when := parts["when"].under(item, "when").fields("processing", "service_tier", "speed", "search_type", "route")
		if len(when) != 1 {
			item.fail("exactly one condition in when")
		}
		for key, value := range when {
			if tier := value.text(); key != "search_type" && key != "route" {
				next.tier = tier
			}
		}
		out = append(out, next)
	}
	return out
}

// parseClause reads a rule of matching: an object of one key.
func parseClause(n node) clause {
	parts := n.fields("equals", "starts_with", "ends_with", "contains", "regex", "or", "and", "not")
	if len(parts) != 1 {
		n.fail("one of equals, starts_with, ends_with, contains, regex, or, and, not")
		return allOf{}
	}
	for key, part := range parts {
		switch key {
		case "or", "and":
			return parseClauses(key, part)
		case "not":
			return not{parseClause(part)}
		case "regex":
			compiled, err := regexp.Compile(part.text())
			if err != nil {
				part.fail("a regular expression of Go's: %v", err)
			}
			return pattern{compiled}
		case "equals":
			return equals(strings.ToLower(part.text()))
		case "starts_with":
			return startsWith(strings.ToLower(part.text()))
		case "ends_with":
			return endsWith(strings.ToLower(part.text()))
		case "contains":
			return contains(strings.ToLower(part.text()))
		}
	}
	return nil
}

func parseClauses(key string, n node) clause {
	var parts []clause
	for _, item := range n.items() {
		parts = append(parts, parseClause(item))
	}
	if len(parts) == 0 {
		n.fail("at least one rule")
	}
	if key == "or" {
		return anyOf(parts)
	}
	return allOf(parts)
}
