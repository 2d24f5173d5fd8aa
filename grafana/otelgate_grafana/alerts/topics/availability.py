"""Availability: failing probes, unavailable exporters, services without telemetry."""

from typing import Final

from ...uids import GATEWAY, MISSION_CONTROL, SERVICE_HEALTH
from ..cases import labels, percent, series
from ..expressions import beyond
from ..model import Alert, Case, Expected, Silencing
from ..settings import load

# Probes call their target `service`; every alert about a service says service_name.
_NAMED: Final = '"service_name", "$1", "service", "(.+)"'
_PROBE: Final = {"job": "probe", "instance": "http://osool:8000/health", "service": "osool", "kind": "api"}
_DATABASE: Final = {"job": "probe", "instance": "postgres:5432", "service": "postgres", "kind": "database"}
_LLM: Final = {"job": "probe", "instance": "http://llm:8080/health", "service": "bestbox", "kind": "llm"}


def _probe(of: dict[str, str]) -> str:
    return series("probe_success", **of)


def _silent() -> str:
    return """
(
  0 * (service:telemetry:minutes1d >= 30)
  unless service:telemetry:present
)
# While the gateway itself is silent, so is every service: that is GatewayAbsent.
and on () (count(otelcol_process_uptime_seconds_total) > 0)
"""


_GATEWAY_UP: Final = {
    series("otelcol_process_uptime_seconds_total", job="otelgate-gateway", instance="gw-1"): "1+15x400"
}

SERVICE_DOWN: Final = Alert(
    name="ServiceDown",
    group="otelgate-availability",
    expr=f'label_replace(probe_success{{job="probe", kind!="database"}} == 0, {_NAMED})',
    for_="1m",
    severity="critical",
    team="platform",
    summary="{{ $labels.service_name }} does not answer its health check ({{ $labels.kind }})",
    description="The probe of {{ $labels.instance }} has failed for a minute.",
    dashboard=SERVICE_HEALTH,
    # A service that is down fails, is slow, gets no requests and sends nothing; alerts on cost and loss still go out. A
    # probe knows no environment. Without a vector store or embeddings a service answers, and may fail for another
    # reason.
    silencing=Silencing(("service_name",), only='kind=~"api|llm"'),
    covers=("L1",),
    fires=Case({_probe(_PROBE): "1x4 0x6"}, "4m30s", (Expected({**_PROBE, "service_name": "osool"}),)),
    quiet=(
        Case({_probe(_PROBE): "1x4 0 0 1x10"}, "3m30s", why="two probes failed, less than a minute"),
        Case({_probe(_DATABASE): "0x10"}, "5m", why="a database is DatabaseDown's"),
        Case({}, "5m", why="nothing was ever probed"),
    ),
)

DATABASE_DOWN: Final = Alert(
    name="DatabaseDown",
    group="otelgate-availability",
    expr=f'label_replace(probe_success{{job="probe", kind="database"}} == 0, {_NAMED})',
    for_="1m",
    severity="critical",
    team="platform",
    summary="The database {{ $labels.service_name }} does not answer",
    description="The probe of {{ $labels.instance }} failed for a minute. Turns wait in the gateway's queue.",
    dashboard=SERVICE_HEALTH,
    covers=("L2",),
    fires=Case({_probe(_DATABASE): "1x4 0x6"}, "4m30s", (Expected({**_DATABASE, "service_name": "postgres"}),)),
    quiet=(
        Case({_probe(_DATABASE): "1x4 0 0 1x10"}, "3m30s", why="two probes failed, less than a minute"),
        Case({_probe(_PROBE): "0x10"}, "5m", why="an API is ServiceDown's"),
    ),
)


def _availability() -> str:
    probes = 'probe_success{job="probe", kind="llm"}'
    share = (
        f"label_replace(avg_over_time({probes}[1d]) and count_over_time({probes}[1d]) >= {load().min_probes}, {_NAMED})"
    )
    return beyond(share, "LlmAvailabilityLow", "<")


LLM_AVAILABILITY_LOW: Final = Alert(
    name="LlmAvailabilityLow",
    group="otelgate-presence-alerts",
    expr=_availability(),
    for_="0s",
    severity="critical",
    team="ai",
    summary="The model server of {{ $labels.service_name }} answered {{ $value | humanizePercentage }} of its probes",
    description="It answered too small a share of the probes of {{ $labels.instance }} in the last 24 hours.",
    dashboard=SERVICE_HEALTH,
    silent_while=("ServiceDown",),
    covers=("L3",),
    # A probe every 10 minutes: 143 in the day before, of which 2 are more than 1 %.
    fires=Case(
        {_probe(_LLM): "1x141 0x1"},
        "1d",
        (Expected({**_LLM, "service_name": "bestbox"}, percent(141 / 143)),),
        step="10m",
    ),
    quiet=(
        Case({_probe(_LLM): "1x142 0x0"}, "1d", why="1 of 143 probes failed: 99.3 %", step="10m"),
        Case({_probe(_LLM): "0x98"}, "16h20m", why="fewer than 100 probes", step="10m"),
    ),
)

TELEMETRY_ABSENT: Final = Alert(
    name="TelemetryAbsent",
    group="otelgate-presence-alerts",
    expr=_silent(),
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.service_name }} sends no telemetry any more",
    description="It sent metrics for at least half an hour of the last day, and has sent none for 10 minutes.",
    dashboard=GATEWAY,
    silent_while=("ServiceDown", "GatewayAbsent"),
    fires=Case(
        {
            **_GATEWAY_UP,
            series(
                "target_info", job="shop/osool", instance="a", deployment_environment_name="production"
            ): "1x40 _x80",
        },
        "56m",
        (Expected(labels("osool")),),
        step="1m",
    ),
    quiet=(
        Case(
            {
                **_GATEWAY_UP,
                series("target_info", job="osool", instance="a", deployment_environment_name="production"): "1x20 _x80",
            },
            "56m",
            step="1m",
            why="it sent for 20 minutes in all: a command, not a service",
        ),
        Case(
            {
                series("otelcol_process_uptime_seconds_total", job="otelgate-gateway", instance="gw-1"): "1+15x40 _x80",
                series("target_info", job="osool", instance="a", deployment_environment_name="production"): "1x40 _x80",
            },
            "56m",
            step="1m",
            why="the gateway is silent too",
        ),
        Case(_GATEWAY_UP, "56m", step="1m", why="no service ever sent anything"),
    ),
)

SCRAPE_TARGET_DOWN: Final = Alert(
    name="ScrapeTargetDown",
    group="otelgate-presence-alerts",
    expr="up == 0",
    for_="5m",
    severity="warning",
    team="platform",
    summary="Prometheus cannot scrape {{ $labels.job }} at {{ $labels.instance }}",
    description="Its metrics, and the alerts on them, are missing. `probe` is the prober itself: nothing is probed.",
    dashboard=SERVICE_HEALTH,
    fires=Case(
        {series("up", job="node", instance="host:9100"): "1x4 0x20"},
        "8m",
        (Expected({"job": "node", "instance": "host:9100"}),),
    ),
    quiet=(
        Case({series("up", job="node", instance="host:9100"): "1x4 0x8 1x20"}, "6m30s", why="4 minutes, a restart"),
    ),
)

WATCHDOG: Final = Alert(
    name="Watchdog",
    group="otelgate-availability",
    expr="vector(1)",
    for_="0s",
    severity="info",
    team="platform",
    notify="none",
    summary="Alerts are evaluated and reach Alertmanager",
    description="It always fires. A dead man's switch that expects it reports when Prometheus is down.",
    dashboard=MISSION_CONTROL,
    fires=Case({}, "1m", (Expected({}),)),
    quiet=(),
)
