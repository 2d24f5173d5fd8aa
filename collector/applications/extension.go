package applications

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"otelgate/collector/applications/internal/metadata"
	"otelgate/collector/fault"
	"otelgate/collector/operatorfile"
)

// The settings by which an operator knows the files.
const (
	tokenSetting = "OTELGATE_TOKEN_FILE"
	fileSetting  = "OTELGATE_APPLICATIONS_FILE"
)

// Config of the extension.
type Config struct {
	// TokenFile holds the operator's token, whose sender may speak for every service.
	TokenFile string `mapstructure:"token_file"`
	// Token is the operator's where there is no file: one that no other process needs.
	Token string `mapstructure:"token"`
	// File holds the applications; there may be none.
	File string `mapstructure:"file"`
	// Poll is how often both are read again.
	Poll time.Duration `mapstructure:"poll"`
}

// Validate the configuration.
func (c *Config) Validate() error {
	var faults fault.List
	faults.Unless(c.Poll > 0, "poll", c.Poll, "more than 0s")
	faults.Unless(c.Token == "" || c.TokenFile == "", "token_file", c.TokenFile, "no file, since there is a token")
	return faults.Err()
}

// NewFactory makes the extension `applications`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, func() component.Config {
		return &Config{Poll: time.Second}
	}, func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
		return create(set.TelemetrySettings, cfg.(*Config))
	}, metadata.ExtensionStability)
}

type senders struct {
	cfg       *Config
	log       *zap.Logger
	known     atomic.Pointer[table]
	last      [2][]byte // what the files held when they were read last
	telemetry *metadata.TelemetryBuilder
	stop      context.CancelFunc
	done      sync.WaitGroup
}

func create(telemetry component.TelemetrySettings, cfg *Config) (*senders, error) {
	builder, err := metadata.NewTelemetryBuilder(telemetry)
	return &senders{cfg: cfg, log: telemetry.Logger, telemetry: builder}, err
}

// Start reads the files, and again when they change. An error is one of a file.
func (s *senders) Start(ctx context.Context, _ component.Host) error {
	s.telemetry.ReloadFailures.Add(ctx, 0) // the series is there before the first failure
	if _, err := s.look(); err != nil {
		return err
	}
	ctx, s.stop = context.WithCancel(context.Background())
	s.done.Go(func() {
		ticker := time.NewTicker(s.cfg.Poll)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				s.again()
			}
		}
	})
	return nil
}

// Shutdown ends the reading.
func (s *senders) Shutdown(context.Context) error {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
	return nil
}

func (s *senders) again() {
	changed, err := s.look()
	switch {
	case !changed:
	case err != nil:
		s.telemetry.ReloadFailures.Add(context.Background(), 1)
		s.log.Error("the previous applications stay in use", zap.Error(err))
	default:
		s.log.Info("applications reloaded")
	}
}

// look reads the files, and takes over what they hold where that changed and has no fault.
func (s *senders) look() (changed bool, err error) {
	var read [2][]byte
	for i, from := range []struct{ setting, file string }{{tokenSetting, s.cfg.TokenFile}, {fileSetting, s.cfg.File}} {
		if from.file == "" {
			continue
		}
		content, failed := operatorfile.Load(from.setting, from.file)
		if failed != nil {
			content = []byte(failed.Error()) // only compared, so that an error is logged once
			err = errors.Join(err, failed)
		}
		read[i] = content
	}
	if s.last[0] != nil && bytes.Equal(read[0], s.last[0]) && bytes.Equal(read[1], s.last[1]) {
		return false, nil
	}
	s.last = [2][]byte{append([]byte{}, read[0]...), read[1]}
	if err != nil {
		return true, err
	}
	found, err := s.parse(read[0], read[1])
	if err != nil {
		return true, err
	}
	s.known.Store(found)
	return true, nil
}

func (s *senders) parse(token, file []byte) (*table, error) {
	found := newTable()
	if s.cfg.File != "" {
		var err error
		if found, err = parse(s.cfg.File, file); err != nil {
			return nil, err
		}
	}
	if s.cfg.TokenFile != "" || s.cfg.Token != "" {
		text := cmp.Or(s.cfg.Token, strings.TrimSpace(string(token)))
		if text == "" {
			return nil, fault.Of(tokenSetting, s.cfg.TokenFile, "a token, the file is empty")
		}
		hash := sha256.Sum256([]byte(text))
		if of, taken := found.tokens[hash]; taken {
			return nil, fault.Of(fileSetting, s.cfg.File, "another token of %q: it has the operator's", of.Name)
		}
		found.tokens[hash] = nil
	}
	return found, nil
}

var (
	errNone    = errors.New("no bearer token: expected the header `authorization: Bearer …`")
	errUnknown = errors.New("the bearer token is not known")
)

// Authenticate finds the application of a request by its headers. It is part of extensionauth.Server.
func (s *senders) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	values := headers["authorization"] // gRPC's
	if len(values) == 0 {
		values = headers["Authorization"]
	}
	if len(values) != 1 {
		return ctx, errNone
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "bearer") {
		return ctx, errNone
	}
	known := s.known.Load()
	application, ok := known.of(strings.TrimSpace(token))
	if !ok {
		return ctx, errUnknown
	}
	info := client.FromContext(ctx)
	info.Auth = identity{application, known.owners}
	if application != nil { // the queues on disk keep metadata and no Auth; batches are made by it
		metadata := map[string][]string{attribute: {application.Name}}
		for key := range info.Metadata.Keys() {
			if key != attribute {
				metadata[key] = info.Metadata.Get(key)
			}
		}
		info.Metadata = client.NewMetadata(metadata)
	}
	return client.NewContext(ctx, info), nil
}

// identity is what the Collector passes on of a sender. The operator's has no application.
type identity struct {
	*Application
	owners *owners
}

const attribute = "otelgate.application"

// GetAttribute is part of client.AuthData.
func (i identity) GetAttribute(name string) any {
	if name == attribute && i.Application != nil {
		return i.Name
	}
	return nil
}

// GetAttributeNames is part of client.AuthData.
func (identity) GetAttributeNames() []string { return []string{attribute} }

// From returns the application that sent a request, or nil: the operator did, or senders are not asked who they are.
func From(ctx context.Context) *Application {
	found, _ := client.FromContext(ctx).Auth.(identity)
	return found.Application
}

// Owner returns the application whose service it is, where the operator sends: the stack's own parts speak for services
// of applications, as the feedback endpoint does for the votes on their answers. It is nil where there is none.
func Owner(ctx context.Context, service string) *Application {
	found, ok := client.FromContext(ctx).Auth.(identity)
	if !ok || found.Application != nil {
		return nil
	}
	return found.owners.of(service)
}
