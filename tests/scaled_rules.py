"""The committed rules in quick motion: a stack of a test's own reads a copy of them, in which some waits are shorter.

promtool's tests (tests/grafana) cover each alert's committed `for` and ranges; the tests that use this cover the way
from a firing alert to its notification, which does not depend on them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from otelgate_grafana.__main__ import RENDERED
from otelgate_grafana.alerts.render import seconds
from otelgate_stack.config import monitoring
from otelgate_stack.settings import Settings

COMMITTED = RENDERED / "rules"
COUNTING = ("otelgate-presence", "otelgate-slo", "otelgate-slo-budget")
"""Groups whose rules count their own points, one a minute: evaluated more often they would say something else."""

OFTEN_S = 5
"""How often rules are evaluated, at least, where tests wait for them."""


@dataclass(frozen=True)
class Times:
    """An alert's `for`, and range -> the one in its place, as Prometheus writes them."""

    for_: str
    ranges: Mapping[str, str] = field(default_factory=dict)


def alerts(rules: Path = COMMITTED) -> dict[str, dict[str, Any]]:
    """The alerts' rules as Prometheus reads them, by name."""
    files = (rules / "alerts.yaml", rules / "examples" / "alerts.yaml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def write(
    folder: Path,
    times: Mapping[str, Times] | None = None,
    *,
    interval_s: int | None = None,
    intervals: Mapping[str, str] | None = None,
    for_s: int | None = None,
) -> Path:
    """The rules in `folder`: each group evaluated every `interval_s` at least, no alert held longer than `for_s`.

    `times`: of alerts, by name. `intervals`: of groups, by name. Raises ValueError for what no rule has.
    """
    (folder / "examples").mkdir(parents=True)
    left, own = dict(times or {}), dict(intervals or {})
    counting = set(COUNTING)
    for file in (*sorted(COMMITTED.glob("*.yaml")), COMMITTED / "examples" / "alerts.yaml"):
        tree = yaml.safe_load(file.read_text())
        for group in tree["groups"]:
            counting.discard(group["name"])
            group["interval"] = own.pop(group["name"], group["interval"])
            if interval_s is not None and group["name"] not in COUNTING:
                group["interval"] = f"{min(seconds(group['interval']), interval_s)}s"
            for rule in group["rules"]:
                if for_s is not None and "for" in rule:
                    rule["for"] = f"{min(seconds(rule['for']), for_s)}s"
                if rule.get("alert") in left:
                    _scale(rule, left.pop(rule["alert"]))
        (folder / file.relative_to(COMMITTED)).write_text(yaml.safe_dump(tree, sort_keys=False))
    if left or own or counting:
        raise ValueError(f"no rules or groups: {', '.join([*left, *own, *counting])}")
    return folder


@contextmanager
def loaded(rules: Path) -> Iterator[None]:
    """Native stacks that are started meanwhile read these rules."""
    real = monitoring.native

    def native(settings: Settings) -> monitoring.Places:
        return replace(real(settings), rules=str(rules), examples=str(rules / "examples"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitoring, "native", native)
        yield


def _scale(rule: dict[str, Any], times: Times) -> None:
    if "for" not in rule:
        raise ValueError(f"{rule['alert']} waits for nothing")
    for old, new in times.ranges.items():
        if f"[{old}]" not in rule["expr"]:
            raise ValueError(f"{rule['alert']} has no range [{old}]")
        rule["expr"] = rule["expr"].replace(f"[{old}]", f"[{new}]")
    rule["for"] = times.for_
