package pricing

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
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

const (
	// DefaultPoll is how soon a changed override file is in use, at the latest.
	DefaultPoll = 2 * time.Second
	// maxFile bounds an override file; the shipped table has half a MiB.
	maxFile = 16 << 20
)

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
		return nil, overrideError(err)
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
		err = overrideError(err)
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
	opened, err := os.Open(file)
	if err != nil {
		return nil, overrideError(fmt.Errorf("%w: expected a readable file", err))
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, overrideError(fmt.Errorf("%w: expected a readable file", err))
	}
	if len(content) > maxFile {
		return nil, overrideError(fmt.Errorf("%s: expected at most %d MiB", file, maxFile>>20))
	}
	return content, nil
}

func overrideError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("prices override: %w", err)
}
