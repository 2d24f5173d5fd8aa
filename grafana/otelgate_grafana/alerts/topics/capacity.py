"""Capacity: memory, connections, sessions, and open circuit breakers."""

from typing import Final

from ...names import BREAKER_STATE, DATABASE_CONNECTIONS, DATABASE_OPERATIONS, GPU_MEMORY
from ...uids import OSOOL_BUSINESS, SERVICE_HEALTH
from ..cases import histogram, labels, series
from ..expressions import APPLICATIONS, beyond, limit
from ..model import BY, Alert, Case, Expected
from ..settings import load

_BREAKER: Final = BREAKER_STATE.series
_OPENAI: Final = {"osool_circuit_breaker_name": "openai"}

CIRCUIT_BREAKER_OPEN: Final = Alert(
    name="CircuitBreakerOpen",
    group="otelgate-example-breakers",
    expr=f"max by ({BY}, osool_circuit_breaker_name) ({_BREAKER}{{{APPLICATIONS}}}) == 2",
    for_="2m",
    severity="critical",
    team="platform",
    notify="slack",
    summary="{{ $labels.service_name }} has cut off {{ $labels.osool_circuit_breaker_name }}: the breaker is open",
    description="Calls to it are refused immediately until a trial call succeeds.",
    dashboard=OSOOL_BUSINESS,
    covers=("L20",),
    fires=Case({series(_BREAKER, "osool", **_OPENAI): "0x4 2x10"}, "5m", (Expected(labels("osool", **_OPENAI)),)),
    quiet=(
        Case({series(_BREAKER, "osool", **_OPENAI): "0x4 2x3 1x10"}, "5m", why="half-open within 2 minutes"),
        Case({series(_BREAKER, "osool", **_OPENAI): "0x20"}, "5m", why="closed"),
    ),
)

_CONNECTIONS: Final = DATABASE_CONNECTIONS.series
_USED: Final = f'{_CONNECTIONS}{{{APPLICATIONS}, state="used"}}'

DB_CONNECTIONS_HIGH: Final = Alert(
    name="DbConnectionsHigh",
    group="otelgate-capacity-alerts",
    # By process: each has its own pool, and free connections of another do not help a full one.
    expr=beyond(f"sum by ({BY}, instance) ({_USED})", "DbConnectionsHigh"),
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.service_name }} uses {{ $value | humanize }} database connections",
    description="Connections in use of the pool of the process {{ $labels.instance }}; if none is free, requests wait.",
    dashboard=SERVICE_HEALTH,
    covers=("L21",),
    fires=Case(
        {series(_CONNECTIONS, "osool", instance="a", state="used"): "44x20"},
        "6m",
        (Expected(labels("osool", instance="a"), "44"),),
    ),
    quiet=(
        Case(
            {series(_CONNECTIONS, "osool", instance="a", state="used"): "40x20"},
            "6m",
            why="40, not more",
        ),
        Case({series(_CONNECTIONS, "osool", instance="a", state="idle"): "50x20"}, "6m", why="idle ones"),
        Case(
            {series(_CONNECTIONS, "osool", instance=name, state="used"): "30x20" for name in "ab"},
            "6m",
            why="two processes with 30 each",
        ),
    ),
)


DATABASE: Final = DATABASE_OPERATIONS.series


def _slow_queries() -> str:
    p95 = f"histogram_quantile(0.95, sum by (le, {BY}) (rate({DATABASE}_bucket{{{APPLICATIONS}}}[5m])))"
    count = f"sum by ({BY}) (increase({DATABASE}_count{{{APPLICATIONS}}}[5m]))"
    return beyond(f"{p95} and {count} >= {load().min_measurements}", "DbQuerySlow")


DB_QUERY_SLOW: Final = Alert(
    name="DbQuerySlow",
    group="otelgate-capacity-alerts",
    expr=_slow_queries(),
    for_="5m",
    severity="warning",
    team="platform",
    summary="P95 of the database queries of {{ $labels.service_name }} is {{ $value | humanizeDuration }}",
    description="As measured by the application's client, over the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    covers=("L22",),
    fires=Case(
        histogram(DATABASE, "osool", {"1": 9, "2": 10, "+Inf": 10}, 40, db_operation_name="SELECT"),
        "11m",
        (Expected(labels("osool"), "1.5s"),),
    ),
    quiet=(
        Case(
            histogram(DATABASE, "osool", {"0.5": 0, "1": 9.6, "2": 10, "+Inf": 10}, 40), "11m", why="P95 under a second"
        ),
        Case(histogram(DATABASE, "osool", {"1": 0, "2": 0.4, "+Inf": 0.4}, 40), "11m", why="4 queries in 5 minutes"),
    ),
)

_RAM: Final = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
_HOST: Final = {"job": "node", "instance": "host:9100"}


def _memory(available: str) -> dict[str, str]:
    return {
        series("node_memory_MemAvailable_bytes", **_HOST): available,
        series("node_memory_MemTotal_bytes", **_HOST): "100x60",
    }


HOST_MEMORY_HIGH: Final = Alert(
    name="HostMemoryHigh",
    group="otelgate-capacity-alerts",
    expr=f"{_RAM} > {limit('HostMemoryHigh')}",
    for_="10m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory",
    description="The share that is not available to new programs without swapping.",
    dashboard=SERVICE_HEALTH,
    covers=("L24",),
    fires=Case(_memory("12x60"), "11m", (Expected(_HOST, "88%"),)),
    quiet=(
        Case(_memory("16x60"), "11m", why="84 %"),
        Case(_memory("12x18 30x40"), "11m", why="over after 9 minutes"),
    ),
)

_GPU: Final = GPU_MEMORY.series

MODEL_HOST_MEMORY_HIGH: Final = Alert(
    name="ModelHostMemoryHigh",
    group="otelgate-capacity-alerts",
    expr=f"""
(
  label_replace({_RAM.replace("_bytes", f'_bytes{{instance=~"{load().model_hosts}"}}')}, "memory", "RAM", "", "")
  or
  label_replace(max by ({BY}, instance) ({_GPU}), "memory", "VRAM", "", "")
) > {limit("ModelHostMemoryHigh")}
""",
    for_="10m",
    severity="warning",
    team="ai",
    summary="The model host {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its {{ $labels.memory }}",
    description="A model server that runs out of memory fails its calls, or is killed.",
    dashboard=SERVICE_HEALTH,
    covers=("L25",),
    fires=Case(
        {series(_GPU, "bestbox", instance="gpu-1", hw_id="0"): "0.95x60"},
        "11m",
        (Expected(labels("bestbox", instance="gpu-1", memory="VRAM"), "95%"),),
    ),
    quiet=(
        Case({series(_GPU, "bestbox", instance="gpu-1", hw_id="0"): "0.9x60"}, "11m", why="90 %, and not more"),
        Case(_memory("11x60"), "11m", why="89 % of RAM"),
        Case(
            {series(_GPU, "bestbox", instance="gpu-1", hw_id="0"): "0.95x18 0.5x40"}, "11m", why="over after 9 minutes"
        ),
    ),
)


def _sessions(values: str) -> dict[str, str]:
    # The audit sink's gauge: a service, and no environment.
    return {series("otelgate_session_active", service_name=name): values for name in ("bestbox", "estate-bot")}


def _active(alert: str) -> str:
    return beyond(f"max by ({BY}) (otelgate_session_active{{{APPLICATIONS}}})", alert)


SESSIONS_HIGH: Final = Alert(
    name="SessionsHigh",
    group="otelgate-capacity-alerts",
    expr=_active("SessionsHigh"),
    for_="5m",
    severity="warning",
    team="ai",
    summary="{{ $labels.service_name }} has {{ $value | humanize }} active sessions, more than it was built for",
    description="Sessions with a record in the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    silent_while=("SessionsOverload",),
    covers=("L27",),
    # estate-bot has as many, and no limit.
    fires=Case(_sessions("9x20"), "6m", (Expected({"service_name": "bestbox"}, "9"),)),
    quiet=(
        Case(_sessions("8x20"), "6m", why="8, and not more"),
        Case(_sessions("9x8 8x20"), "6m", why="over after 4 minutes"),
    ),
)

SESSIONS_OVERLOAD: Final = Alert(
    name="SessionsOverload",
    group="otelgate-capacity-critical",
    expr=_active("SessionsOverload"),
    for_="1m",
    severity="critical",
    team="ai",
    summary="{{ $labels.service_name }} is overloaded: {{ $value | humanize }} active sessions",
    description="Sessions with a record in the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    covers=("L28",),
    fires=Case(_sessions("13x20"), "2m", (Expected({"service_name": "bestbox"}, "13"),)),
    quiet=(
        Case(_sessions("12x20"), "6m", why="12, and not more"),
        Case(_sessions("8x4 13x0 8x20"), "3m", why="half a minute"),
    ),
)
