"""Switches: what the READMEs say of them, and when they go on."""

from pathlib import Path

import pytest
import switch_tables
from otelgate_grafana.alerts.rules import ALERTS

from examples.common import traffic
from examples.common.faults import Faults, UnknownFault, parse


@pytest.mark.parametrize("app", traffic.APPS)
def test_readme_lists_each_switch_with_existing_alerts(root: Path, app: str) -> None:
    table = switch_tables.of(root, app)
    assert sorted(table) == sorted(traffic.load(app).faults)
    covers = {alert.name: alert.covers for alert in ALERTS}
    promised = {(name, row) for alerts in table.values() for name, row in alerts.items()}
    assert [(name, row) for name, row in promised if row not in covers.get(name, ())] == []


def test_each_alert_of_the_master_list_has_a_switch(root: Path) -> None:
    promised = {
        row for app in traffic.APPS for alerts in switch_tables.of(root, app).values() for row in alerts.values()
    }
    # The database is the stack's, and memory the machine's: examples/common/README.md says how to see these.
    assert {f"L{number}" for number in range(1, 32)} - promised == {"L2", "L24"}
    text = (root / "examples" / "common" / "README.md").read_text()
    assert "DatabaseDown (L2)" in text
    assert "HostMemoryHigh (L24)" in text


def test_a_switch_may_go_on_later_than_the_others() -> None:
    now = 0.0
    faults = Faults(parse("slow_model, down@60", ["slow_model", "down"]), after_s=10, clock=lambda: now)
    assert faults.names == {"slow_model", "down"}
    seen = {}
    for now in (5.0, 15.0, 69.0, 70.0):
        seen[now] = faults("slow_model"), faults("down")
    assert seen == {5: (False, False), 15: (True, False), 69: (True, False), 70: (True, True)}


@pytest.mark.parametrize("switch", ["down@", "down@soon", "down@-1"])
def test_invalid_time_is_rejected(switch: str) -> None:
    with pytest.raises(UnknownFault, match=rf"^FAULT='{switch}': expected whole seconds after the @, such as down@60$"):
        parse(switch, ["down"])
