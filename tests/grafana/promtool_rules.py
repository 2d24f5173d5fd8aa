"""The committed rules and tests, cut to what one alert needs: promtool evaluates every rule at every step."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def write(path: Path, tree: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    return path


def run(promtool: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True)


def cut(rules: Path, folder: Path) -> list[Path]:
    """For each committed test file a copy in `folder` that reads a copy of the rules with only what it needs."""
    recorded = read(rules / "recording.yaml")["groups"]
    alerts = [*read(rules / "alerts.yaml")["groups"], *read(rules / "examples" / "alerts.yaml")["groups"]]
    made = []
    for group in alerts:
        for alert in group["rules"]:
            name = alert["alert"]
            groups = [*_needed(recorded, alert["expr"]), {**group, "rules": [alert]}]
            write(folder / f"{name}.rules.yaml", {"groups": groups})
            test = read(rules / "tests" / f"{name}.yaml")
            assert [group["name"] for group in recorded + alerts] == test["group_eval_order"]
            test["rule_files"] = [f"{name}.rules.yaml"]
            test["group_eval_order"] = [kept["name"] for kept in groups]
            made.append(write(folder / f"{name}.test.yaml", test))
    return made


def steps(test: Any) -> float:
    """How often the rules are evaluated in a test file."""
    lasts = [max(_seconds(str(asked["eval_time"])) for asked in case["alert_rule_test"]) for case in test["tests"]]
    return sum(lasts) / _seconds(test["evaluation_interval"])


def _seconds(duration: str) -> int:
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def _needed(recorded: list[Any], expr: str) -> list[Any]:
    known: dict[str, list[str]] = {}
    for group in recorded:
        for rule in group["rules"]:
            known.setdefault(rule["record"], []).append(rule["expr"])
    needed: set[str] = set()
    todo = _names(expr, known)
    while todo:
        name = todo.pop()
        needed.add(name)
        todo |= {other for text in known[name] for other in _names(text, known)} - needed
    kept = [{**group, "rules": [rule for rule in group["rules"] if rule["record"] in needed]} for group in recorded]
    return [group for group in kept if group["rules"]]


def _names(expr: str, known: dict[str, list[str]]) -> set[str]:
    return set(re.findall(r"\b[a-z]\w*:[\w:]+", expr)) & set(known)
