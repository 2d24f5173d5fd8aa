package pricing

import "strings"

// maxName bounds the names that are looked up and remembered, in bytes: a longer one is no model's.
const maxName = 256

// book is the whole table, all layers laid on each other. It doesn't change once it is made.
type book struct {
	version   string
	date      string // of the lowest layer
	units     *units
	providers []*provider
	byID      map[string]*provider
	anywhere  []model // the override's models of provider "*": for calls of any provider

	aliases   map[string]string   // name in telemetry → provider id
	free      map[string]struct{} // providers whose models cost nothing
	protocols map[string]struct{} // names that tell how a model is spoken to, not who runs it
	prefixes  []string            // possible prefixes of a model's name
}

type provider struct {
	id         string
	match      clause // of the provider's name; may be nil
	modelMatch clause // of the names of models that are this provider's; may be nil
	fallbacks  []string
	models     []model
}

// entry is what a (provider, model) pair resolves to: a model, a free one, or (zero) none.
type entry struct {
	model *model
	// tiered is false for a model found at a fallback provider: the tiers are the other provider's.
	tiered bool
	free   bool
}

// resolve finds the model: by its provider first, or by its name alone if the provider isn't known.
func (b *book) resolve(providerName, modelName string) entry {
	if len(providerName) > maxName || len(modelName) > maxName {
		return entry{}
	}
	name, ref := normal(providerName), normal(modelName)
	if found := first(b.anywhere, ref); found != nil && ref != "" {
		return entry{model: found, tiered: true}
	}
	at, free := b.provider(name)
	if at != nil && ref != "" {
		if found := b.find(at, ref); found.model != nil {
			return found
		}
	}
	if free {
		return entry{free: true}
	}
	if ref == "" {
		return entry{}
	}
	if _, protocol := b.protocols[name]; at != nil && !protocol {
		return entry{}
	}
	return b.byModel(ref)
}

// provider by its name in telemetry: id, alias, free provider, then the providers' own rules in the table's order.
func (b *book) provider(name string) (at *provider, free bool) {
	_, free = b.free[name]
	if alias, ok := b.aliases[name]; ok {
		name = alias
	}
	if at = b.byID[name]; at != nil || free || name == "" {
		return at, free
	}
	for _, at := range b.providers {
		if at.match != nil && at.match.matches(name) {
			return at, false
		}
	}
	return nil, false
}

// find a model at a provider: by its name as it is, with its date dashed, then without its prefix.
func (b *book) find(at *provider, ref string) entry {
	if found := b.exactly(at, ref); found.model != nil {
		return found
	}
	if vendor, rest, ok := strings.Cut(ref, "/"); ok {
		if own, _ := b.provider(vendor); own == at {
			if found := b.exactly(at, rest); found.model != nil {
				return found
			}
		}
	}
	for _, prefix := range b.prefixes {
		if i := strings.LastIndex(ref, prefix); i >= 0 {
			if found := b.exactly(at, ref[i+len(prefix):]); found.model != nil {
				return found
			}
		}
	}
	return entry{}
}

func (b *book) exactly(at *provider, ref string) entry {
	if found := b.listed(at, ref); found.model != nil {
		return found
	}
	if dashed := dashedDate(ref); dashed != ref {
		return b.listed(at, dashed)
	}
	return entry{}
}

// listed by the provider itself or, one step on, by those whose models it resells.
func (b *book) listed(at *provider, ref string) entry {
	if found := first(at.models, ref); found != nil {
		return entry{model: found, tiered: true}
	}
	for _, id := range at.fallbacks {
		if other := b.byID[id]; other != nil {
			if found := first(other.models, ref); found != nil {
				return entry{model: found}
			}
		}
	}
	return entry{}
}

// byModel finds the model where the provider is unknown: vendor/model tells the vendor, else a provider may know the
// model's name as its own. A name that several providers offer at different prices stays unpriced.
func (b *book) byModel(ref string) entry {
	if vendor, rest, ok := strings.Cut(ref, "/"); ok {
		at, free := b.provider(vendor)
		if at != nil {
			if found := b.find(at, rest); found.model != nil {
				return found
			}
		}
		if free {
			return entry{free: true}
		}
	}
	for _, at := range b.providers {
		if at.modelMatch != nil && at.modelMatch.matches(ref) {
			return b.find(at, ref)
		}
	}
	return entry{}
}

func first(models []model, ref string) *model {
	for i := range models {
		if models[i].match.matches(ref) {
			return &models[i]
		}
	}
	return nil
}

func normal(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
