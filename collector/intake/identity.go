package intake

import (
	"cmp"
	"context"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/applications"
)

// Attributes of a resource by which stores know its application. Values that an application sends under these names are
// replaced.
const (
	serviceName     = "service.name"
	applicationName = "otelgate.application"
	teamName        = "otelgate.team"
	costCenterName  = "otelgate.cost_center"
)

// claim marks a resource as its application's, or returns false if the application may not speak for the service it names.
// It rewrites the name, since an attribute can occur twice: the first would be checked, and the last one stored.
func (y *tally) claim(application *applications.Application, of pcommon.Resource) bool {
	resource, name := of.Attributes(), serviceOf(of)
	if name == "" || name == "unknown_service" || strings.HasPrefix(name, "unknown_service:") {
		name = application.ServiceName()
	} else if !application.MaySpeakFor(name) {
		y.claimed = cmp.Or(y.claimed, name)
		return false
	}
	resource.RemoveIf(isResources)
	resource.PutStr(serviceName, name)
	sign(application, resource)
	return true
}

// lend marks a resource that the operator sends with the application that owns its service, if there is one.
func lend(ctx context.Context, of pcommon.Resource) {
	name := serviceOf(of)
	if application := applications.Owner(ctx, name); application != nil {
		of.Attributes().RemoveIf(isResources)
		of.Attributes().PutStr(serviceName, name)
		sign(application, of.Attributes())
	}
}

func serviceOf(of pcommon.Resource) string {
	value, ok := of.Attributes().Get(serviceName)
	if !ok {
		return ""
	}
	return value.AsString()
}

// sign writes whose a resource is, where nothing says so yet.
func sign(application *applications.Application, resource pcommon.Map) {
	for name, value := range map[string]string{
		applicationName: application.Name, teamName: application.Team, costCenterName: application.CostCenter,
	} {
		if value != "" {
			resource.PutStr(name, value)
		}
	}
}

// isResources says whether an attribute would be taken for one that identifies a resource: as it is, or with underscores.
// On a scope, a span or a log record it would hide the resource's.
func isResources(name string, _ pcommon.Value) bool {
	if !strings.HasPrefix(name, "service") && !strings.HasPrefix(name, "otelgate") {
		return false
	}
	switch asPrometheus(name) {
	case "service_name", "otelgate_application", "otelgate_team", "otelgate_cost_center":
		return true
	}
	return false
}

// foreign refuses so many items of a service that is not one of their sender's application.
func (y *tally) foreign(items int) {
	if items > 0 {
		y.any = true
		y.by[reasonServiceName] += int64(items)
	}
}

func (y *tally) ownTraces(ctx context.Context, td ptrace.Traces) {
	application := applications.From(ctx)
	if application == nil {
		for _, of := range td.ResourceSpans().All() {
			lend(ctx, of.Resource())
		}
		return
	}
	td.ResourceSpans().RemoveIf(func(of ptrace.ResourceSpans) bool {
		if y.claim(application, of.Resource()) {
			return false
		}
		for _, scope := range of.ScopeSpans().All() {
			y.foreign(scope.Spans().Len())
		}
		return true
	})
	for _, of := range td.ResourceSpans().All() {
		for _, scope := range of.ScopeSpans().All() {
			scope.Scope().Attributes().RemoveIf(isResources)
			for _, span := range scope.Spans().All() {
				span.Attributes().RemoveIf(isResources)
			}
		}
	}
}

func (y *tally) ownLogs(ctx context.Context, ld plog.Logs) {
	application := applications.From(ctx)
	if application == nil {
		for _, of := range ld.ResourceLogs().All() {
			lend(ctx, of.Resource())
		}
		return
	}
	ld.ResourceLogs().RemoveIf(func(of plog.ResourceLogs) bool {
		if y.claim(application, of.Resource()) {
			return false
		}
		for _, scope := range of.ScopeLogs().All() {
			y.foreign(scope.LogRecords().Len())
		}
		return true
	})
	for _, of := range ld.ResourceLogs().All() {
		for _, scope := range of.ScopeLogs().All() {
			scope.Scope().Attributes().RemoveIf(isResources)
			for _, record := range scope.LogRecords().All() {
				record.Attributes().RemoveIf(isResources)
			}
		}
	}
}

func (p *points) ownMetrics(ctx context.Context, md pmetric.Metrics) {
	if p.application == nil {
		for _, of := range md.ResourceMetrics().All() {
			lend(ctx, of.Resource())
		}
		return
	}
	md.ResourceMetrics().RemoveIf(func(of pmetric.ResourceMetrics) bool {
		if p.claim(p.application, of.Resource()) {
			return false
		}
		for _, scope := range of.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				p.foreign(pointCount(metric))
			}
		}
		return true
	})
}

func pointCount(of pmetric.Metric) int {
	switch of.Type() {
	case pmetric.MetricTypeGauge:
		return of.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return of.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return of.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return of.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return of.Summary().DataPoints().Len()
	}
	return 0
}

// reserved are the names, as Prometheus sees them, of the stack's metrics about itself and its applications: rules and
// dashboards trust them.
var reserved = regexp.MustCompile(`^(otelgate_|otelcol_|probe_|scrape_|ALERTS$|ALERTS_FOR_STATE$|up$|target_info$)`)

// fromSDK are metrics under such a name that our SDK sends for its application.
var fromSDK = map[string]bool{"otelgate.sdk.dropped": true}

// asPrometheus is a name as the exporter writes it: separators in front go, and several become one.
func asPrometheus(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}), "_")
}

// isReserved looks at the name with its unit, too, which the exporter appends. A name with a colon is a recording rule's.
func isReserved(name, unit string) bool {
	return !fromSDK[name] && (strings.Contains(name, ":") ||
		reserved.MatchString(asPrometheus(name)) || reserved.MatchString(asPrometheus(name+" "+unit)))
}

// identities are the labels by which a series is known to be a service's.
var identities = map[string]bool{
	"service_name": true, "job": true, "instance": true, "exported_job": true, "exported_instance": true,
	"otelgate_application": true, "otelgate_team": true, "otelgate_cost_center": true,
}

// isIdentity says whether an attribute of a point would become one of them.
func isIdentity(name string, _ pcommon.Value) bool {
	return identities[asPrometheus(name)]
}
