"""Stores are killed, stopped and frozen: no acknowledged run is lost.

`make test-report` shows the table: a row for each fault.
"""

from collections.abc import Callable

import pytest
from faults import Fault, freeze, keeps_and_counts_once, kill, stop, without
from world import OwnWorld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

FAULTS = (
    Fault("sink killed 3 times", kill("audit", "audit", "audit")),
    Fault("PostgreSQL away", without("postgres")),
    Fault("PostgreSQL killed 3 times", kill("postgres", "postgres", "postgres")),
    Fault("Tempo frozen", freeze("tempo")),
    Fault("Loki frozen", freeze("loki")),
    Fault("Prometheus frozen", freeze("prometheus")),
    Fault("all frozen", freeze("tempo", "loki", "prometheus", "audit")),
    Fault("Loki and Prometheus killed", kill("loki", "loki", "prometheus")),
    Fault("Tempo killed 3 times", kill("tempo", "tempo", "tempo")),
    Fault("each store stopped", stop("tempo", "loki", "prometheus", "audit", "postgres")),
)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_acknowledged_runs_are_kept_and_counted_once(
    own_world: OwnWorld, number: int, record_property: Callable[[str, object], None]
) -> None:
    keeps_and_counts_once(own_world, FAULTS[number], number, record_property)
