package pricing

import (
	"maps"
	"slices"
	"strings"

	"otelgate/collector/operatorfile"
)

// AnyProvider is the id under which an override file prices models of any provider.
const AnyProvider = "*"

// source tells where the prices of the lowest layer come from.
type source struct{ name, version, date string }

// layer is one file of the table, read and checked but for what it refers to in the layers below.
type layer struct {
	top       operatorfile.Node
	source    source
	providers []layerProvider
	aliases   map[string]operatorfile.Node
	free      []string
	protocols []string
	prefixes  []string
}

type layerProvider struct {
	provider
	fallbackIDs []operatorfile.Node
}

// parseBase reads the lowest layer, which brings the units that all prices are in.
func parseBase(name string, content []byte) (*layer, *units, error) {
	top, err := operatorfile.JSON(setting, name, content)
	if err != nil {
		return nil, nil, err
	}
	parts := object(top, "source", "units", "providers")
	from := object(parts.Get("source"), "package", "version", "date", "license")
	known := parseUnits(parts.Get("units"))
	out := &layer{top: top, source: source{
		name:    from.Get("package").Text(),
		version: from.Get("version").Text(),
		date:    from.Get("date").Text(),
	}}
	out.providers = known.parseProviders(parts.Get("providers"))
	return out, known, top.Err()
}

// parseLayer reads the rules and an override file; every key is optional.
func (u *units) parseLayer(name string, content []byte) (*layer, error) {
	top, err := operatorfile.JSON(setting, name, content)
	if err != nil {
		return nil, err
	}
	out := &layer{top: top, aliases: map[string]operatorfile.Node{}}
	parts := object(top, "providers", "provider_aliases", "free_providers", "protocol_providers", "model_prefixes")
	if parts.Has("providers") {
		out.providers = u.parseProviders(parts.Get("providers"))
	}
	if parts.Has("provider_aliases") {
		each(parts.Get("provider_aliases"), func(alias string, id operatorfile.Node) {
			if id.Text() != "" {
				out.aliases[normal(alias)] = id
			}
		})
	}
	for _, list := range []struct {
		key  string
		into *[]string
	}{{"free_providers", &out.free}, {"protocol_providers", &out.protocols}, {"model_prefixes", &out.prefixes}} {
		if parts.Has(list.key) {
			*list.into = parts.Get(list.key).Texts()
		}
	}
	return out, top.Err()
}

func (u *units) parseProviders(n operatorfile.Node) []layerProvider {
	var out []layerProvider
	for _, item := range n.Items() {
		// A name and the pages that prices were taken from are for people.
		parts := object(item, "id", "name", "pricing_urls", "provider_match", "model_match", "fallback_model_providers", "models")
		next := layerProvider{provider: provider{id: normal(parts.Get("id").Text())}}
		if parts.Has("provider_match") {
			next.match = parseClause(parts.Get("provider_match"))
		}
		if parts.Has("model_match") {
			next.modelMatch = parseClause(parts.Get("model_match"))
		}
		if parts.Has("fallback_model_providers") {
			next.fallbackIDs = parts.Get("fallback_model_providers").Items()
		}
		if parts.Has("models") {
			for _, model := range parts.Get("models").Items() {
				next.models = append(next.models, u.parseModel(model))
			}
		}
		out = append(out, next)
	}
	return out
}

func (u *units) parseModel(n operatorfile.Node) model {
	parts := object(n, "id", "match", "prices", "price_variants", "minimum_audio_seconds")
	out := model{id: parts.Get("id").Text(), file: n.File()}
	out.match = equals(normal(out.id))
	if parts.Has("match") {
		out.match = parseClause(parts.Get("match"))
	}
	out.prices = u.parseConditionals(parts.Get("prices"))
	if parts.Has("price_variants") {
		out.variants = u.parseVariants(parts.Get("price_variants"))
	}
	if parts.Has("minimum_audio_seconds") {
		out.minimumAudio = number(parts.Get("minimum_audio_seconds"), "seconds")
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
		if err := layer.top.Err(); err != nil {
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
	known := func(n operatorfile.Node) string {
		id := normal(n.Text())
		if b.byID[id] == nil {
			n.Fault("the id of a provider: one of %s", strings.Join(slices.Sorted(maps.Keys(b.byID)), ", "))
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
