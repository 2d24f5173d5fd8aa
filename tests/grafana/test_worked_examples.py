"""CONTRIBUTING.md's alert passes promtool; tests/test_contributing.py adds it to a copy of the repository."""

import re
from pathlib import Path
from typing import Any

import promtool_rules
import pytest
from otelgate_grafana.alerts import render
from otelgate_grafana.alerts.model import Group
from otelgate_stack import settings
from otelgate_stack.build import builds
from otelgate_stack.report import Report


def shown(root: Path, heading: str) -> dict[str, Any]:
    """The names that the first block of Python under a heading defines."""
    section = (root / "CONTRIBUTING.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    block = re.search(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block
    defined: dict[str, Any] = {}
    exec(block[1], defined)
    return defined


@pytest.mark.shows("F20")
def test_promtool_passes_the_alert(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = shown(root, "Add an alert")["REFUSALS_HIGH"]
    monkeypatch.setattr(render, "ALERTS", (alert,))
    for groups in ("GROUPS", "STACK_GROUPS"):
        monkeypatch.setattr(render, groups, (Group("worked-example", (alert,), "30s"),))
    for path, text in render.render_rules().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    promtool = builds.build(["promtool"], settings.load(), Report())["promtool"]
    tested = promtool_rules.run(promtool, "test", "rules", tmp_path / "rules/tests/RefusalsHigh.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
