package intake

import (
	"context"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"otelgate/collector/applications"
)

// The attributes of a resource by which stores know its application. What an application sends under them is replaced.
const (
	serviceName     = "service.name"
	applicationName = "otelgate.application"
	teamName        = "otelgate.team"
	costCenterName  = "otelgate.cost_center"
)

// claim puts a resource under its application, or says that the service which it names is not one of that's.
func claim(application *applications.Application, of pcommon.Resource) bool {
	resource, name := of.Attributes(), serviceOf(of)
	if name == "" || name == "unknown_service" || strings.HasPrefix(name, "unknown_service:") {
		resource.PutStr(serviceName, application.ServiceName())
	} else if !application.MaySpeakFor(name) {
		return false
	}
	resource.RemoveIf(isVariant)
	sign(application, resource)
	return true
}

// lend puts what the operator sends for a service under that's application, if it has one.
func lend(ctx context.Context, of pcommon.Resource) {
	if application := applications.Owner(ctx, serviceOf(of)); application != nil {
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

// sign writes whose a resource is.
func sign(application *applications.Application, resource pcommon.Map) {
	for name, value := range map[string]string{
		applicationName: application.Name, teamName: application.Team, costCenterName: application.CostCenter,
	} {
		if value == "" {
			resource.Remove(name)
		} else {
			resource.PutStr(name, value)
		}
	}
}

// isResources says whether an attribute of a scope, span or log record would stand for one of its resource, in the store
// as it is or in Loki with underscores.
func isResources(name string, _ pcommon.Value) bool {
	if !strings.HasPrefix(name, "service") && !strings.HasPrefix(name, "otelgate") {
		return false
	}
	switch notInNames.ReplaceAllString(name, "_") {
	case "service_name", "otelgate_application", "otelgate_team", "otelgate_cost_center":
		return true
	}
	return false
}

// isVariant says whether a resource's attribute would become the same label as one by which its application is known.
func isVariant(name string, value pcommon.Value) bool {
	switch name {
	case serviceName, applicationName, teamName, costCenterName:
		return false
	}
	return isResources(name, value)
}

// foreign refuses so many items of a service that is not one of their sender's application.
func (y *tally) foreign(items int) {
	for range items {
		y.add(1<<reasonServiceName, 0)
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
		if claim(application, of.Resource()) {
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
		if claim(application, of.Resource()) {
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
		if claim(p.application, of.Resource()) {
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

// reserved are the names, as Prometheus sees them, of what the stack says of itself and of its applications: rules and
// dashboards believe them.
var reserved = regexp.MustCompile(`^(otelgate_|otelcol_|probe_|scrape_|ALERTS$|ALERTS_FOR_STATE$|up$|target_info$)`)

// fromSDK are metrics under such a name that our SDK sends for its application.
var fromSDK = map[string]bool{"otelgate.sdk.dropped": true}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_]+`)

func isReserved(name string) bool {
	return !fromSDK[name] && reserved.MatchString(notInNames.ReplaceAllString(name, "_"))
}

// identities are the labels by which a series is known to be a service's.
var identities = map[string]bool{
	"service_name": true, "job": true, "instance": true, "exported_job": true, "exported_instance": true,
	"otelgate_application": true, "otelgate_team": true, "otelgate_cost_center": true,
}

// isIdentity says whether an attribute of a point would become one of them.
func isIdentity(name string, _ pcommon.Value) bool {
	return identities[notInNames.ReplaceAllString(name, "_")]
}
