"""Business alerts: reservations, and pools that can pay out."""

from typing import Final

from ...names import POOL_RESERVE
from ...promql import EVENTS
from ...uids import OSOOL_BUSINESS
from ..cases import labels, series
from ..expressions import APPLICATIONS, beyond
from ..model import BY, Alert, Case, Expected
from ..settings import load

_EVENT: Final = {"event_name": "reservation"}
_DONE: Final = series(EVENTS, "osool", **_EVENT, status="completed")
_FAILED: Final = series(EVENTS, "osool", **_EVENT, status="failed")
_UP: Final = series("target_info", job="osool", instance="a", deployment_environment_name="production")

NO_RESERVATIONS: Final = Alert(
    name="NoReservations",
    group="otelgate-example-products",
    # An application that took one within 30 days is expected to. An event's series ends an hour after its last value.
    expr=f"""
(
  0 * last_over_time(service:reservations:increase1h[30d])
  unless sum by ({BY}) (increase({EVENTS}{{{APPLICATIONS}, event_name="reservation", status="completed"}}[1d])) > 0
)
and service:telemetry:present
and service:telemetry:minutes1d offset 1d > 0
""",
    for_="0s",
    severity="warning",
    team="product",
    summary="{{ $labels.service_name }} has completed no reservation for 24 hours",
    description="It has been running for a day or more, and took reservations before.",
    dashboard=OSOOL_BUSINESS,
    silent_while=("ServiceDown", "GatewayAbsent"),
    covers=("L29",),
    fires=Case({_DONE: "0 1 2x1 _x100", _UP: "1x100"}, "26h", (Expected(labels("osool")),), step="30m"),
    quiet=(
        Case({_DONE: "0 1 2x47 3x50", _UP: "1x100"}, "36h", why="one 11 hours ago", step="30m"),
        Case({_DONE: "0 1 2x1 _x100", _UP: "1x100"}, "23h", why="up for 23 hours", step="30m"),
        Case({_UP: "1x100"}, "26h", why="no application that takes reservations", step="30m"),
        Case({_DONE: "0 1 2x1 _x100", _UP: "1x16 _x80"}, "26h", why="the application is not running", step="30m"),
    ),
)

RESERVATION_FAILURES_HIGH: Final = Alert(
    name="ReservationFailuresHigh",
    group="otelgate-example-products",
    expr=beyond(
        f"service:reservation_failures:ratio_increase1h and service:reservations:increase1h >= {load().min_events}",
        "ReservationFailuresHigh",
    ),
    for_="30m",
    severity="warning",
    team="product",
    summary="{{ $value | humanizePercentage }} of the reservations of {{ $labels.service_name }} fail",
    description="Of the reservations of the last hour.",
    dashboard=OSOOL_BUSINESS,
    covers=("L30",),
    fires=Case({_DONE: "0+15x40", _FAILED: "0+5x40"}, "1h40m", (Expected(labels("osool"), "25%"),), step="5m"),
    quiet=(
        Case({_DONE: "0+20x40", _FAILED: "0+5x40"}, "1h40m", why="20 %, and not more", step="5m"),
        Case({_DONE: "0 9x40", _FAILED: "0 10x40"}, "50m", why="19 reservations", step="5m"),
        Case({_DONE: "0+15x40", _FAILED: "0+5x40"}, "30m", why="not yet 30 minutes since the 20th", step="5m"),
    ),
)

_RESERVE: Final = f"{POOL_RESERVE.series}{{{APPLICATIONS}}}"
_POOL: Final = {"osool_liquidity_pool_id": "pool-3"}

LIQUIDITY_POOL_DRAINED: Final = Alert(
    name="LiquidityPoolDrained",
    group="otelgate-example-products",
    expr=beyond(
        f"1 - max by ({BY}, osool_liquidity_pool_id) ({_RESERVE})\n"
        f"  / (max by ({BY}, osool_liquidity_pool_id) (max_over_time({_RESERVE}[1d])) > 0)",
        "LiquidityPoolDrained",
    ),
    for_="10m",
    severity="warning",
    team="product",
    summary="Pool {{ $labels.osool_liquidity_pool_id }} lost {{ $value | humanizePercentage }} of its reserve in a day",
    description="Measured from its highest reserve of the last 24 hours.",
    dashboard=OSOOL_BUSINESS,
    fires=Case(
        {series(POOL_RESERVE.series, "osool", **_POOL): "1000x10 400x30"},
        "22m",
        (Expected(labels("osool", **_POOL), "60%"),),
        step="1m",
    ),
    quiet=(
        Case({series(POOL_RESERVE.series, "osool", **_POOL): "1000x10 500x30"}, "22m", why="half is left", step="1m"),
        Case(
            {series(POOL_RESERVE.series, "osool", **_POOL): "1000x10 400x8 900x30"},
            "22m",
            why="filled up within 10 minutes",
            step="1m",
        ),
        Case({series(POOL_RESERVE.series, "osool", **_POOL): "0x30"}, "22m", why="never held anything", step="1m"),
    ),
)
