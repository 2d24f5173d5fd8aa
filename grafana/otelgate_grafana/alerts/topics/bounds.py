"""The gateway's limits: memory for requests, and disk for its queues."""

from typing import Final

from ...uids import GATEWAY
from ..cases import series
from ..model import Alert, Case, Expected

_GW: Final = {"job": "otelgate-gateway", "instance": "gw-1"}
_FREE: Final = "otelgate_queue_disk_free_bytes"
_RESERVE: Final = "otelgate_queue_disk_reserve_bytes"
_REFUSED: Final = "otelgate_admission_refused_total"

GATEWAY_DISK_FULL: Final = Alert(
    name="GatewayDiskFull",
    group="otelgate-bounds-critical",
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
    group="otelgate-bounds-critical",
    expr="max by (instance) (otelgate_queue_damaged) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }} set {{ $value }} damaged queue files or items aside",
    description="The data in them were not delivered. The queues continue with the rest.",
    dashboard=GATEWAY,
    fires=Case({series("otelgate_queue_damaged", **_GW): "0x4 1x20"}, "3m", (Expected({"instance": "gw-1"}, "1"),)),
    quiet=(Case({series("otelgate_queue_damaged", **_GW): "0x20"}, "3m", why="no file was damaged"),),
)

_ORPHANED: Final = "otelgate_queue_orphaned"
_UPTIME: Final = "otelcol_process_uptime_seconds_total"
_TEMPO: Final = {**_GW, "otelgate_queue": "otlp_grpc/tempo (traces)"}

GATEWAY_QUEUE_ORPHANED: Final = Alert(
    name="GatewayQueueOrphaned",
    group="otelgate-bounds-alerts",
    # They are found once, at the start, and the metric keeps their number; the alert ends an hour later.
    expr=f"sum by (instance, otelgate_queue) ({_ORPHANED}) > 0 and on (instance) max by (instance) ({_UPTIME}) < 3600",
    for_="0s",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} found {{ $value }} items in the queue of {{ $labels.otelgate_queue }} "
    "that its indexes did not contain",
    description="They are sent now, late. Items that were sent before are resent to the store.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_ORPHANED, **_TEMPO): "40x20", series(_UPTIME, **_GW): "15+15x20"},
        "3m",
        (Expected({"instance": "gw-1", "otelgate_queue": "otlp_grpc/tempo (traces)"}, "40"),),
    ),
    quiet=(
        Case({series(_ORPHANED, **_TEMPO): "0x20", series(_UPTIME, **_GW): "15+15x20"}, "3m", why="none was found"),
        Case(
            {series(_ORPHANED, **_TEMPO): "40x20", series(_UPTIME, **_GW): "3600+15x20"},
            "3m",
            why="they were found an hour ago",
        ),
    ),
)

_JOURNAL: Final = "otelgate_derive_journal_damaged_total"
_TOTALS: Final = "otelgate_totals_damaged"

GATEWAY_TOTALS_DAMAGED: Final = Alert(
    name="GatewayTotalsDamaged",
    group="otelgate-bounds-critical",
    expr=f"sum by (instance) ({_JOURNAL} or {_TOTALS}) > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="{{ $labels.instance }} set {{ $value }} damaged files or values of totals aside",
    description="Costs, tokens and runs that only those files held are not counted, but the audit store has them. "
    "Totals of applications' own counters may have restarted at zero.",
    dashboard=GATEWAY,
    fires=Case(
        {series(_JOURNAL, **_GW, otelgate_derive_signal="traces"): "_x4 1x20", series(_TOTALS, **_GW): "1x24"},
        "3m",
        (Expected({"instance": "gw-1"}, "2"),),
    ),
    quiet=(
        Case(
            {series(_JOURNAL, **_GW, otelgate_derive_signal="traces"): "0x20", series(_TOTALS, **_GW): "0x20"},
            "3m",
            why="no file was damaged",
        ),
    ),
)

GATEWAY_OVERLOADED: Final = Alert(
    name="GatewayOverloaded",
    group="otelgate-bounds-alerts",
    expr=f'sum by (instance) (increase({_REFUSED}{{otelgate_reason="memory"}}[5m])) > 0',
    for_="5m",
    severity="warning",
    team="platform",
    summary="{{ $labels.instance }} refused {{ $value | humanize }} requests in 5 minutes for lack of memory",
    description="Clients retry for a limited time. They send more than OTELGATE_MEMORY_LIMIT_MIB allows at a time.",
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
