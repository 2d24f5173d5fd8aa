package pricing

import (
	"time"

	"go.opentelemetry.io/collector/component"

	"otelgate/collector/operatorfile"
)

// Options of a Table.
type Options struct {
	// OverrideFile adds or replaces models, in the schema of prices.json; "" for none. It is read again when it changes.
	OverrideFile string
	// Poll is how often OverrideFile is looked at; zero means DefaultPoll.
	Poll time.Duration
	// Telemetry of the component that prices: its logger and meter tell of reloads.
	Telemetry component.TelemetrySettings
}

// DefaultPoll is how soon a changed override file is in use, at the latest.
const DefaultPoll = 2 * time.Second

// Open reads the table and, if there is an override file, watches it until Close. An override that can't be read is an
// error here, at the start; later it leaves the prices as they are, is logged, and moves
// otelgate.prices.reload.failures, while the attribute otelgate.prices.override of otelgate.prices.info says broken.
func Open(options Options) (*Table, error) {
	override, err := readOverride(options.OverrideFile)
	if err != nil {
		return nil, err
	}
	book, err := newBook(options.OverrideFile, override)
	if err != nil {
		return nil, err
	}
	table := &Table{}
	table.now.Store(&edition{book: book})
	table.watcher, err = watch(table, options, override)
	return table, err
}

// Check tells whether Open would accept this override file.
func Check(file string) error {
	override, err := readOverride(file)
	if err == nil {
		_, err = newBook(file, override)
	}
	return err
}

// Close ends the watching. Prices can still be asked for.
func (t *Table) Close() error { return t.watcher.close() }

// readOverride returns nil for no file.
func readOverride(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	return operatorfile.Load(setting, file)
}
