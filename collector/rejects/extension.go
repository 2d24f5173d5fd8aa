package rejects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"otelgate/collector/rejects/internal/metadata"
)

// File is the name of the file; the one before has Previous at its end.
const (
	File     = "rejects.jsonl"
	Previous = ".1"
)

// Item is one line.
type Item struct {
	Time        time.Time `json:"time"`
	Signal      string    `json:"signal"`
	Store       string    `json:"store"` // the exporter
	Application string    `json:"application,omitempty"`
	Service     string    `json:"service,omitempty"`
	Reason      string    `json:"reason"` // see ReasonOf
	Bytes       int       `json:"bytes"`  // as protobuf
	TraceID     string    `json:"trace_id,omitempty"`
	SpanID      string    `json:"span_id,omitempty"`
}

// Book is where rejected items are written down.
type Book interface {
	Reject(context.Context, Item)
}

// NewFactory makes the extension `rejects`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, defaultConfig,
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newBook(cfg.(*Config), set.TelemetrySettings)
		}, metadata.ExtensionStability)
}

type book struct {
	cfg       *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder

	mu   sync.Mutex
	file *os.File
	size int64
}

func newBook(cfg *Config, set component.TelemetrySettings) (*book, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	return &book{cfg: cfg, logger: set.Logger, telemetry: builder}, err
}

// Start opens the file.
func (b *book) Start(context.Context, component.Host) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.MkdirAll(b.cfg.Directory, 0o750); err != nil {
		return err
	}
	return b.open()
}

// Shutdown closes it.
func (b *book) Shutdown(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.close()
}

// Reject counts an item and writes its line, or logs it where the file cannot be written.
func (b *book) Reject(ctx context.Context, item Item) {
	by := []attribute.KeyValue{attribute.String("store", item.Store), attribute.String("signal", item.Signal)}
	if item.Application != "" {
		by = append(by, attribute.String("application", item.Application))
	}
	b.telemetry.Items.Add(ctx, 1, metric.WithAttributes(by...))
	line, err := json.Marshal(item)
	if err == nil {
		err = b.write(append(line, '\n'))
	}
	if err != nil {
		b.logger.Error("an item that a store refused permanently could not be recorded", zap.ByteString("item", line), zap.Error(err))
	}
}

func (b *book) write(line []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+int64(len(line)) > b.cfg.MaxBytes/2 {
		if err := b.rotate(); err != nil {
			return err
		}
	}
	if b.file == nil {
		return os.ErrClosed
	}
	n, err := b.file.Write(line)
	b.size += int64(n)
	return err
}

func (b *book) path() string { return filepath.Join(b.cfg.Directory, File) }

// rotate begins a new file. The one before the last is deleted.
func (b *book) rotate() error {
	err := errors.Join(b.close(), os.Rename(b.path(), b.path()+Previous))
	return errors.Join(err, b.open())
}

func (b *book) open() error {
	file, err := os.OpenFile(b.path(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the file of rejected items: %w", err)
	}
	b.file = file
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	b.size, err = file.Seek(0, io.SeekEnd)
	if err != nil || b.size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, b.size-1); err == nil && last[0] != '\n' { // a line that a crash cut off
		n, err := file.WriteString("\n")
		b.size += int64(n)
		return err
	}
	return nil
}

func (b *book) close() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}
