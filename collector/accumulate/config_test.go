package accumulate

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	sub, _ := conf.Sub("accumulate")
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Validate() != nil || cfg.Storage.String() != "file_storage" || fmt.Sprint(cfg.Derived) != "[gen_ai.*]" ||
		cfg.Settle != 2*time.Second || cfg.MaxSeries != 10 || cfg.MaxSenders != 100_000 {
		t.Errorf("got %+v", *cfg)
	}
}

func TestConfigFaults(t *testing.T) {
	cfg := &Config{Derived: []string{"[", ""}, Settle: -1, RefreshInterval: time.Second, QuietFor: time.Minute, KeepFor: time.Second}
	want := []string{
		"instance_id='': expected a name that stays the same over restarts",
		"derived='[': expected a metric's name, with * for any part of it",
		"derived='': expected a metric's name, with * for any part of it",
		"settle='-1ns': expected at least 0s",
		"flush_interval='0s': expected at least 10ms",
		"keep_for='1s': expected at least 1m0s",
		"max_senders='0': expected at least 1",
		"max_series='0': expected at least 1",
		"resent::for='0s': expected more than 0",
		"resent::max='0': expected at least 2",
	}
	if err := cfg.Validate(); err == nil || err.Error() != strings.Join(want, "\n") {
		t.Error(err)
	}
}
