package stores

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"otelgate/collector/fault"
)

// Config is the exporter's own, and what becomes of a batch that the store refuses. Without Refused the exporter is as
// upstream makes it.
type Config[C any] struct {
	Exporter C        `mapstructure:",squash"`
	Refused  *Refused `mapstructure:"refused"`
	// MaxItems of a batch are sent as one request, the rest of it in further ones, one after the other; 0 is no bound.
	MaxItems int `mapstructure:"max_items"`
}

// Refused is the second queue of a store.
type Refused struct {
	// Rejects is the extension that keeps a record of items that the store refuses for good.
	Rejects component.ID `mapstructure:"rejects"`
	// PieceBytes are the most of a batch that the second queue takes as one; it holds a piece in memory at a time.
	PieceBytes int `mapstructure:"piece_bytes"`
}

// Validate the second queue.
func (r *Refused) Validate() error {
	if r.PieceBytes < 1 {
		return fault.Of("piece_bytes", r.PieceBytes, "at least 1")
	}
	return nil
}

// QueueConfig is `sending_queue` of an exporter.
type QueueConfig = configoptional.Optional[exporterhelper.QueueBatchConfig]

// SettingsOf are the parts of an exporter's configuration that the wrapper takes over from it.
type SettingsOf[C any] func(*C) (*QueueConfig, *configretry.BackOffConfig)

// withoutQueue is the configuration of the exporter inside: it sends, once.
func withoutQueue[C any](cfg C, of SettingsOf[C]) *C {
	queue, retry := of(&cfg)
	*queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	retry.Enabled = false
	return &cfg
}

// secondQueue has one consumer, which sends what is in it as it is, without end.
func secondQueue(queue exporterhelper.QueueBatchConfig, retry configretry.BackOffConfig) (QueueConfig, configretry.BackOffConfig) {
	queue.Batch = configoptional.None[exporterhelper.BatchConfig]()
	queue.NumConsumers = 1
	queue.WaitForResult = false
	queue.BlockOnOverflow = false
	if !retry.Enabled {
		retry = configretry.NewDefaultBackOffConfig()
	}
	retry.MaxElapsedTime = 0
	return configoptional.Some(queue), retry
}
