"""Rules and their tests as Prometheus and promtool read them, the same bytes every time."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from . import recording
from .model import Alert, Case, Expected, Group, Records, expand, tidy
from .rules import ALERTS, EXAMPLE_GROUPS, GROUPS, STACK_GROUPS
from .settings import Settings, load

FOLDER: Final = Path("rules")
EXAMPLES: Final = FOLDER / "examples"
_HEADER: Final = (
    "# Made by `python -m otelgate_grafana` from grafana/otelgate_grafana/alerts/ and recording.py: do not edit.\n"
)


def render_rules() -> dict[Path, str]:
    """File, below grafana/rendered/ -> its text."""
    rules = {
        FOLDER / "recording.yaml": _text({"groups": [_records(group) for group in recording.groups()]}),
        FOLDER / "alerts.yaml": _text({"groups": [_group(group) for group in STACK_GROUPS]}),
        EXAMPLES / "alerts.yaml": _text({"groups": [_group(group) for group in EXAMPLE_GROUPS]}),
    }
    return rules | {FOLDER / "tests" / f"{alert.name}.yaml": _text(_tests(alert)) for alert in ALERTS}


def annotations(alert: Alert, settings: Settings | None = None) -> dict[str, str]:
    """The rule's annotations: summary, description, runbook and dashboard."""
    links = (settings or load()).links
    return {
        "summary": alert.summary,
        "description": " ".join(part for part in (alert.description, _limit(alert)) if part),
        "runbook_url": f"{links['runbooks']}grafana/runbooks/{alert.name}.md",
        "dashboard_url": f"{links['dashboards']}/d/{alert.dashboard}" + _variables(alert),
    }


def _limit(alert: Alert) -> str:
    settings = load()
    found = settings.thresholds.get(alert.name) or settings.limits.get(alert.name)
    return f"Limit: {found.text()}." if found else ""


def _variables(alert: Alert) -> str:
    """The dashboard of the alert's service, where it is about one."""
    about_service = any("service_name" in expected.labels for expected in alert.fires.expect)
    return "?var-service={{ $labels.service_name | urlquery }}" if about_service else ""


def _records(group: Records) -> dict[str, Any]:
    rules = []
    for rule in group.rules:
        row: dict[str, Any] = {"record": rule.name, "expr": tidy(rule.expr)}
        rules.append(row | ({"labels": dict(rule.labels)} if rule.labels else {}))
    return {"name": group.name, "interval": group.interval, "rules": rules}


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "interval": group.interval, "rules": [_rule(alert) for alert in group.alerts]}


def _rule(alert: Alert) -> dict[str, Any]:
    row: dict[str, Any] = {"alert": alert.name, "expr": tidy(alert.expr)}
    row |= {} if alert.for_ == "0s" else {"for": alert.for_}
    return row | {"labels": alert.rule_labels, "annotations": annotations(alert)}


def _tests(alert: Alert) -> dict[str, Any]:
    """One file for each alert: promtool evaluates all rules at every step, and steps differ."""
    cases = [("fires", alert.fires), *((f"quiet: {case.why}", case) for case in alert.quiet)]
    steps = {case.step for _, case in cases}
    # Once a minute, as most rules are, unless the alert waits for no more than that.
    least = "0s" if alert.for_ == "1m" else "1m"
    return {
        "rule_files": ["../recording.yaml", "../alerts.yaml", "../examples/alerts.yaml"],
        "evaluation_interval": max(least, min(steps, key=seconds), key=seconds),
        # Recorded values of a moment are available to the alerts of that moment.
        "group_eval_order": [group.name for group in recording.groups()] + [group.name for group in GROUPS],
        "tests": [_test(alert, name, case) for name, case in cases],
    }


def _test(alert: Alert, name: str, case: Case) -> dict[str, Any]:
    expected = {"eval_time": case.at, "alertname": alert.name, "exp_alerts": [_alert(alert, e) for e in case.expect]}
    return {
        "name": f"{alert.name} {name}",
        "interval": case.step,
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [expected],
    }


def _alert(alert: Alert, expected: Expected) -> dict[str, Any]:
    texts = {key: expand(text, expected) for key, text in annotations(alert).items()}
    return {"exp_labels": {**expected.labels, **alert.rule_labels}, "exp_annotations": texts}


def seconds(duration: str) -> int:
    """A duration as Prometheus writes it."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def _text(tree: dict[str, Any]) -> str:
    return _HEADER + yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines as they are written."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)
