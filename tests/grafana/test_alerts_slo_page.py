"""docs/reference/slo.md repeats what the settings say; it is held against them."""

import re
from pathlib import Path

from otelgate_grafana.alerts import recording
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_grafana.alerts.settings import load
from otelgate_grafana.alerts.topics import slo_alerts


def test_the_objectives_are_those_of_the_settings(root: Path) -> None:
    page = (root / "docs/reference/slo.md").read_text()
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| ([\d.]+) % \|", page, re.MULTILINE)}
    assert set(rows) == set(load().objectives)
    for name, objective in load().objectives.items():
        assert float(rows[name][2]) / 100 == objective.default
        if objective.seconds is not None:
            assert f"{objective.seconds:g} s" in rows[name][1]


def test_the_burn_rates_are_those_of_the_alerts(root: Path) -> None:
    page = (root / "docs/reference/slo.md").read_text()
    shown = re.findall(r"^\|[^|]*\| ([\d.]+) \| (\d+) (h|d) and (\d+) (min|h) \|", page, re.MULTILINE)
    wanted = [
        (f"{rate:g}", long[:-1], long[-1], short[:-1], {"m": "min", "h": "h"}[short[-1]])
        for long, short, rate in (*slo_alerts.FAST, *slo_alerts.SLOW)
    ]
    assert shown == wanted


def test_series_and_alerts_that_are_named_exist(root: Path) -> None:
    page = (root / "docs/reference/slo.md").read_text()
    recorded = {rule.name for group in recording.groups() for rule in group.rules} | {"otelgate:threshold"}
    assert set(re.findall(r"service_slo:\w+:\w+", page)) <= recorded
    assert set(re.findall(r"otelgate:\w+", page)) <= recorded
    names = {alert.name for alert in ALERTS}
    assert {
        prefix + speed for prefix in ("AgentSuccess", "AgentLatency", "Ttft") for speed in ("BurnFast", "BurnSlow")
    } <= names
