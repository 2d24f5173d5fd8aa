// Package lifecycle makes the Collector behave as a service: SIGHUP keeps the configuration when the new one is bad,
// SIGTERM ends with status 0, and the memory limit is the Go runtime's, too. The generated main hands over to Run.
package lifecycle

import (
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"

	"otelgate/collector/diskqueue"
	"otelgate/collector/settings"
)

// Run runs the gateway's command line, until it ends; interactive is the Collector's way to.
func Run(params otelcol.CollectorSettings, interactive func(otelcol.CollectorSettings) error) error {
	args := os.Args[1:]
	if len(args) == 2 && args[0] == diskqueue.CheckCommand {
		os.Exit(diskqueue.CheckMain(args[1]))
	}
	if len(args) == 0 || !strings.HasPrefix(args[0], "--") {
		return interactive(params) // a command, such as validate
	}
	if loaded, err := settings.Load(os.Environ()); err == nil && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(loaded.GoMemoryLimit())
	}
	params.Factories = quietly(params.Factories)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	kept := keep(params, locations(args))
	for {
		err := interactive(kept.settings())
		if err == nil || len(ended) > 0 || !kept.goBack(err) {
			return err
		}
	}
}

// locations are the configurations that the arguments name, as the Collector reads --config and --set.
func locations(args []string) []string {
	var files, sets []string
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		if !joined && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		switch name {
		case "--config":
			files = append(files, value)
		case "--set":
			key, set, _ := strings.Cut(value, "=")
			key = strings.ReplaceAll(strings.TrimSpace(key), ".", "::")
			sets = append(sets, "yaml:"+key+": "+strings.TrimSpace(set))
		}
	}
	return append(files, sets...)
}

// withLocations is what the Collector would make of the arguments.
func withLocations(params otelcol.CollectorSettings, uris []string) otelcol.CollectorSettings {
	resolver := &params.ConfigProviderSettings.ResolverSettings
	resolver.URIs = uris
	if resolver.DefaultScheme == "" {
		resolver.DefaultScheme = "env"
	}
	resolver.ProviderSettings = confmap.ProviderSettings{}
	return params
}
