// Package lifecycle makes the Collector behave as a service: SIGHUP keeps the configuration when the new one is bad,
// SIGTERM ends with status 0, and the memory limit is the Go runtime's, too. The generated main hands over to Run.
package lifecycle

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

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
	args, err := literal(args, os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return err
	}
	os.Args = append(os.Args[:1:1], args...) // where the Collector reads them
	if len(args) == 0 || !strings.HasPrefix(args[0], "--") {
		return interactive(params) // a command, such as validate
	}
	uris := locations(args)
	if loaded, err := settings.Load(os.Environ()); err == nil { // the Collector says what is wrong with them
		if err := fits(uris, loaded); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			return err
		}
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(loaded.GoMemoryLimit())
		}
	}
	params.Factories = quietly(params.Factories)
	var ended atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go endInTime(signals, &ended)
	kept := keep(params, uris)
	for {
		err := interactive(kept.settings())
		if err == nil || ended.Load() || !kept.goBack(err) {
			return err
		}
	}
}

// grace is the time for requests in flight when the gateway has to stop; compose and supervisor kill it two seconds later.
const grace = 8 * time.Second

// endInTime ends the process where a store that is away holds it up: what waits is on disk, and is sent after the start.
func endInTime(signals <-chan os.Signal, ended *atomic.Bool) {
	<-signals
	ended.Store(true)
	time.Sleep(grace)
	fmt.Fprintf(os.Stderr, "stopped after %s, without waiting longer for stores that do not answer; what is in the queues is sent after the next start\n", grace)
	os.Exit(0)
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
