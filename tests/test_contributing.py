"""CONTRIBUTING.md's examples, each added to a copy of the repository: one entry, and the generators write the rest."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOMS = ("sdk", "compose", "audit", "grafana")
Copy = Callable[..., Path]


def shown(root: Path, heading: str) -> str:
    """The first block of code under a heading."""
    section = (root / "CONTRIBUTING.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = re.search(r"^```(?:python|yaml|sql)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block, heading
    return block[1]


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Copy:
    def of(*places: str) -> Path:
        """A copy of these files and folders."""
        for place in places:
            if (root / place).is_dir():
                shutil.copytree(root / place, tmp_path / place, ignore=shutil.ignore_patterns("__pycache__", "native"))
            else:
                (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / place, tmp_path / place)
        return tmp_path

    return of


def run(folder: Path, *arguments: str) -> str:
    """The output of Python in the copy, which must succeed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder / room) for room in ROOMS)}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_add_a_setting_reaches_each_reader_and_the_docs(root: Path, copy: Copy) -> None:
    folder = copy(
        *("compose", "audit/otelgate_audit", "sdk/otelgate", "collector/settings", "collector/config", "versions.env"),
        *("docs/reference/settings.md", "pyproject.toml"),
    )
    with (folder / "compose/settings.yaml").open("a") as table:
        table.write(shown(root, "Add a setting"))
    run(folder, "compose/make_settings.py")
    assert (
        '{"log_format", "console", oneOf("console", "json"), "one of console, json"},'
        in (folder / "collector/settings/table.go").read_text()
    )
    assert "OTELGATE_LOG_FORMAT: ${OTELGATE_LOG_FORMAT:-console}" in (folder / "compose/compose.yaml").read_text()
    assert (
        "| `OTELGATE_LOG_FORMAT` | `console` | one of console, json | Format of the gateway's own log. |"
        in (folder / "docs/reference/settings.md").read_text()
    )
    read = "from otelgate_stack import settings; print(settings.load({'OTELGATE_LOG_FORMAT': 'json'}).log_format)"
    assert run(folder, "-c", read) == "json\n"


def test_change_a_bucket_list_changes_the_sdks(copy: Copy) -> None:
    folder = copy(
        "collector/derive/metrics.yaml", "collector/derive/make_buckets.py", "compose/generated.py", "sdk/otelgate"
    )
    edit(folder / "collector/derive/metrics.yaml", "  duration: [0.01, 0.02,", "  duration: [0.005, 0.02,")
    run(folder, "collector/derive/make_buckets.py")
    read = "from otelgate import names; print(names.DURATION_BOUNDS[:3])"
    assert run(folder, "-c", read) == "(0.005, 0.02, 0.05)\n"


def test_add_a_view_adds_its_row_to_the_page(root: Path, copy: Copy) -> None:
    folder = copy("audit", "compose/generated.py")
    with (folder / "audit/otelgate_audit/model/views/60_quality.sql").open("a") as views:
        views.write("\n" + shown(root, "Add an analytics view"))
    run(folder, "audit/make_analytics.py")
    page = (folder / "audit/otelgate_audit/analytics.md").read_text()
    quality = page.partition("\n## Quality\n")[2].partition("\n## ")[0]
    assert "| `negative_today` |  | Votes down since midnight UTC, by service |" in quality


@pytest.mark.shows("F20")
def test_add_a_dashboard_and_an_alert_renders_them(root: Path, copy: Copy) -> None:
    folder = copy(
        *("grafana", "sdk/otelgate", "collector/prices.json", "collector/pricing/rules.json", "docs/reference"),
        "collector/labelguard/identity.yaml",
    )
    code, rendered = folder / "grafana/otelgate_grafana", folder / "grafana/rendered"
    (code / "dashboards/turns.py").write_text(shown(root, "Add a dashboard"))
    (code / "alerts/topics/refusals.py").write_text(shown(root, "Add an alert"))
    assert " 0 problems" in run(folder, "-m", "otelgate_grafana")
    assert "alert: RefusalsHigh\n" in (rendered / "rules/alerts.yaml").read_text()
    assert (rendered / "rules/tests/RefusalsHigh.yaml").read_text().count("alertname: RefusalsHigh\n") == 2
    assert '"uid": "otelgate-turns"' in (rendered / "dashboards/otelgate/turns.json").read_text()
    edit(code / "alerts/topics/refusals.py", "    fires=", '    silent_while=("ServiceDown",),\n    fires=')
    run(folder, "-m", "otelgate_grafana")
    assert '"RefusalsHigh"' in (rendered / "routing.json").read_text()
