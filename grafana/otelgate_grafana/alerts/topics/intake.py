"""Items that the gateway truncated, corrected or refused, because no store accepts them, or that a store refused."""

from typing import Final

from ...uids import GATEWAY
from ..cases import series
from ..expressions import grown
from ..model import Alert, Case, Expected

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
    group="otelgate-processing-alerts",
    expr=f"{grown(_REFUSED, '15m', by=_BY)} > 0\nor {grown(_REQUESTS, '15m', by='instance, transport, reason')} > 0",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} refused {{ $value | humanize }} items or requests "
    "({{ $labels.signal }}{{ $labels.transport }}: {{ $labels.reason }})",
    description="In 15 minutes. They are in no store, because none accepts them. Their sender got an error.",
    dashboard=GATEWAY,
    # The series starts with its first value, which increase() does not count.
    fires=Case(_items("refused", "trace_id", "_x6 12x30"), "5m", (Expected({**_TRACES, "reason": "trace_id"}, "12"),)),
    quiet=(
        Case(_items("refused", "trace_id", "12x90"), "30m", why="refused long ago, once"),
        Case(_items("cut", "size", "0+10x60"), "10m", why="cut, and stored"),
    ),
)

INTAKE_CUTTING: Final = Alert(
    name="IntakeCutting",
    group="otelgate-processing-alerts",
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
    group="otelgate-processing-alerts",
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

_REJECTED: Final = "otelgate_rejected_items_total"
_BAD: Final = {"store": "otlp_http/loki", "signal": "logs", "application": "shop"}

STORE_REJECTING: Final = Alert(
    name="StoreRejecting",
    group="otelgate-processing-critical",
    expr=f"{grown(_REJECTED, '15m', by='instance, store, signal, application')} > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.store }} refused {{ $value | humanize }} items of {{ $labels.signal }} permanently "
    "(application {{ $labels.application }})",
    description="In 15 minutes. They are not stored; rejects.jsonl on {{ $labels.instance }} says which and why. All "
    "others of their batches are stored.",
    dashboard=GATEWAY,
    fires=Case({series(_REJECTED, **_GW, **_BAD): "_x6 3x30"}, "5m", (Expected({"instance": "gw-1", **_BAD}, "3"),)),
    quiet=(Case({series(_REJECTED, **_GW, **_BAD): "3x90"}, "30m", why="rejected long ago, once"),),
)

_SECOND: Final = {"exporter": "otlp_http/loki-refused", "data_type": "logs"}
_WAITING: Final = "otelcol_exporter_queue_size"

STORE_REFUSING: Final = Alert(
    name="StoreRefusing",
    group="otelgate-processing-alerts",
    expr=f'sum by (instance, exporter) (min_over_time({_WAITING}{{exporter=~".+-refused"}}[10m])) > 0',
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }}: the store refuses the data in {{ $labels.exporter }}",
    description="{{ $value | humanize }} bytes, for 15 minutes. Other batches are delivered, and nothing is lost yet.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_WAITING, **_GW, **_SECOND): "0x10 500x90"},
        "25m",
        (Expected({"instance": "gw-1", "exporter": "otlp_http/loki-refused"}, "500"),),
    ),
    quiet=(
        Case({series(_WAITING, **_GW, **_SECOND): "0x10 500x10 0x90"}, "25m", why="taken after 5 minutes"),
        Case(
            {series(_WAITING, **_GW, exporter="otlp_http/loki", data_type="logs"): "500x90"},
            "25m",
            why="the first queue: that is GatewayDeliveryStalled's",
        ),
    ),
)

_OTHER: Final = "otelgate_streams_other_lines_total"

LOG_STREAMS_OVER: Final = Alert(
    name="LogStreamsOver",
    group="otelgate-processing-alerts",
    expr=f"{grown(_OTHER, '15m', by='instance, application')} > 0",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $value | humanize }} log lines of {{ $labels.application }} went to the service _OTHER",
    description="In 15 minutes, at {{ $labels.instance }}: it has as many services as its share allows.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_OTHER, **_GW, application="shop"): "_x6 12x30"},
        "5m",
        (Expected({"instance": "gw-1", "application": "shop"}, "12"),),
    ),
    quiet=(Case({series(_OTHER, **_GW, application="shop"): "12x90"}, "30m", why="over once, long ago"),),
)
