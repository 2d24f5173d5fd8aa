"""What the gateway had to cut, correct or refuse, since some store would not have taken it."""

from typing import Final

from ..uids import GATEWAY
from .cases import series
from .expressions import grown
from .model import Alert, Case, Expected

_GW: Final = {"job": "otelgate-gateway", "instance": "gw-1"}
_ITEMS: Final = "otelgate_intake_items_total"
_REQUESTS: Final = "otelgate_intake_requests_total"
_BY: Final = "instance, signal, reason"
_REFUSED: Final = f'{_ITEMS}{{action="refused"}}'
_CHANGED: Final = f'{_ITEMS}{{action=~"cut|corrected"}}'


def _items(action: str, reason: str, values: str) -> dict[str, str]:
    return {series(_ITEMS, **_GW, action=action, reason=reason, signal="traces"): values}


_TRACES: Final = {"instance": "gw-1", "signal": "traces"}

INTAKE_REFUSING: Final = Alert(
    name="IntakeRefusing",
    expr=f"{grown(_REFUSED, '15m', by=_BY)} > 0\nor {grown(_REQUESTS, '15m', by='instance, transport, reason')} > 0",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} refused {{ $value | humanize }} items or requests "
    "({{ $labels.signal }}{{ $labels.transport }}: {{ $labels.reason }})",
    description="In 15 minutes. They are in no store, and would be in none: their sender was told.",
    dashboard=GATEWAY,
    # Born with its first value, which increase() does not see.
    fires=Case(_items("refused", "trace_id", "_x6 12x30"), "5m", (Expected({**_TRACES, "reason": "trace_id"}, "12"),)),
    quiet=(
        Case(_items("refused", "trace_id", "12x90"), "30m", why="refused long ago, once"),
        Case(_items("cut", "size", "0+10x60"), "10m", why="cut, and stored"),
    ),
)

INTAKE_CUTTING: Final = Alert(
    name="IntakeCutting",
    expr=f"{grown(_CHANGED, '15m', by=_BY + ', action')} > 0",
    for_="15m",
    severity="info",
    team="platform",
    summary="{{ $labels.instance }}: {{ $labels.action }}, for their {{ $labels.reason }}: "
    "{{ $value | humanize }} items of {{ $labels.signal }}",
    description="In 15 minutes. They are stored, with a mark that says what was changed.",
    dashboard=GATEWAY,
    fires=Case(
        _items("cut", "size", "0x10 0+10x120"),
        "45m",
        (Expected({**_TRACES, "action": "cut", "reason": "size"}, "300"),),
    ),
    quiet=(
        Case(_items("cut", "size", "0x10 40x120"), "14m", why="once, 10 minutes ago"),
        Case(_items("refused", "trace_id", "0+10x120"), "45m", why="that is IntakeRefusing's"),
    ),
)

_POINTS: Final = "otelgate_accumulate_dropped_total"
_UNCOUNTED: Final = f'{_POINTS}{{otelgate_accumulate_reason=~"limit|malformed|no_temporality|not_a_number"}}'


def _points(reason: str, values: str) -> dict[str, str]:
    return {series(_POINTS, **_GW, otelgate_accumulate_reason=reason): values}


POINTS_DROPPED: Final = Alert(
    name="PointsDropped",
    expr=f"{grown(_UNCOUNTED, '15m', by='instance, otelgate_accumulate_reason')} > 0",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} dropped {{ $value | humanize }} points of applications' counters and histograms "
    "({{ $labels.otelgate_accumulate_reason }})",
    description="In 15 minutes. The totals of those series are too low.",
    dashboard=GATEWAY,
    fires=Case(
        _points("limit", "_x6 12x30"),
        "5m",
        (Expected({"instance": "gw-1", "otelgate_accumulate_reason": "limit"}, "12"),),
    ),
    quiet=(Case(_points("resent", "0+10x60"), "10m", why="sent again, and counted before"),),
)

ALERTS: Final = (INTAKE_REFUSING, INTAKE_CUTTING, POINTS_DROPPED)
