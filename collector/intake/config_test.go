package intake

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestConfigIsRead(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, want := range map[string]*Config{
		"intake": createDefaultConfig(),
		"intake/smaller": {
			MaxItemBytes: 200_000, MaxAhead: time.Minute, MaxLogAge: 167 * time.Hour, MaxPointAge: 50 * time.Minute,
			PolicyFile: "redact.yaml",
		},
	} {
		sub, err := conf.Sub(name)
		require.NoError(t, err)
		got := NewFactory().CreateDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(got))
		require.NoError(t, got.Validate())
		require.Equal(t, want, got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	require.EqualError(t, (&Config{}).Validate(), "`max_item_bytes` must be between 16384 and 1250000, got 0\n"+
		"`max_ahead` must be positive, got 0s\n`max_log_age` must be positive, got 0s\n`max_point_age` must be positive, got 0s")
}

func TestFactoryIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
}
