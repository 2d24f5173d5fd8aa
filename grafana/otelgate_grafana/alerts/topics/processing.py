"""The gateway's processing: the limit of series, batches that it cannot redact, prices that it cannot read."""

from typing import Final

from ...uids import GATEWAY
from ..cases import series
from ..expressions import limit
from ..model import Alert, Case, Expected, Silencing
from ..settings import load

_GW: Final = {"job": "otelgate-gateway", "instance": "gw-1"}
_METRIC: Final = {"otelgate_derive_metric": "gen_ai.client.operation.duration"}

DERIVED_SERIES_NEAR_CAP: Final = Alert(
    name="DerivedSeriesNearCap",
    group="otelgate-processing-alerts",
    expr=f"gateway_metric:derived_series:max / {load().derive_max_series} > {limit('DerivedSeriesNearCap')}",
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.otelgate_derive_metric }} has {{ $value | humanizePercentage }} of its series limit",
    description="At 100 % new agents, models and tools are counted in one series without labels.",
    dashboard=GATEWAY,
    silent_while=("DerivedSeriesOverflow",),
    fires=Case(
        {series("otelgate_derive_series", **_GW, **_METRIC): "1700x30"},
        "7m",
        (Expected({"instance": "gw-1", **_METRIC}, "85%"),),
    ),
    quiet=(Case({series("otelgate_derive_series", **_GW, **_METRIC): "1600x30"}, "7m", why="80 %, and not more"),),
)

DERIVED_SERIES_OVERFLOW: Final = Alert(
    name="DerivedSeriesOverflow",
    group="otelgate-processing-alerts",
    expr="sum by (instance, otelgate_derive_metric) (increase(otelgate_derive_overflow_total[15m])) > 0",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $labels.otelgate_derive_metric }} is out of series: {{ $value | humanize }} values lost their labels",
    description='They count in series with otel_metric_overflow="true": totals are correct, values by agent are not.',
    dashboard=GATEWAY,
    silencing=Silencing(("instance", "otelgate_derive_metric")),
    fires=Case(
        {series("otelgate_derive_overflow_total", **_GW, **_METRIC): "0x20 0+2x60"},
        "30m",
        (Expected({"instance": "gw-1", **_METRIC}, "60"),),
    ),
    quiet=(Case({series("otelgate_derive_overflow_total", **_GW, **_METRIC): "0x90"}, "30m", why="none"),),
)


def _grew(way: str) -> str:
    return (
        f'sum by (instance, processor) (increase(otelcol_processor_{way}_items_total{{processor=~"redact/.*"}}[15m]))'
    )


def _redacted(going_in: str, coming_out: str) -> dict[str, str]:
    who = {**_GW, "processor": "redact/audit", "otel_signal": "traces"}
    rows = {series("otelcol_processor_incoming_items_total", **who): going_in}
    return rows | ({series("otelcol_processor_outgoing_items_total", **who): coming_out} if coming_out else {})


REDACTION_REFUSING: Final = Alert(
    name="RedactionRefusing",
    group="otelgate-processing-alerts",
    # A batch that cannot be redacted is refused, never passed on: it goes in and does not come out. Batches that are
    # just being redacted make a difference too, for less than a minute.
    expr=f"{_grew('incoming')} - ({_grew('outgoing')} or 0 * {_grew('incoming')}) > 0.5",
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }}: {{ $labels.processor }} refused {{ $value | humanize }} items it could not redact",
    description="In the last 15 minutes. They are in no store; their sender got a permanent error.",
    dashboard=GATEWAY,
    fires=Case(
        _redacted("0+10x60", "0+10x20 200x8 210+10x40"),
        "24m",
        (Expected({"instance": "gw-1", "processor": "redact/audit"}, "93.1"),),
    ),
    quiet=(
        Case(_redacted("0+10x60", "0+10x60"), "24m", why="all that went in came out"),
        Case(_redacted("0+10x20 210+10x60", "0+10x60"), "11m", why="a batch under way: less than 5 minutes"),
    ),
)

_PRICES: Final = "otelgate_prices_info_ratio"

PRICES_BROKEN: Final = Alert(
    name="PricesBroken",
    group="otelgate-processing-alerts",
    expr=f'max by (instance) ({_PRICES}{{otelgate_prices_override="broken"}}) > 0',
    for_="5m",
    severity="warning",
    team="platform",
    summary="The gateway {{ $labels.instance }} cannot use the price file",
    description="The prices from before the last change stay in use.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_PRICES, **_GW, otelgate_prices_override="broken"): "1x30"}, "6m", (Expected({"instance": "gw-1"}),)
    ),
    quiet=(Case({series(_PRICES, **_GW, otelgate_prices_override="active"): "1x30"}, "6m", why="the file is in use"),),
)
