"""What the gateway may take: memory for requests, and disk for what waits."""

from typing import Final

from ..uids import GATEWAY
from .cases import series
from .model import Alert, Case, Expected, Group

_GW: Final = {"job": "otelgate-gateway", "instance": "gw-1"}
_FREE: Final = "otelgate_queue_disk_free_bytes"
_RESERVE: Final = "otelgate_queue_disk_reserve_bytes"
_REFUSED: Final = "otelgate_admission_refused_total"

GATEWAY_DISK_FULL: Final = Alert(
    name="GatewayDiskFull",
    # From twice the reserve on: below the reserve the gateway refuses.
    expr=f"min by (instance) ({_FREE}) < 2 * max by (instance) ({_RESERVE})",
    for_="1m",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }}: {{ $value | humanize1024 }}B are free on the disk of its queues",
    description="Below its reserve the gateway refuses all data, so that its queues can still be emptied.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_FREE, **_GW): "100000000x40", series(_RESERVE, **_GW): "67108864x40"},
        "3m",
        (Expected({"instance": "gw-1"}, "95.37Mi"),),
    ),
    quiet=(
        Case(
            {series(_FREE, **_GW): "200000000x40", series(_RESERVE, **_GW): "67108864x40"},
            "3m",
            why="three times the reserve",
        ),
    ),
)

GATEWAY_QUEUE_DAMAGED: Final = Alert(
    name="GatewayQueueDamaged",
    expr="max by (instance) (otelgate_queue_damaged) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }} set {{ $value }} damaged queue files aside",
    description="What waited in them was not delivered. The queues go on with new files.",
    dashboard=GATEWAY,
    fires=Case({series("otelgate_queue_damaged", **_GW): "0x4 1x20"}, "3m", (Expected({"instance": "gw-1"}, "1"),)),
    quiet=(Case({series("otelgate_queue_damaged", **_GW): "0x20"}, "3m", why="no file was damaged"),),
)

_JOURNAL: Final = "otelgate_derive_journal_damaged_total"

GATEWAY_TOTALS_DAMAGED: Final = Alert(
    name="GatewayTotalsDamaged",
    expr=f"sum by (instance) ({_JOURNAL}) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }} set {{ $value }} damaged files with derived totals aside",
    description="Costs, tokens and runs that only those files held are not counted. The audit store has them all.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_JOURNAL, **_GW, otelgate_derive_signal="traces"): "_x4 1x20"},
        "3m",
        (Expected({"instance": "gw-1"}, "1"),),
    ),
    quiet=(Case({series(_JOURNAL, **_GW, otelgate_derive_signal="traces"): "0x20"}, "3m", why="no file was damaged"),),
)

GATEWAY_OVERLOADED: Final = Alert(
    name="GatewayOverloaded",
    expr=f'sum by (instance) (increase({_REFUSED}{{otelgate_reason="memory"}}[5m])) > 0',
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} refused {{ $value | humanize }} requests in 5 minutes for lack of memory",
    description="Clients try again, for a while: more is sent than OTELGATE_MEMORY_LIMIT_MIB lets it process at once.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_REFUSED, **_GW, otelgate_reason="memory"): "0x10 0+10x60"},
        "16m",
        (Expected({"instance": "gw-1"}, "100"),),
    ),
    quiet=(
        Case({series(_REFUSED, **_GW, otelgate_reason="memory"): "0x10 50x60"}, "9m", why="once, in a burst"),
        Case(
            {series(_REFUSED, **_GW, otelgate_reason="disk"): "0x10 0+10x60"}, "16m", why="the disk has its own alert"
        ),
    ),
)

GROUPS: Final = (
    Group(
        "otelgate-bounds-critical", (GATEWAY_DISK_FULL, GATEWAY_QUEUE_DAMAGED, GATEWAY_TOTALS_DAMAGED), interval="15s"
    ),
    Group("otelgate-bounds-alerts", (GATEWAY_OVERLOADED,)),
)
