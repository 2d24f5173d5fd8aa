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
	require.EqualError(t, (&Config{}).Validate(), "max_item_bytes='0': expected a number from 16384 to 1250000\n"+
		"max_ahead='0s': expected a duration above 0\nmax_log_age='0s': expected a duration above 0\nmax_point_age='0s': expected a duration above 0")
}

func TestFactoryIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
}
