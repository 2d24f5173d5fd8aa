"""Turns of agents, their tools, models and retrievals, and users' votes on them."""

from typing import Final

from ...promql import CALLS, FEEDBACK, FIRST_CHUNK, TOOLS, TURNS
from ...uids import AGENT_PERFORMANCE, MISSION_CONTROL, USER_ANALYTICS
from ..cases import histogram, labels, series
from ..expressions import APPLICATIONS, beyond
from ..model import BY, Alert, Case, Expected
from ..settings import load


def turns(service: str, good: str, failed: str = "") -> dict[str, str]:
    """Counts of turns as promtool's values."""
    rows = {series(f"{TURNS}_count", service, gen_ai_agent_name="helper"): good}
    error = {series(f"{TURNS}_count", service, gen_ai_agent_name="helper", error_type="timeout"): failed}
    return rows | (error if failed else {})


def _failed(alert: str) -> str:
    every = f"sum by ({BY}) (increase({TURNS}_count{{{APPLICATIONS}}}[5m]))"
    failed = f'sum by ({BY}) (increase({TURNS}_count{{{APPLICATIONS}, error_type!=""}}[5m]))'
    return beyond(f"{failed} / ({every} >= {load().min_events})", alert)


def _quantile(bucket: str, window: str, more: str = "") -> str:
    """P95 straight from the buckets, of at least so many measurements."""
    p95 = f"histogram_quantile(0.95, sum by (le, {BY}) (rate({bucket}_bucket{{{APPLICATIONS}{more}}}[{window}])))"
    count = f"sum by ({BY}) (increase({bucket}_count{{{APPLICATIONS}{more}}}[{window}]))"
    return f"{p95} and {count} >= {load().min_measurements}"


def _recorded(p95: str, rate: str) -> str:
    return f"{p95} and {rate} * 300 >= {load().min_measurements}"


NO_QUERIES: Final = Alert(
    name="NoQueries",
    group="otelgate-agents-alerts",
    # After an hour without a turn the gateway ends the series: a series of the last day counts as 0 now.
    expr=f"0 * (service:turns:increase1d > 0)\n"
    f"unless sum by ({BY}) (increase({TURNS}_count{{{APPLICATIONS}}}[1h])) > 0",
    for_="5m",
    severity="warning",
    team="product",
    summary="{{ $labels.service_name }} has had no turn for an hour",
    description="None of its agents had a turn, though there were turns in the last day.",
    dashboard=MISSION_CONTROL,
    silent_while=("ServiceDown", "GatewayAbsent"),
    covers=("L4",),
    fires=Case(turns("estate-bot", "0+20x2 40x3 _x20"), "1h20m", (Expected(labels("estate-bot")),), step="5m"),
    quiet=(
        Case(
            turns("estate-bot", "0+20x2 40x8 60+20x4"), "1h20m", why="50 minutes without, then turns again", step="5m"
        ),
        Case(turns("estate-bot", "0x20"), "1h30m", why="never a turn", step="5m"),
        Case({}, "1h30m", why="no series at all", step="5m"),
        Case(turns("estate-bot", "0+2x4 8x6 _x400"), "26h", why="the last turn was over a day ago", step="5m"),
        Case({series(f"{TURNS}_count", "otelgate-doctor"): "0 1x20"}, "1h30m", why="the doctor's canary", step="5m"),
    ),
)

TURN_ERROR_RATIO_HIGH: Final = Alert(
    name="TurnErrorRatioHigh",
    group="otelgate-agents-alerts",
    expr=_failed("TurnErrorRatioHigh"),
    for_="5m",
    severity="warning",
    team="ai",
    notify="slack-email",
    summary="{{ $value | humanizePercentage }} of the turns of {{ $labels.service_name }} fail",
    description="Share of failed turns in the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("TurnErrorRatioCritical", "ServiceDown"),
    covers=("L9",),
    fires=Case(turns("estate-bot", "0+22x40", "0+3x40"), "11m", (Expected(labels("estate-bot"), "12%"),)),
    quiet=(
        Case(turns("estate-bot", "0+27x40", "0+3x40"), "11m", why="10 %, and not more"),
        Case(turns("estate-bot", "0+0.6x40", "0+0.6x40"), "11m", why="12 turns in 5 minutes"),
        Case(turns("estate-bot", "0+22x60", "0+3x8 24x60"), "9m", why="it was over before 5 minutes"),
        Case(turns("estate-bot", "0+22x60"), "11m", why="no turn ever failed"),
    ),
)

TURN_ERROR_RATIO_CRITICAL: Final = Alert(
    name="TurnErrorRatioCritical",
    group="otelgate-agents-critical",
    expr=_failed("TurnErrorRatioCritical"),
    for_="5m",
    severity="critical",
    team="ai",
    summary="{{ $value | humanizePercentage }} of the turns of {{ $labels.service_name }} fail",
    description="Share of failed turns in the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("ServiceDown",),
    covers=("L10",),
    fires=Case(turns("estate-bot", "0+15x40", "0+5x40"), "11m", (Expected(labels("estate-bot"), "25%"),)),
    quiet=(
        Case(turns("estate-bot", "0+16x40", "0+4x40"), "11m", why="20 %, and not more"),
        Case(turns("estate-bot", "0+15x40", "0+5x40"), "5m", why="not yet 5 minutes"),
    ),
)

_TOOL: Final = {"gen_ai_tool_name": "erp_lookup", "error_type": "TimeoutError"}

TOOL_ERROR_BURST: Final = Alert(
    name="ToolErrorBurst",
    group="otelgate-agents-critical",
    expr=beyond(
        f'60 * sum by ({BY}) (rate({TOOLS}_count{{{APPLICATIONS}, error_type!=""}}[2m]))',
        "ToolErrorBurst",
    ),
    for_="2m",
    severity="critical",
    team="ai",
    summary="Tools of {{ $labels.service_name }} fail {{ $value | humanize }} times a minute",
    description="All tools together, over the last 2 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("ServiceDown",),
    covers=("L11",),
    fires=Case({series(f"{TOOLS}_count", "bestbox", **_TOOL): "0+3x20"}, "5m", (Expected(labels("bestbox"), "6"),)),
    quiet=(
        Case({series(f"{TOOLS}_count", "bestbox", **_TOOL): "0+2.5x20"}, "6m", why="5 a minute, and not more"),
        Case({series(f"{TOOLS}_count", "bestbox", **_TOOL): "0 20 20x20"}, "2m30s", why="one burst"),
        Case({series(f"{TOOLS}_count", "bestbox", gen_ai_tool_name="erp_lookup"): "0+30x20"}, "6m", why="all succeed"),
    ),
)

TTFT_HIGH: Final = Alert(
    name="TtftHigh",
    group="otelgate-agents-alerts",
    expr=beyond(_recorded("service:time_to_first_chunk_seconds:p95_rate5m", "service:first_chunks:rate5m"), "TtftHigh"),
    for_="5m",
    severity="warning",
    team="ai",
    summary="{{ $labels.service_name }} waits {{ $value | humanizeDuration }} for a model's first chunk (P95)",
    description="Time from the start of a streamed call to its first chunk, over the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("TtftCritical", "ServiceDown"),
    covers=("L12",),
    fires=Case(
        histogram(FIRST_CHUNK, "bestbox", {"2": 9, "5": 10, "+Inf": 10}, 40),
        "12m",
        (Expected(labels("bestbox"), "3.5s"),),
    ),
    quiet=(
        Case(
            histogram(FIRST_CHUNK, "bestbox", {"1": 0, "2": 9.6, "5": 10, "+Inf": 10}, 40), "12m", why="P95 under 2 s"
        ),
        Case(histogram(FIRST_CHUNK, "bestbox", {"2": 0, "5": 0.4, "+Inf": 0.4}, 40), "12m", why="4 calls in 5 minutes"),
    ),
)

TTFT_CRITICAL: Final = Alert(
    name="TtftCritical",
    group="otelgate-agents-critical",
    expr=beyond(_quantile(FIRST_CHUNK, "5m"), "TtftCritical"),
    for_="2m",
    severity="critical",
    team="ai",
    summary="{{ $labels.service_name }} waits {{ $value | humanizeDuration }} for a model's first chunk (P95)",
    description="Time from the start of a streamed call to its first chunk, over the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("ServiceDown",),
    covers=("L13",),
    fires=Case(
        histogram(FIRST_CHUNK, "bestbox", {"5": 9, "8": 10, "+Inf": 10}, 40),
        "4m",
        (Expected(labels("bestbox"), "6.5s"),),
    ),
    quiet=(
        Case(histogram(FIRST_CHUNK, "bestbox", {"2": 0, "5": 9.6, "8": 10, "+Inf": 10}, 40), "9m", why="P95 under 5 s"),
        Case(histogram(FIRST_CHUNK, "bestbox", {"5": 9, "8": 10, "+Inf": 10}, 40), "2m", why="not yet 2 minutes"),
    ),
)

TURN_LATENCY_HIGH: Final = Alert(
    name="TurnLatencyHigh",
    group="otelgate-agents-alerts",
    expr=beyond(_recorded("service:turn_duration_seconds:p95_rate5m", "service:turns:rate5m"), "TurnLatencyHigh"),
    for_="5m",
    severity="warning",
    team="ai",
    summary="P95 of the turns of {{ $labels.service_name }} is {{ $value | humanizeDuration }}",
    description="Duration of an agent's whole turn, over the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("ServiceDown",),
    covers=("L14",),
    fires=Case(
        histogram(TURNS, "estate-bot", {"30": 9, "60": 10, "+Inf": 10}, 40),
        "12m",
        (Expected(labels("estate-bot"), "45s"),),
    ),
    quiet=(
        Case(
            histogram(TURNS, "estate-bot", {"20": 0, "30": 9.6, "60": 10, "+Inf": 10}, 40), "12m", why="P95 under 30 s"
        ),
        Case(histogram(TURNS, "estate-bot", {"30": 0, "60": 0.4, "+Inf": 0.4}, 40), "12m", why="4 turns in 5 minutes"),
    ),
)

_RETRIEVAL: Final = {"gen_ai_operation_name": "retrieval"}

VECTOR_SEARCH_SLOW: Final = Alert(
    name="VectorSearchSlow",
    group="otelgate-agents-alerts",
    expr=beyond(
        _recorded("service:retrieval_duration_seconds:p95_rate5m", "service:retrievals:rate5m"), "VectorSearchSlow"
    ),
    for_="5m",
    severity="warning",
    team="ai",
    summary="P95 of the retrievals of {{ $labels.service_name }} is {{ $value | humanizeDuration }}",
    description="Vector searches over the last 5 minutes.",
    dashboard=AGENT_PERFORMANCE,
    silent_while=("ServiceDown",),
    covers=("L23",),
    fires=Case(
        histogram(CALLS, "bestbox", {"0.2": 9, "0.5": 10, "+Inf": 10}, 40, **_RETRIEVAL),
        "12m",
        (Expected(labels("bestbox"), "350ms"),),
    ),
    quiet=(
        Case(
            histogram(CALLS, "bestbox", {"0.1": 0, "0.2": 9.6, "0.5": 10, "+Inf": 10}, 40, **_RETRIEVAL),
            "12m",
            why="P95 under 200 ms",
        ),
        Case(
            histogram(CALLS, "bestbox", {"0.2": 0, "5": 10, "+Inf": 10}, 40, gen_ai_operation_name="chat"),
            "12m",
            why="model calls are not retrievals",
        ),
    ),
)


def _votes(positive: str, negative: str) -> dict[str, str]:
    rows = {series(FEEDBACK, "bestbox", rating="negative"): negative}
    return rows | ({series(FEEDBACK, "bestbox", rating="positive"): positive} if positive else {})


SATISFACTION_LOW: Final = Alert(
    name="SatisfactionLow",
    group="otelgate-agents-alerts",
    expr=beyond(
        f"service:satisfaction:ratio_increase1d and service:votes:increase1d >= {load().min_events}",
        "SatisfactionLow",
        "<",
    ),
    for_="1h",
    severity="warning",
    team="product",
    summary="Only {{ $value | humanizePercentage }} of the votes on {{ $labels.service_name }} are positive",
    description="Of the votes of the last 24 hours.",
    dashboard=USER_ANALYTICS,
    covers=("L26",),
    # The first: every vote is negative, and there is no positive series.
    fires=Case(_votes("", "0+2x60"), "3h", (Expected(labels("bestbox"), "0%"),), step="5m"),
    quiet=(
        Case(_votes("0+7x60", "0+3x60"), "3h", why="70 %", step="5m"),
        Case(_votes("0 9x60", "0 10x60"), "3h", why="19 votes", step="5m"),
        Case(_votes("0+1x60", "0+2x60"), "1h10m", why="not yet an hour since the 20th vote", step="5m"),
    ),
)
