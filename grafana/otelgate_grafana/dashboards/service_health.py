"""Availability, latency, errors and resources of the services."""

from otelgate_grafana import links, logql, names, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import GREEN, RED, falling, gauge, rising, stat, timeseries
from otelgate_grafana.promql import FIRST_CHUNK, HTTP, TURNS, quantile, rate, ratio, select
from otelgate_grafana.queries import prom

from . import service_resources

_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")
_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_GATEWAY = links.dashboard(uids.GATEWAY, "Gateway")
_LOGS = links.dashboard(uids.MISSION_CONTROL, "Log lines")

# Probe targets have the label `service`. Databases belong to several services: they are always shown.
_PROBES = 'probe_success{job="probe", service=~"$service"} or probe_success{job="probe", kind="database"}'
_LLM = 'probe_success{job="probe", kind="llm", service=~"$service"}'
_REQUESTS = select(f"{HTTP}_count")
_FAILED = select(f"{HTTP}_count", where='http_response_status_code=~"5.."')
_BUCKETS = select(f"{HTTP}_bucket")
_ROUTE = "http_request_method, http_route, http_response_status_code"
_TTFT = select(f"{FIRST_CHUNK}_bucket")
_THREE = (0.5, 0.95, 0.99)

_UP = Row(
    "Availability",
    stat(
        "Service status",
        [prom(f"min by (service, kind) ({_PROBES})", "{{service}} {{kind}}", instant=True)],
        unit="none",
        names=True,
        width=12,
        height=6,
        description="The last answer to the prober, which asks every 15 s or faster: web servers, model servers, "
        "embeddings, vector stores, databases.",
        thresholds=[(None, RED), (1, GREEN)],
        mappings=[("0", "down", RED), ("1", "up", GREEN)],
        covers=("C1",),
        alerts=("ServiceDown", "DatabaseDown"),
        links=[_GATEWAY],
    ),
    stat(
        "Model servers, 24 h",
        [prom(f"avg by (service) (avg_over_time({_LLM}[24h]))", "{{service}}", instant=True)],
        unit="percentunit",
        decimals=2,
        names=True,
        width=4,
        height=6,
        description="Share of the probes of the last 24 hours that the model server answered. Target: 99 %.",
        thresholds=[(None, RED), (0.99, GREEN)],
        normally_empty="only applications with their own model server have one to probe",
        covers=("KPI14",),
        alerts=("LlmAvailabilityLow",),
        links=[_AGENTS],
    ),
    gauge(
        "Active sessions",
        [
            prom(
                f"sum by (service_name) ({select('otelgate_session_active', environment=False)})",
                "{{service_name}}",
                instant=True,
            )
        ],
        unit="short",
        high=20,
        width=8,
        description="Sessions with a turn in the last 5 minutes. BestBox is designed for 5 to 8; over 12 it is "
        "overloaded.",
        thresholds=rising(8, 12),
        covers=("C2",),
        alerts=("SessionsHigh", "SessionsOverload"),
        links=[links.dashboard(uids.USER_ANALYTICS, "User analytics")],
    ),
    timeseries(
        "Probes",
        [prom(f"min by (service, kind) ({_PROBES})", "{{service}} {{kind}}")],
        unit="none",
        high=1,
        width=24,
        height=5,
        description="1: it answered, 0: it did not. If several instances are probed, the worst of them.",
        alerts=("ServiceDown", "DatabaseDown"),
        links=[_GATEWAY],
    ),
)

_HTTP = Row(
    "Requests",
    timeseries(
        "Requests by method",
        [prom(rate(_REQUESTS, by="service_name, http_request_method"), "{{service_name}} {{http_request_method}}")],
        unit="reqps",
        stack=True,
        description="Requests a second. A drop without a reason is as bad as errors: something in front of the service "
        "may keep users out.",
        thresholds=falling(None, 0.1),
        covers=("D1",),
        alerts=("LowTraffic",),
        links=[_MISSION],
    ),
    timeseries(
        "Requests by route and status",
        [
            prom(
                f"topk(20, {rate(_REQUESTS, by=_ROUTE)})",
                "{{http_request_method}} {{http_route}} {{http_response_status_code}}",
            )
        ],
        unit="reqps",
        description="Requests a second by endpoint, method and status; the 20 busiest.",
        covers=("B1",),
        links=[_MISSION],
    ),
    timeseries(
        "Request time",
        [prom(quantile(share, _BUCKETS), f"P{share * 100:g}") for share in _THREE],
        unit="s",
        description="P50, P95 and P99 of the duration of requests; a dot is a request and opens its trace. Limits of "
        "the alert for P95: Execora 1 s, all others 2 s.",
        thresholds=rising(1, 2),
        covers=("D10", "B2", "D1"),
        alerts=("HttpLatencyHigh",),
        links=[_AGENTS],
    ),
    timeseries(
        "Request time by route, P95",
        [
            prom(
                f"topk(10, {quantile(0.95, _BUCKETS, by='service_name, http_route')})",
                "{{service_name}} {{http_route}}",
            )
        ],
        unit="s",
        description="95 % of requests to the endpoint are faster; the ten slowest.",
        thresholds=rising(1, 2),
        covers=("B2",),
        alerts=("HttpLatencyHigh",),
        links=[_AGENTS],
    ),
    timeseries(
        "Failed requests",
        [
            prom(
                f"60 * ({rate(_FAILED, by='service_name')} or 0 * {rate(_REQUESTS, by='service_name')})",
                "{{service_name}}",
            )
        ],
        unit="cpm",
        description="5xx responses a minute. More than 5 a minute is a burst.",
        thresholds=rising(None, 5),
        covers=("B3", "C5", "KPI17"),
        alerts=("HttpErrorBurst",),
        links=[_LOGS],
    ),
    timeseries(
        "Share of failed requests",
        [prom(ratio(_FAILED, _REQUESTS, by="service_name"), "{{service_name}}")],
        unit="percentunit",
        description="Share of 5xx responses. Over 5 % an alert warns; for 5 minutes, it is critical.",
        thresholds=rising(None, 0.05),
        covers=("D2",),
        alerts=("HttpErrorRatioHigh", "HttpErrorRatioSustained"),
        links=[_LOGS],
    ),
    timeseries(
        "Open websockets",
        [prom(f"sum by (service_name) ({select(names.WEBSOCKET_ACTIVE.series)})", "{{service_name}}")],
        unit="short",
        decimals=0,
        description="Websocket connections that are open. A steep fall means lost connections; Execora voice shows "
        "the reasons.",
        normally_empty="only applications with websockets have any",
        covers=("D3",),
        alerts=("WebSocketDrops",),
        links=[_LOGS],
    ),
    timeseries(
        "Time to first chunk",
        [prom(quantile(share, _TTFT), f"P{share * 100:g}") for share in _THREE],
        unit="s",
        description="From a streamed model call to its first chunk. Target: under 2 s; P95 over 5 s is critical.",
        thresholds=rising(2, 5),
        covers=("C3",),
        alerts=("TtftHigh", "TtftCritical"),
        links=[_AGENTS],
    ),
    timeseries(
        "Turns by agent",
        [prom(rate(select(f"{TURNS}_count"), by="gen_ai_agent_name"), "{{gen_ai_agent_name}}")],
        unit="reqps",
        stack=True,
        width=24,
        description="Turns of agents a second. A router and the agent that it hands on to each have one.",
        covers=("C4",),
        alerts=("NoQueries",),
        links=[_AGENTS],
    ),
)

_LOG_ROW = Row(
    "Log queries",
    logql.LINES_BY_LEVEL.panel(links=[_MISSION]),
    logql.ERRORS_BY_SERVICE.panel(links=[_MISSION]),
    logql.EXCEPTIONS.panel(links=[_MISSION]),
    logql.WARNINGS.panel(links=[_MISSION]),
    logql.ERRORS_WITH_TRACE.panel(width=24, links=[_MISSION]),
    logql.TOOL_ERRORS.panel(links=[_AGENTS]),
    logql.WEBSOCKET_ERRORS.panel(links=[_LOGS]),
)

DASHBOARD = Dashboard(
    uid=uids.SERVICE_HEALTH,
    title="Service health",
    description="Availability, latency, errors and resources of the services.",
    variables=variables.common(),
    rows=(_UP, _HTTP, *service_resources.ROWS, _LOG_ROW),
)
