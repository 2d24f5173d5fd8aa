package pricing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Free is the status of a Row whose provider takes no money.
const Free = "free"

// Row tells where the price of a model comes from, for people: the entry of the table and its prices at a time.
type Row struct {
	// Status is Priced, Free or Unpriced, which is a model that the table has no entry for.
	Status string `json:"status"`
	// Provider and Model are the entry's own ids; a provider "*" is the override file's for any provider.
	Provider string `json:"provider"`
	Model    string `json:"model"`
	// Match tells which names the entry is for.
	Match string `json:"match"`
	// File has the entry: prices.json, rules.json or the override file. Date is that of the price list, of prices.json only.
	File string `json:"file"`
	Date string `json:"date"`
	// Version of the table, as in Price.
	Version string `json:"version"`
	Prices  []Rate `json:"prices"`
}

// Rate is one price: USD for Per units.
type Rate struct {
	Unit string  `json:"unit"`
	USD  float64 `json:"usd"`
	Per  float64 `json:"per"`
	// AboveInputTokens: the price holds for calls with more input tokens than this.
	AboveInputTokens float64 `json:"above_input_tokens"`
	// ServiceTier is empty for the standard rate.
	ServiceTier string `json:"service_tier"`
	// Since is the first day of the price, or the hours of the day, in UTC; empty if it always holds.
	Since string `json:"since"`
}

// Row finds the entry that prices this call: by its Provider, Model and At alone.
func (t *Table) Row(call Call) Row {
	now := t.now.Load()
	found := now.book.resolve(call.Provider, call.Model)
	row := Row{Status: Unpriced, Version: now.book.version, Prices: []Rate{}}
	if found.free {
		row.Status = Free
	}
	if found.model == nil {
		return row
	}
	row.Status, row.Provider, row.Model = Priced, now.book.owner(found.model), found.model.id
	row.Match, row.File = words(found.model.match), found.model.file
	if row.File == baseFile {
		row.Date = now.book.date
	}
	at := moment(call.At)
	row.add("", found.model.current(at))
	for i := range found.model.variants {
		if one := &found.model.variants[i]; found.tiered && one.tier != "" && one.constraint.holds(at) {
			row.add(one.tier, &one.conditional)
		}
	}
	return row
}

// add the rates of a service tier; of those of one unit the first counts.
func (r *Row) add(tier string, from *conditional) {
	known := map[string]bool{}
	for _, rate := range r.Prices {
		if strings.EqualFold(rate.ServiceTier, tier) {
			known[rate.Unit] = true
		}
	}
	byUnit := func(a, b unitPrice) int { return a.unit - b.unit }
	for _, price := range slices.SortedFunc(slices.Values(from.prices), byUnit) {
		one := Rate{Unit: usageKeys[price.unit], USD: price.rate, Per: price.per, ServiceTier: tier, Since: from.constraint.String()}
		if known[one.Unit] {
			continue
		}
		r.Prices = append(r.Prices, one)
		for _, above := range price.tiers {
			one.AboveInputTokens, one.USD = above.start, above.rate
			r.Prices = append(r.Prices, one)
		}
	}
}

// owner is the id of the provider that lists the model.
func (b *book) owner(wanted *model) string {
	for _, at := range b.providers {
		for i := range at.models {
			if &at.models[i] == wanted {
				return at.id
			}
		}
	}
	return AnyProvider
}

func (c constraint) String() string {
	switch c.kind {
	case fromDate:
		return time.Unix(c.from, 0).UTC().Format(time.DateOnly)
	case timeOfDay:
		clock := func(second int64) string { return time.Unix(second, 0).UTC().Format("15:04") }
		return clock(c.from) + " to " + clock(c.to)
	}
	return ""
}

// words of a clause, such as: starts with "gpt-4o" or equals "chatgpt".
func words(c clause) string {
	join := func(parts []clause, word string) string {
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = words(part)
		}
		return strings.Join(texts, word)
	}
	switch c := c.(type) {
	case equals:
		return fmt.Sprintf("equals %q", string(c))
	case startsWith:
		return fmt.Sprintf("starts with %q", string(c))
	case endsWith:
		return fmt.Sprintf("ends with %q", string(c))
	case contains:
		return fmt.Sprintf("contains %q", string(c))
	case pattern:
		return fmt.Sprintf("matches %q", c.String())
	case not:
		return "not (" + words(c.clause) + ")"
	case anyOf:
		return join(c, " or ")
	case allOf:
		return "(" + join(c, " and ") + ")"
	}
	return ""
}
