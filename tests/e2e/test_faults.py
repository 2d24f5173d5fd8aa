"""The gateway is killed, stopped and reloaded, clients send twice or with wrong clocks: no acknowledged run is lost.

`make test-report` shows the table: a row for each fault.
"""

from collections.abc import Callable

import pytest
from faults import HOUR_S, Fault, keeps_and_counts_once, kill_gateway, reload_gateway, stop_gateway, without
from world import OwnWorld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

FAULTS = (
    Fault("none"),
    Fault("gateway killed 5 times", kill_gateway(5)),
    Fault("gateway stopped 3 times", stop_gateway(3)),
    Fault("gateway reloaded 2 times", reload_gateway),
    Fault("sink and Tempo away, gateway killed 3 times", without("audit", "tempo", then=kill_gateway(3))),
    Fault("Prometheus away, gateway stopped", without("prometheus", then=stop_gateway(1))),
    Fault("Prometheus away, gateway killed", without("prometheus", then=kill_gateway(1))),
    Fault("each sent three times", times=3),
    Fault("an hour late", ahead_s=-HOUR_S),
    Fault("ten days late", ahead_s=-240 * HOUR_S),
    Fault("an hour ahead", ahead_s=HOUR_S),
    Fault("a day and a half ahead", ahead_s=36 * HOUR_S),
)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_acknowledged_runs_are_kept_and_counted_once(
    own_world: OwnWorld, number: int, record_property: Callable[[str, object], None]
) -> None:
    keeps_and_counts_once(own_world, FAULTS[number], number, record_property)
