package lifecycle

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"
	"go.uber.org/zap"
)

// keeper is between the Collector and the sources of its configuration. At each reload it tries the new
// configuration first; if that is bad, the Collector is given what it was given before.
type keeper struct {
	params otelcol.CollectorSettings
	uris   []string
	try    func(context.Context) error

	mu       sync.Mutex
	first    string // the location with which a configuration begins
	running  answers
	earlier  answers // what ran before, until the next reload
	replay   bool
	goneBack bool
	logger   *zap.Logger
}

// answers are what was read from each location.
type answers map[string]*confmap.Retrieved

func keep(params otelcol.CollectorSettings, uris []string) *keeper {
	return &keeper{params: params, uris: uris, logger: zap.NewNop(), try: func(ctx context.Context) error {
		trial, err := otelcol.NewCollector(withLocations(params, uris))
		if err != nil {
			return err
		}
		return trial.DryRun(ctx)
	}}
}

// settings are those of a Collector that reads through the keeper.
func (k *keeper) settings() otelcol.CollectorSettings {
	params := k.params
	resolver := &params.ConfigProviderSettings.ResolverSettings
	factories := resolver.ProviderFactories
	resolver.ProviderFactories = nil
	for _, factory := range factories {
		resolver.ProviderFactories = append(resolver.ProviderFactories, confmap.NewProviderFactory(
			func(set confmap.ProviderSettings) confmap.Provider {
				k.logger = set.Logger
				return through{factory.Create(set), k}
			}))
	}
	return params
}

// begins is called for each location, and notices the first of a configuration.
func (k *keeper) begins(ctx context.Context, uri string) {
	switch {
	case k.first == "":
		k.first, k.running = uri, answers{}
		k.logger.Info("the configuration is merged from these files", zap.Strings("files", shown(k.uris)))
	case k.goneBack: // the Collector restarted with the previous configuration
		k.goneBack = false
	case k.first == uri:
		fault := k.try(ctx)
		k.replay = fault != nil
		if fault == nil {
			k.earlier, k.running = k.running, answers{}
			return
		}
		k.logger.Error("the new configuration is bad: the one that runs is kept", zap.Error(fault))
	}
}

// goBack makes the next Collector take what ran before, if there is such; fault is why the new one did not start.
func (k *keeper) goBack(fault error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.earlier == nil {
		return false
	}
	k.logger.Error("the new configuration did not start: the one before it runs again", zap.Error(fault))
	k.running, k.earlier, k.replay, k.goneBack = k.earlier, nil, true, true
	return true
}

// through is one of the Collector's own providers, behind the keeper.
type through struct {
	confmap.Provider
	keeper *keeper
}

// Retrieve reads a location, or gives what was read from it before.
func (t through) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	k := t.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begins(ctx, uri)
	if old, ok := k.running[uri]; ok && k.replay {
		return again(old)
	}
	found, err := t.Provider.Retrieve(ctx, uri, watcher)
	if err != nil {
		return nil, err
	}
	k.running[uri] = found
	return again(found)
}

// again is a copy: the Collector merges into what it is given.
func again(old *confmap.Retrieved) (*confmap.Retrieved, error) {
	raw, err := old.AsRaw()
	if err != nil {
		return old, nil // the Collector says what is wrong with it
	}
	switch raw.(type) {
	case map[string]any, []any:
		return confmap.NewRetrieved(copied(raw))
	}
	return old, nil
}

func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, inner := range value {
			out[key] = copied(inner)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, inner := range value {
			out[i] = copied(inner)
		}
		return out
	}
	return value
}
