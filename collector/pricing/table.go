package pricing

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"otelgate/collector"
)

// baseFile is the lowest layer.
const baseFile = "prices.json"

//go:embed rules.json
var rules []byte

// Table prices calls. It is safe for concurrent use.
type Table struct {
	now     atomic.Pointer[edition]
	watcher *watcher
}

// edition is a book with what was looked up in it. A reload replaces both.
type edition struct {
	book    *book
	entries cache
}

// Price tells what a call cost. It allocates nothing once a (provider, model) has been seen.
func (t *Table) Price(call Call) Price {
	now := t.now.Load()
	found := now.entry(call.Provider, call.Model)
	price := Price{Status: Unpriced, Version: now.book.version}
	if found.free {
		price.Status = Priced
		return price
	}
	var used usage
	switch any := call.usage(&used); {
	case !any:
		price.Status = NoTokens
	case found.model != nil:
		if usd, known := found.model.cost(&call, &used, found.tiered); known {
			price.USD, price.Status = usd, Priced
		}
	}
	return price
}

// Version of the table in use; see Price.Version.
func (t *Table) Version() string { return t.now.Load().book.version }

func (e *edition) entry(provider, model string) entry {
	key := names{provider, model}
	if found, ok := e.entries.get(key); ok {
		return found
	}
	found := e.book.resolve(provider, model)
	if len(provider) <= maxName && len(model) <= maxName {
		// Cloned: the names may be part of a whole request's memory.
		e.entries.put(names{strings.Clone(provider), strings.Clone(model)}, found)
	}
	return found
}

// shipped reads the two lower layers, once: they are in the binary.
var shipped = sync.OnceValues(func() ([]*layer, *units) {
	base, known, err := parseBase(baseFile, collector.Prices)
	if err == nil {
		var ours *layer
		if ours, err = known.parseLayer("rules.json", rules); err == nil {
			return []*layer{base, ours}, known
		}
	}
	panic(fmt.Sprintf("the table in this binary: %v", err)) // a test reads it, so no binary is built with it
})

// newBook lays an override, unless it is nil, on the shipped table.
func newBook(file string, override []byte) (*book, error) {
	layers, known := shipped()
	version := layers[0].source.name + "/" + layers[0].source.version
	if override == nil {
		return stack(version, known, layers...)
	}
	top, err := known.parseLayer(file, override)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(override)
	return stack(fmt.Sprintf("%s+override.%x", version, digest[:4]), known, append(slices.Clone(layers), top)...)
}

// names is what a call is looked up by.
type names struct{ provider, model string }

// cacheSize bounds what is remembered.
const cacheSize = 8192

// cache forgets everything when it is full: names in use come back immediately, and a flood of made-up ones costs
// no more than a fixed amount of memory.
type cache struct {
	lock  sync.RWMutex
	known map[names]entry
}

func (c *cache) get(key names) (entry, bool) {
	c.lock.RLock()
	found, ok := c.known[key]
	c.lock.RUnlock()
	return found, ok
}

func (c *cache) put(key names, value entry) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.known == nil || len(c.known) >= cacheSize {
		c.known = make(map[names]entry)
	}
	c.known[key] = value
}
