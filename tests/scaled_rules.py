"""The committed rules in quick motion: a stack of a test's own reads a copy of them, in which some waits are shorter.

That an alert heeds its own `for` and its own ranges is shown by promtool (tests/grafana); that somebody is told when it
has fired, whatever they are, by tests with stacks.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from otelgate_grafana.__main__ import RENDERED
from otelgate_stack import monitoring
from otelgate_stack.settings import Settings

COMMITTED = RENDERED / "rules"


@dataclass(frozen=True)
class Times:
    """An alert's `for`, and range -> the one in its place, as Prometheus writes them."""

    for_: str
    ranges: Mapping[str, str] = field(default_factory=dict)


def alerts(rules: Path = COMMITTED) -> dict[str, dict[str, Any]]:
    """The alerts' rules as Prometheus reads them, by name."""
    groups = yaml.safe_load((rules / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def write(folder: Path, times: Mapping[str, Times] | None = None, intervals: Mapping[str, str] | None = None) -> Path:
    """The rules in `folder`, with these alerts' times and these groups' intervals.

    Raises ValueError for what the committed ones don't have.
    """
    folder.mkdir(parents=True)
    groups_left = dict(intervals or {})
    left = dict(times or {})
    for name in ("recording.yaml", "alerts.yaml"):
        tree = yaml.safe_load((COMMITTED / name).read_text())
        for group in tree["groups"]:
            group["interval"] = groups_left.pop(group["name"], group["interval"])
            group["rules"] = [
                _scaled(rule, left.pop(rule["alert"])) if rule.get("alert") in left else rule for rule in group["rules"]
            ]
        (folder / name).write_text(yaml.safe_dump(tree, sort_keys=False))
    if left or groups_left:
        raise ValueError(f"neither alerts nor groups: {', '.join({**left, **groups_left})}")
    return folder


@contextmanager
def loaded(rules: Path) -> Iterator[None]:
    """Native stacks that are started meanwhile read these rules."""
    real = monitoring.native

    def native(settings: Settings) -> monitoring.Places:
        return replace(real(settings), rules=str(rules))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitoring, "native", native)
        yield


def _scaled(rule: dict[str, Any], times: Times) -> dict[str, Any]:
    if "for" not in rule:
        raise ValueError(f"{rule['alert']} waits for nothing")
    expr = rule["expr"]
    for old, new in times.ranges.items():
        if f"[{old}]" not in expr:
            raise ValueError(f"{rule['alert']} has no range [{old}]")
        expr = expr.replace(f"[{old}]", f"[{new}]")
    return {**rule, "for": times.for_, "expr": expr}
