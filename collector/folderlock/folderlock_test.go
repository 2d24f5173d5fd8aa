package folderlock

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
)

func newLock(t *testing.T, directory string) extension.Extension {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.Directory = directory
	require.NoError(t, cfg.Validate())
	made, err := NewFactory().Create(context.Background(), extension.Settings{
		ID: component.NewID(NewFactory().Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, cfg)
	require.NoError(t, err)
	return made
}

func TestRefusesSecondGatewayWhileFirstRuns(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new", "gateway")
	first, second := newLock(t, directory), newLock(t, directory)
	require.NoError(t, first.Start(context.Background(), componenttest.NewNopHost()))
	require.EqualError(t, second.Start(context.Background(), componenttest.NewNopHost()), fmt.Sprintf(
		"OTELGATE_DATA_DIR='%s': expected a folder that no other gateway uses, process %d does",
		directory, os.Getpid()))
	require.NoError(t, second.Shutdown(context.Background()))
	require.NoError(t, first.Shutdown(context.Background()))
	require.NoError(t, second.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, second.Shutdown(context.Background()))
}

func TestNamesFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := newLock(t, file).Start(context.Background(), componenttest.NewNopHost())
	require.EqualError(t, err, fmt.Sprintf(
		"OTELGATE_DATA_DIR='%[1]s': expected a folder that the gateway can write: mkdir %[1]s: not a directory", file))
}

func TestRequiresFolder(t *testing.T) {
	require.EqualError(t, (&Config{}).Validate(), "directory='': expected a folder")
}
