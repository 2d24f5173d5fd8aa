"""The coverage report: the plugin that records test runs, and the report that reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import coverage_plugin
import coverage_report
import junit
import pytest

pytestmark = pytest.mark.starts

_TESTS = """
    import pytest

    @pytest.mark.shows("L1", "A5")
    def test_passes(record_shown): record_shown("A6")

    @pytest.mark.shows("L2")
    def test_fails(): assert not "done"

    @pytest.mark.shows("L2")
    def test_passes_too(): pass

    @pytest.mark.shows("L3")
    def test_skips(): pytest.skip("no engine")

    @pytest.mark.shows("L4")
    def test_breaks_at_its_end(broken): pass

    @pytest.fixture
    def broken():
        yield
        raise OSError("still open")

    def test_shows_nothing(): pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with tests that show rows."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nmarkers = ["shows"]\njunit_family = "xunit1"\n'
    )
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["coverage_plugin"]\n')
    (tmp_path / "test_rows.py").write_text("\n".join(line[4:] for line in _TESTS.splitlines()))
    (tmp_path / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.reports/\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) | {"PYTHONPATH": str(Path(coverage_plugin.__file__).parent)}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", *junit.options(folder), *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def _states(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, str]:
    coverage_report.run(["--json", *options], root=folder)
    return {row["id"]: row["state"] for row in json.loads(capsys.readouterr().out)["rows"]}


def test_passed_test_completes_row(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _pytest(checkout).returncode == 1
    states = _states(checkout, capsys)
    assert {name: states[name] for name in ("A5", "A6", "L1", "L2", "L3", "L4", "L5", "F13", "K61")} == {
        "A5": "done",
        "A6": "done",
        "L1": "done",
        "L2": "failed",
        "L3": "skipped",
        "L4": "failed",
        "L5": "not",
        "F13": "console",
        "K61": "later",
    }
    assert coverage_report.run(["--json", "--strict"], root=checkout) == 1


def test_runs_add_up_and_the_last_one_counts(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _pytest(checkout, "-k", "passes")
    assert _states(checkout, capsys)["L2"] == "done"
    _pytest(checkout, "-k", "fails")
    assert _states(checkout, capsys)["L1"] == "done"
    assert _states(checkout, capsys)["L2"] == "failed"


def test_other_code_counts_for_nothing(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _pytest(checkout)
    (checkout / "README.md").write_text("words change nothing")
    assert _states(checkout, capsys)["L1"] == "done"
    (checkout / "code.py").write_text("x = 1\n")
    assert _states(checkout, capsys)["L1"] == "stale"
    assert _states(checkout, capsys, "--stale")["L1"] == "done"
    coverage_report.run([], root=checkout)
    told = capsys.readouterr().out
    assert "rows done / rows in all: 0 / " in told
    assert "tests on other code, which count for nothing: run them again: 2 passed, 2 failed, 1 skipped" in told
    assert "\033[" not in told
    (checkout / "test_rows.py").unlink()
    assert _states(checkout, capsys, "--stale")["L1"] == "not"


def test_unknown_row_is_an_error(checkout: Path) -> None:
    (checkout / "test_rows.py").write_text('import pytest\n\n@pytest.mark.shows("L99")\ndef test_it(): pass\n')
    done = _pytest(checkout)
    assert done.returncode == 4
    assert "test_rows.py::test_it: @pytest.mark.shows: 'L99': expected an id of tests/coverage/rows.yaml" in done.stderr


def test_the_rows_are_all_there() -> None:
    sizes = {"A": 39, "B": 22, "C": 20, "D": 13, "L": 31, "F": 26, "M-A": 10, "M-B": 15, "M-C": 9, "M-D": 10, "KPI": 22}
    sizes["K"] = 63
    wanted = {f"{kind}{number}" for kind in "ABCDLF" for number in range(1, sizes[kind] + 1)}
    wanted |= {f"{kind}{number:02}" for kind in sizes if kind not in "ABCDLF" for number in range(1, sizes[kind] + 1)}
    assert coverage_plugin.known() == wanted


def test_few_rows_are_not_due(capsys: pytest.CaptureFixture[str]) -> None:
    coverage_report.run(["--json"])
    totals = json.loads(capsys.readouterr().out)["totals"]
    assert totals["all"] == totals["due"] + totals["later"] + totals["console"]
    assert (totals["later"], totals["console"]) == (3, 11)
