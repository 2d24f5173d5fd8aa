"""The committed alert rules, with the recording rules put in: to ask at any time, also a coming one.

A recorded series exists from when Prometheus loaded its rule. To know what an alert would have said a day
ago, or will say in an hour, asks with the rules' expressions in place of their names.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_STEP = "1m"
"""How often the recording rules are evaluated."""
_SELECTOR = re.compile(r"(?P<name>[a-z_]\w*:[\w:]+)(?P<labels>\{[^}]*\})?(?P<range>\[\w+\])?(?P<offset> offset \w+)?")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_LIMIT = re.compile(
    r" (?:[<>]=?|==) (?:on \((?:service_name)?\) group_left \(\) otelgate:threshold\w*\{[^}]*\}|[\d.]+$)"
)


class Rules:
    """grafana/rendered/rules."""

    def __init__(self, folder: Path) -> None:
        rules = [
            rule
            for name in ("recording.yaml", "alerts.yaml", "examples/alerts.yaml")
            for group in yaml.safe_load((folder / name).read_text())["groups"]
            for rule in group["rules"]
        ]
        self.alerts: dict[str, str] = {rule["alert"]: rule["expr"] for rule in rules if "alert" in rule}
        self._recorded: list[dict[str, Any]] = [rule for rule in rules if "record" in rule]

    def inlined(self, expr: str) -> str:
        """`expr` without names of recorded series. Raises ValueError for one that no rule records."""
        return _SELECTOR.sub(self._replaced, re.sub(r"#.*", "", expr))

    def compared(self, alert: str) -> str:
        """The value that an alert compares with its limit, inlined: the expression without the comparison."""
        return self.inlined(_LIMIT.sub("", self.alerts[alert]))

    def _replaced(self, found: "re.Match[str]") -> str:
        wanted = dict(_LABEL.findall(found["labels"] or ""))
        rules = [rule for rule in self._recorded if rule["record"] == found["name"] and _may_have(rule, wanted)]
        if not rules:
            raise ValueError(f"{found[0]}: no rule records that")
        whole = " or ".join(_labelled(self.inlined(rule["expr"]), rule.get("labels", {})) for rule in rules)
        if wanted:  # labels may also come from the rule's expression
            whole = f"({whole}) and on ({', '.join(wanted)}) {_labelled('vector(1)', wanted)}"
        if found["range"]:
            return f"(({whole}){found['range'][:-1]}:{_STEP}]{found['offset'] or ''})"
        if found["offset"]:  # as a selector looks back
            return f"last_over_time(({whole})[5m:{_STEP}]{found['offset']})"
        return f"({whole})"


@cache
def committed(root: Path) -> Rules:
    """Of this repository."""
    return Rules(root / "grafana" / "rendered" / "rules")


def _may_have(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    given = rule.get("labels", {})
    return all(given.get(name, value) == value for name, value in labels.items())


def _labelled(expr: str, labels: Mapping[str, str]) -> str:
    text = expr if not re.fullmatch(r"[\d.]+", expr.strip()) else f"vector({expr})"
    for name, value in labels.items():
        text = f'label_replace({text}, "{name}", "{value}", "", "")'
    return f"({text})"
