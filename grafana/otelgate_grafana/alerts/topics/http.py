"""HTTP requests and websockets of applications."""

from typing import Final

from ...names import WEBSOCKET_CLOSED
from ...promql import HTTP
from ...uids import EXECORA_VOICE, SERVICE_HEALTH
from ..cases import histogram, labels, series
from ..expressions import APPLICATIONS, beyond, grown
from ..model import BY, Alert, Case, Expected
from ..settings import load

_FAILED: Final = 'http_response_status_code=~"5.."'
_OK: Final = {"http_request_method": "GET", "http_route": "/search", "http_response_status_code": "200"}
_ERROR: Final = {**_OK, "http_response_status_code": "500"}


def requests(service: str, ok: str, failed: str = "") -> dict[str, str]:
    """Counts of requests as promtool's values."""
    rows = {series(f"{HTTP}_count", service, **_OK): ok}
    return rows | ({series(f"{HTTP}_count", service, **_ERROR): failed} if failed else {})


def _ratio(alert: str) -> str:
    """Straight from the counters: critical alerts do not wait for the next minute's recording."""
    every = f"sum by ({BY}) (increase({HTTP}_count{{{APPLICATIONS}}}[5m]))"
    failed = f"sum by ({BY}) (increase({HTTP}_count{{{APPLICATIONS}, {_FAILED}}}[5m]))"
    return beyond(f"{failed} / ({every} >= {load().min_events})", alert)


LOW_TRAFFIC: Final = Alert(
    name="LowTraffic",
    group="otelgate-http-alerts",
    # A service whose series are gone counts as 0; the alert ignores one that had that much only for moments.
    expr="("
    + beyond("service:http_requests:rate5m or 0 * last_over_time(service:http_requests:rate5m[1d])", "LowTraffic", "<")
    + ")\nand (\n"
    + beyond("avg_over_time(service:http_requests:rate5m[1d])", "LowTraffic", ">=")
    + "\n)",
    for_="15m",
    severity="info",
    team="product",
    summary='{{ $labels.service_name }} gets {{ $value | printf "%.2f" }} requests a second',
    description="Its average over the last day was higher. Check whether users can still reach it.",
    dashboard=SERVICE_HEALTH,
    silent_while=("ServiceDown", "GatewayAbsent"),
    covers=("L5",),
    fires=Case(requests("osool", "0+120x15 1800+4x30"), "56m", (Expected(labels("osool"), "0.03"),), step="2m"),
    quiet=(
        Case(requests("osool", "0+120x15 1800+4x5 1821+120x20"), "50m", why="back after 10 minutes", step="2m"),
        Case(requests("osool", "0+4x40"), "60m", why="never had more than that", step="2m"),
        Case(requests("osool", "0+4x15 180+4x50"), "96m", why="two busy minutes in a quiet hour", step="2m"),
        Case(requests("osool", "0+120x15 1800+16x30"), "56m", why="0.13 a second", step="2m"),
    ),
)

HTTP_ERROR_RATIO_HIGH: Final = Alert(
    name="HttpErrorRatioHigh",
    group="otelgate-http-alerts",
    expr=_ratio("HttpErrorRatioHigh"),
    for_="2m",
    severity="warning",
    team="platform",
    summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.service_name }} fail",
    description="Share of 5xx responses in the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    silent_while=("HttpErrorRatioSustained", "ServiceDown"),
    covers=("L6",),
    fires=Case(requests("osool", "0+94x30", "0+6x30"), "8m", (Expected(labels("osool"), "6%"),)),
    quiet=(
        Case(requests("osool", "0+95x30", "0+5x30"), "8m", why="5 %, and not more"),
        Case(requests("osool", "0+1x30", "0+0.8x30"), "8m", why="18 requests in 5 minutes"),
        Case(requests("osool", "0+94x60"), "8m", why="no request ever failed: there is no 5xx series"),
    ),
)

HTTP_ERROR_RATIO_SUSTAINED: Final = Alert(
    name="HttpErrorRatioSustained",
    group="otelgate-http-critical",
    expr=_ratio("HttpErrorRatioSustained"),
    for_="5m",
    severity="critical",
    team="platform",
    summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.service_name }} have failed for 5 minutes",
    description="Share of 5xx responses in the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    silent_while=("ServiceDown",),
    covers=("L7",),
    fires=Case(requests("execora", "0+94x30", "0+6x30"), "11m", (Expected(labels("execora"), "6%"),)),
    quiet=(
        Case(requests("execora", "0+94x60", "0+6x6 36+0x60"), "7m", why="failed for 3 minutes"),
        Case(requests("execora", "0+95x30", "0+5x30"), "11m", why="5 %, and not more"),
    ),
)

HTTP_ERROR_BURST: Final = Alert(
    name="HttpErrorBurst",
    group="otelgate-http-critical",
    expr=beyond(
        grown(f"{HTTP}_count{{{APPLICATIONS}, {_FAILED}}}", "2m", by=BY) + " / 2",
        "HttpErrorBurst",
    ),
    for_="2m",
    severity="critical",
    team="platform",
    summary="{{ $labels.service_name }} fails {{ $value | humanize }} requests a minute",
    description="5xx responses, over the last 2 minutes.",
    dashboard=SERVICE_HEALTH,
    silent_while=("ServiceDown",),
    covers=("L8",),
    fires=Case(requests("bestbox", "0+50x30", "0x8 0+3x20"), "9m", (Expected(labels("bestbox"), "6"),)),
    quiet=(
        Case(requests("bestbox", "0+50x30", "0x8 0+2.5x20"), "9m", why="5 a minute, and not more"),
        Case(requests("bestbox", "0+50x30", "0x8 6 12 12x20"), "7m30s", why="one burst, over before 2 minutes"),
    ),
)


def _slow() -> str:
    enough = f"service:http_requests:increase5m >= {load().min_measurements}"
    return beyond(f"service:http_request_duration_seconds:p95_rate5m and {enough}", "HttpLatencyHigh")


HTTP_LATENCY_HIGH: Final = Alert(
    name="HttpLatencyHigh",
    group="otelgate-http-alerts",
    expr=_slow(),
    for_="5m",
    severity="warning",
    team="platform",
    summary="P95 of the requests to {{ $labels.service_name }} is {{ $value | humanizeDuration }}",
    description="Over the last 5 minutes.",
    dashboard=SERVICE_HEALTH,
    silent_while=("ServiceDown",),
    covers=("L15",),
    # Execora's limit is 1 s, Osool's 2 s: between them only Execora's fires.
    fires=Case(
        histogram(HTTP, "execora", {"0.5": 0, "1": 0, "2": 10, "+Inf": 10}, 40, **_OK)
        | histogram(HTTP, "osool", {"0.5": 0, "1": 0, "2": 10, "+Inf": 10}, 40, **_OK),
        "15m",
        (Expected(labels("execora"), "1.95s"),),
    ),
    quiet=(
        Case(
            histogram(HTTP, "execora", {"0.5": 0, "1": 10, "2": 10, "+Inf": 10}, 40, **_OK), "15m", why="under a second"
        ),
        Case(
            histogram(HTTP, "execora", {"1": 0, "2": 0.4, "+Inf": 0.4}, 40, **_OK),
            "15m",
            why="4 requests in 5 minutes",
        ),
    ),
)

_CLOSED: Final = WEBSOCKET_CLOSED.series

WEBSOCKET_DROPS: Final = Alert(
    name="WebSocketDrops",
    group="otelgate-example-websockets",
    expr=beyond(
        grown(f'{_CLOSED}{{{APPLICATIONS}, reason!~"normal|going_away"}}', "5m", by=BY),
        "WebSocketDrops",
    ),
    for_="2m",
    severity="warning",
    team="platform",
    summary="{{ $labels.service_name }} lost {{ $value | humanize }} websocket connections in 5 minutes",
    description="Connections that ended without a normal close.",
    dashboard=EXECORA_VOICE,
    silent_while=("ServiceDown",),
    covers=("L31",),
    # The series begins with its first value, 2: increase() alone would see nothing.
    fires=Case({series(_CLOSED, "execora", reason="error"): "_x4 2x20"}, "5m", (Expected(labels("execora"), "2"),)),
    quiet=(
        Case({series(_CLOSED, "execora", reason="error"): "_x4 1x20"}, "5m", why="one close is not more than one"),
        Case({series(_CLOSED, "execora", reason="normal"): "0+5x20"}, "5m", why="normal closes"),
        Case({series(_CLOSED, "execora", reason="error"): "500x20 _x30 500x20"}, "26m", why="a gap, not new closes"),
    ),
)
