// Package identity is a processor that holds data to the application that was authenticated: to its services, and to
// names that are not the gateway's own. Where no application was authenticated it changes nothing.
package identity

import (
	"context"
	"iter"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"otelgate/collector/applications"
	"otelgate/collector/intake"
)

// The attributes of a resource by which stores know its application. An application's own values are replaced.
const (
	applicationName = "otelgate.application"
	teamName        = "otelgate.team"
	costCenterName  = "otelgate.cost_center"
	serviceName     = "service.name"
)

// NewFactory makes the processor `identity`. It has no settings.
func NewFactory() processor.Factory {
	mutates := processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})
	return processor.NewFactory(
		component.MustNewType("identity"),
		func() component.Config { return &struct{}{} },
		processor.WithTraces(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			k, err := newKeeper(set.TelemetrySettings, "traces")
			if err != nil {
				return nil, err
			}
			return processorhelper.NewTraces(ctx, set, cfg, next, k.traces, mutates)
		}, component.StabilityLevelBeta),
		processor.WithLogs(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
			k, err := newKeeper(set.TelemetrySettings, "logs")
			if err != nil {
				return nil, err
			}
			return processorhelper.NewLogs(ctx, set, cfg, next, k.logs, mutates)
		}, component.StabilityLevelBeta),
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
			k, err := newKeeper(set.TelemetrySettings, "metrics")
			if err != nil {
				return nil, err
			}
			return processorhelper.NewMetrics(ctx, set, cfg, next, k.metrics, mutates)
		}, component.StabilityLevelBeta),
	)
}

// The reasons for which items are refused; docs/limits.md has them in words.
const (
	foreignService = "service_name"
	reservedName   = "reserved_name"
)

type keeper struct {
	signal  string
	refused metric.Int64Counter
}

func newKeeper(telemetry component.TelemetrySettings, signal string) (*keeper, error) {
	refused, err := telemetry.MeterProvider.Meter("otelgate/collector/identity").Int64Counter("otelgate.identity.refused",
		metric.WithUnit("{item}"), metric.WithDescription("Items that an application sent under a service, or a metric's name, that is not its own, by reason."))
	return &keeper{signal, refused}, err
}

func (k *keeper) refuse(ctx context.Context, application *applications.Application, items int, reason string) {
	if items == 0 {
		return
	}
	intake.Refuse(ctx, int64(items), reason)
	k.refused.Add(ctx, int64(items), metric.WithAttributes(attribute.String(applicationName, application.Name),
		attribute.String("otelgate.reason", reason), attribute.String("otelgate.signal", k.signal)))
}

// claim puts a resource under its application, or says that the service which it names is not one of that.
func claim(application *applications.Application, resource pcommon.Map) bool {
	name := ""
	if value, ok := resource.Get(serviceName); ok {
		name = value.AsString()
	}
	if name == "" || name == "unknown_service" || strings.HasPrefix(name, "unknown_service:") {
		resource.PutStr(serviceName, application.ServiceName())
	} else if !application.MaySpeakFor(name) {
		return false
	}
	resource.PutStr(applicationName, application.Name)
	put(resource, teamName, application.Team)
	put(resource, costCenterName, application.CostCenter)
	return true
}

func put(resource pcommon.Map, name, value string) {
	if value == "" {
		resource.Remove(name)
		return
	}
	resource.PutStr(name, value)
}

func (k *keeper) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	application := applications.From(ctx)
	if application == nil {
		return td, nil
	}
	foreign := 0
	td.ResourceSpans().RemoveIf(func(of ptrace.ResourceSpans) bool {
		if claim(application, of.Resource().Attributes()) {
			return false
		}
		for _, scope := range of.ScopeSpans().All() {
			foreign += scope.Spans().Len()
		}
		return true
	})
	k.refuse(ctx, application, foreign, foreignService)
	return td, skipEmpty(td.ResourceSpans().Len())
}

func (k *keeper) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	application := applications.From(ctx)
	if application == nil {
		return ld, nil
	}
	foreign := 0
	ld.ResourceLogs().RemoveIf(func(of plog.ResourceLogs) bool {
		if claim(application, of.Resource().Attributes()) {
			return false
		}
		for _, scope := range of.ScopeLogs().All() {
			foreign += scope.LogRecords().Len()
		}
		return true
	})
	k.refuse(ctx, application, foreign, foreignService)
	return ld, skipEmpty(ld.ResourceLogs().Len())
}

func (k *keeper) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	application := applications.From(ctx)
	if application == nil {
		return md, nil
	}
	foreign, ours := 0, 0
	md.ResourceMetrics().RemoveIf(func(of pmetric.ResourceMetrics) bool {
		own := claim(application, of.Resource().Attributes())
		for _, scope := range of.ScopeMetrics().All() {
			scope.Metrics().RemoveIf(func(each pmetric.Metric) bool {
				named := isReserved(each.Name())
				points(each, func(attributes pcommon.Map) {
					switch {
					case !own:
						foreign++
					case named:
						ours++
					default:
						attributes.RemoveIf(isLabel)
					}
				})
				return named
			})
		}
		return !own
	})
	k.refuse(ctx, application, foreign, foreignService)
	k.refuse(ctx, application, ours, reservedName)
	return md, skipEmpty(md.ResourceMetrics().Len())
}

func skipEmpty(resources int) error {
	if resources == 0 {
		return processorhelper.ErrSkipProcessingData
	}
	return nil
}

// reserved are the names, as Prometheus sees them, of what the stack says of itself and of its applications: rules and
// dashboards believe them.
var reserved = regexp.MustCompile(`^(otelgate_|otelcol_|probe_|scrape_|ALERTS$|ALERTS_FOR_STATE$|up$|target_info$)`)

// fromSDK are metrics under such a name that our SDK sends for its application.
var fromSDK = map[string]bool{"otelgate.sdk.dropped": true}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_]+`)

func isReserved(name string) bool {
	return !fromSDK[name] && reserved.MatchString(notInNames.ReplaceAllString(name, "_"))
}

// labels are attributes of points that would become the labels by which a series is known to be an application's.
var labels = map[string]bool{
	"service_name": true, "job": true, "instance": true, "exported_job": true, "exported_instance": true,
	"otelgate_application": true, "otelgate_team": true, "otelgate_cost_center": true,
}

func isLabel(name string, _ pcommon.Value) bool {
	return labels[notInNames.ReplaceAllString(name, "_")]
}

// points calls a function with the attributes of each point of a metric.
func points(of pmetric.Metric, each func(pcommon.Map)) {
	switch of.Type() {
	case pmetric.MetricTypeGauge:
		attributes(of.Gauge().DataPoints().All(), each)
	case pmetric.MetricTypeSum:
		attributes(of.Sum().DataPoints().All(), each)
	case pmetric.MetricTypeHistogram:
		attributes(of.Histogram().DataPoints().All(), each)
	case pmetric.MetricTypeExponentialHistogram:
		attributes(of.ExponentialHistogram().DataPoints().All(), each)
	case pmetric.MetricTypeSummary:
		attributes(of.Summary().DataPoints().All(), each)
	}
}

func attributes[P interface{ Attributes() pcommon.Map }](of iter.Seq2[int, P], each func(pcommon.Map)) {
	for _, point := range of {
		each(point.Attributes())
	}
}
