"""The gateway: refused, dropped and delayed data."""

from typing import Final

from ...uids import GATEWAY
from ..cases import series
from ..expressions import limit
from ..model import Alert, Case, Expected, Silencing

_GW: Final = {"job": "otelgate-gateway", "instance": "gw-1"}
_UPTIME: Final = "otelcol_process_uptime_seconds_total"

GATEWAY_ABSENT: Final = Alert(
    name="GatewayAbsent",
    group="otelgate-gateway-critical",
    expr=f"absent_over_time({_UPTIME}[2m])",
    for_="1m",
    severity="critical",
    team="platform",
    summary="No gateway writes to Prometheus",
    description="It is down, or cannot reach Prometheus: metrics no longer change, and most alerts are blind.",
    dashboard=GATEWAY,
    silencing=Silencing(()),  # without a gateway, no service is visible
    fires=Case({series(_UPTIME, **_GW): "1+30x10 _x20"}, "9m", (Expected({}),)),
    quiet=(Case({series(_UPTIME, **_GW): "1+30x10 _x4 1+30x20"}, "8m", why="away for 2 minutes: a restart"),),
)


def _counted(metric: str, item: str, who: dict[str, str], values: str) -> dict[str, str]:
    return {series(f"otelcol_{metric}_{item}_total", **_GW, **who): values}


_RECEIVER: Final = {"receiver": "otlp", "transport": "grpc"}

GATEWAY_REFUSING: Final = Alert(
    name="GatewayRefusing",
    group="otelgate-gateway-alerts",
    expr="sum by (instance, receiver, signal) (gateway:refused:increase5m or gateway:failed:increase5m * 1) > 0",
    for_="5m",
    severity="warning",
    team="platform",
    summary="The gateway {{ $labels.instance }} refused {{ $value | humanize }} {{ $labels.signal }} in 5 minutes",
    description="Clients retry for a limited time. Its memory or a queue is full, or a batch cannot be read.",
    dashboard=GATEWAY,
    fires=Case(
        _counted("receiver_refused", "spans", _RECEIVER, "0x10 0+10x40"),
        "16m",
        (Expected({"instance": "gw-1", "receiver": "otlp", "signal": "traces"}, "100"),),
    ),
    quiet=(
        Case(_counted("receiver_refused", "spans", _RECEIVER, "0x60"), "16m", why="nothing was refused"),
        Case(_counted("receiver_refused", "spans", _RECEIVER, "0x10 50x60"), "9m", why="not yet 5 minutes"),
    ),
)

GATEWAY_DROPPING: Final = Alert(
    name="GatewayDropping",
    group="otelgate-gateway-critical",
    expr="sum by (instance, exporter, signal) (gateway:dropped:increase5m) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }} lost {{ $value | humanize }} {{ $labels.signal }} for {{ $labels.exporter }}",
    description="Prometheus was unavailable for too long, or a store without a second queue refused them permanently.",
    dashboard=GATEWAY,
    # The series starts with its first value, which increase() does not count.
    fires=Case(
        _counted("exporter_send_failed", "spans", {"exporter": "otlp_grpc/audit"}, "_x6 12x30"),
        "5m",
        (Expected({"instance": "gw-1", "exporter": "otlp_grpc/audit", "signal": "traces"}, "12"),),
    ),
    quiet=(
        Case(
            _counted("exporter_send_failed", "spans", {"exporter": "otlp_grpc/audit"}, "12x60"),
            "20m",
            why="lost long ago, once",
        ),
        Case({}, "5m", why="nothing ever failed"),
    ),
)

_QUEUE: Final = {"exporter": "otlp_http/loki", "data_type": "logs"}


def _queue(size: str) -> dict[str, str]:
    return {
        series("otelcol_exporter_queue_size", **_GW, **_QUEUE): size,
        series("otelcol_exporter_queue_capacity", **_GW, **_QUEUE): "100x60",
    }


GATEWAY_QUEUE_FILLING: Final = Alert(
    name="GatewayQueueFilling",
    group="otelgate-gateway-alerts",
    expr=f"gateway:queue_used:ratio > {limit('GatewayQueueFilling')}",
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }}: the queue to {{ $labels.exporter }} is {{ $value | humanizePercentage }} full",
    description="At 100 % the gateway refuses incoming data.",
    dashboard=GATEWAY,
    silent_while=("GatewayQueueFull",),
    fires=Case(_queue("60x60"), "7m", (Expected({"instance": "gw-1", **_QUEUE}, "60%"),)),
    quiet=(
        Case(_queue("50x60"), "7m", why="half full, and not more"),
        Case(_queue("60x6 10x60"), "7m", why="drained after 3 minutes"),
    ),
)

GATEWAY_QUEUE_FULL: Final = Alert(
    name="GatewayQueueFull",
    group="otelgate-gateway-critical",
    expr="sum by (instance, exporter, signal) (gateway:not_queued:increase5m) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }}: the queue to {{ $labels.exporter }} is full",
    description="{{ $value | humanize }} {{ $labels.signal }} were refused in 5 minutes; clients can hold only few.",
    dashboard=GATEWAY,
    silencing=Silencing(("instance", "exporter")),
    fires=Case(
        _counted("exporter_enqueue_failed", "log_records", {"exporter": "otlp_http/loki"}, "_x6 12x30"),
        "5m",
        (Expected({"instance": "gw-1", "exporter": "otlp_http/loki", "signal": "logs"}, "12"),),
    ),
    quiet=(
        Case(
            _counted("exporter_enqueue_failed", "log_records", {"exporter": "otlp_http/loki"}, "12x60"),
            "20m",
            why="full once, long ago",
        ),
    ),
)

_SENT: Final = " or ".join(
    f"sum by (instance, exporter) (rate(otelcol_exporter_sent_{items}_total[5m])) > 0"
    for items in ("spans", "log_records", "metric_points")
)

GATEWAY_DELIVERY_STALLED: Final = Alert(
    name="GatewayDeliveryStalled",
    group="otelgate-gateway-alerts",
    # A big queue takes days to fill, while its store is unavailable. The second queues belong to StoreRefusing.
    expr='sum by (instance, exporter) (min_over_time(otelcol_exporter_queue_size{exporter!~".+-refused"}[5m])) > 0\n'
    f"unless on (instance, exporter) ({_SENT})",
    for_="5m",
    severity="warning",
    team="platform",
    summary="The gateway {{ $labels.instance }} cannot deliver to {{ $labels.exporter }}",
    description="The queue holds {{ $value | humanize }}; nothing was accepted for 10 minutes. Nothing is lost yet.",
    dashboard=GATEWAY,
    fires=Case(
        _queue("0x10 1+5x80")
        | _counted("exporter_sent", "log_records", {"exporter": "otlp_http/loki"}, "0+5x10 50x80"),
        "22m",
        (Expected({"instance": "gw-1", "exporter": "otlp_http/loki"}, "121"),),
    ),
    quiet=(
        Case(
            _queue("0x10 1+5x80") | _counted("exporter_sent", "log_records", {"exporter": "otlp_http/loki"}, "0+5x90"),
            "22m",
            why="behind, and delivering",
        ),
        Case(_queue("0x90"), "22m", why="nothing waits"),
    ),
)

_WRITE: Final = {"exporter": "prometheus_remote_write"}

REMOTE_WRITE_FAILING: Final = Alert(
    name="RemoteWriteFailing",
    group="otelgate-gateway-alerts",
    expr='sum by (instance) (gateway:dropped:increase5m{exporter="prometheus_remote_write"}) > 0\n'
    "or sum by (instance) (increase(otelcol_exporter_prometheusremotewrite_failed_translations_total[5m])) > 0",
    for_="5m",
    severity="warning",
    team="platform",
    summary="The gateway {{ $labels.instance }} could not write {{ $value | humanize }} metric points to Prometheus",
    description="Prometheus refused them, or was down for more than 2 minutes. Totals recover with the next points.",
    dashboard=GATEWAY,
    fires=Case(
        _counted("exporter_send_failed", "metric_points", _WRITE, "0x10 0+10x40"),
        "16m",
        (Expected({"instance": "gw-1"}, "100"),),
    ),
    quiet=(
        Case(_counted("exporter_send_failed", "metric_points", _WRITE, "0x10 40x60"), "9m", why="not yet 5 minutes"),
        Case(
            _counted("exporter_send_failed", "spans", {"exporter": "otlp_grpc/tempo"}, "0+10x60"),
            "16m",
            why="not metrics",
        ),
    ),
)
