package pricing

import (
	"maps"
	"slices"
	"strings"
)

// AnyProvider is the id under which an override file prices models of any provider.
const AnyProvider = "*"

// source tells where the prices of the lowest layer come from.
type source struct{ name, version, date string }

// layer is one file of the table, read and checked but for what it refers to in the layers below.
type layer struct {
	doc       *document
	source    source
	providers []layerProvider
	aliases   map[string]node
	free      []string
	protocols []string
	prefixes  []string
}

type layerProvider struct {
	provider
	fallbackIDs []node
}

// parseBase reads the lowest layer, which brings the units that all prices are in.
func parseBase(name string, content []byte) (*layer, *units, error) {
	top, err := readDocument(name, content)
	if err != nil {
		return nil, nil, err
	}
	parts := top.fields("source", "units", "providers")
	from := parts["source"].under(top, "source").fields("package", "version", "date", "license")
	known := parseUnits(parts["units"].under(top, "units"))
	out := &layer{doc: top.doc, source: source{
		name:    from["package"].under(parts["source"], "package").text(),
		version: from["version"].under(parts["source"], "version").text(),
		date:    from["date"].under(parts["source"], "date").text(),
	}}
	out.providers = known.parseProviders(parts["providers"].under(top, "providers"))
	return out, known, top.doc.err()
}

// parseLayer reads the rules and an override file; every key is optional.
func (u *units) parseLayer(name string, content []byte) (*layer, error) {
	top, err := readDocument(name, content)
	if err != nil {
		return nil, err
	}
	out := &layer{doc: top.doc, aliases: map[string]node{}}
	parts := top.fields("providers", "provider_aliases", "free_providers", "protocol_providers", "model_prefixes")
	for key, part := range parts {
		switch key {
		case "providers":
			out.providers = u.parseProviders(part)
		case "provider_aliases":
			for alias, id := range part.fields() {
				id.text()
				out.aliases[normal(alias)] = id
			}
		case "free_providers":
			out.free = part.texts()
		case "protocol_providers":
			out.protocols = part.texts()
		case "model_prefixes":
			out.prefixes = part.texts()
		}
	}
	return out, top.doc.err()
}

func (u *units) parseProviders(n node) []layerProvider {
	var out []layerProvider
	for _, item := range n.items() {
		// A name and the pages that prices were taken from are for people.
		parts := item.fields("id", "name", "pricing_urls", "provider_match", "model_match", "fallback_model_providers", "models")
		next := layerProvider{provider: provider{id: normal(parts["id"].under(item, "id").text())}}
		if rule, ok := parts["provider_match"]; ok {
			next.match = parseClause(rule)
		}
		if rule, ok := parts["model_match"]; ok {
			next.modelMatch = parseClause(rule)
		}
		if list, ok := parts["fallback_model_providers"]; ok {
			next.fallbackIDs = list.items()
		}
		if list, ok := parts["models"]; ok {
			for _, model := range list.items() {
				next.models = append(next.models, u.parseModel(model))
			}
		}
		out = append(out, next)
	}
	return out
}

func (u *units) parseModel(n node) model {
	parts := n.fields("id", "match", "prices", "price_variants", "minimum_audio_seconds")
	out := model{id: parts["id"].under(n, "id").text(), file: n.doc.name}
	out.match = equals(normal(out.id))
	if rule, ok := parts["match"]; ok {
		out.match = parseClause(rule)
	}
	out.prices = u.parseConditionals(parts["prices"].under(n, "prices"))
	if list, ok := parts["price_variants"]; ok {
		out.variants = u.parseVariants(list)
	}
	if seconds, ok := parts["minimum_audio_seconds"]; ok {
		out.minimumAudio = seconds.number("seconds")
	}
	return out
}

// stack lays layers on each other, the lowest first.
func stack(version string, known *units, layers ...*layer) (*book, error) {
	out := &book{
		version: version, date: layers[0].source.date, units: known, byID: map[string]*provider{}, aliases: map[string]string{},
		free: map[string]struct{}{}, protocols: map[string]struct{}{},
	}
	for _, layer := range layers {
		for i := range layer.providers {
			out.merge(&layer.providers[i])
		}
		for _, name := range layer.free {
			out.free[normal(name)] = struct{}{}
		}
		for _, name := range layer.protocols {
			out.protocols[normal(name)] = struct{}{}
		}
		for _, prefix := range layer.prefixes {
			out.prefixes = append(out.prefixes, strings.ToLower(prefix))
		}
		out.link(layer)
		if err := layer.doc.err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merge a provider on what lower layers say of it. Its models are looked at first, and replace those of the same id.
func (b *book) merge(from *layerProvider) {
	if from.id == AnyProvider {
		b.anywhere = append(slices.Clone(from.models), b.anywhere...)
		return
	}
	below, ok := b.byID[from.id]
	if !ok {
		below = &provider{id: from.id}
		b.byID[from.id] = below
		b.providers = append(b.providers, below)
	}
	if from.match != nil {
		below.match = from.match
	}
	if from.modelMatch != nil {
		below.modelMatch = from.modelMatch
	}
	replaced := map[string]bool{}
	for _, model := range from.models {
		replaced[model.id] = true
	}
	below.models = slices.DeleteFunc(below.models, func(m model) bool { return replaced[m.id] })
	below.models = append(slices.Clone(from.models), below.models...)
}

// link checks what a layer refers to, now that all its providers are known.
func (b *book) link(from *layer) {
	known := func(n node) string {
		id := normal(n.text())
		if b.byID[id] == nil {
			n.fail("the id of a provider: one of %s", strings.Join(slices.Sorted(maps.Keys(b.byID)), ", "))
		}
		return id
	}
	for alias, id := range from.aliases {
		b.aliases[alias] = known(id)
	}
	for i := range from.providers {
		if at := &from.providers[i]; at.fallbackIDs != nil && at.id != AnyProvider {
			below := b.byID[at.id]
			below.fallbacks = nil
			for _, id := range at.fallbackIDs {
				below.fallbacks = append(below.fallbacks, known(id))
			}
		}
	}
}
