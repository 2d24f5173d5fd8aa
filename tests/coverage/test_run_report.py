"""The summary that is printed after a test run."""

import subprocess
import sys
from pathlib import Path

import junit
import pytest
import run_report

pytestmark = pytest.mark.starts


def test_report_after_a_run_names_figures_files_and_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.reports/\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_measures(record_property): record_property('measured', '3 s')\ndef test_fails(): assert not 'done'\n"
        "def test_skips(): pytest.skip('no engine')\n"
    )
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    command = [sys.executable, "-m", "pytest", "-q", *junit.options(tmp_path)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
    assert run_report.main([], tmp_path) == 0
    told = capsys.readouterr().out
    assert "test_it.py::test_measures: 3 s\n" in told
    assert "1 passed, 1 failed, 1 skipped in 1 runs: " in told
    assert run_report.main(["--strict"], tmp_path) == 1
    assert capsys.readouterr().err == "skipped, and none may be: test_it.py::test_skips\n"


def test_report_without_a_run_asks_for_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_report.main([], tmp_path) == 1
    assert capsys.readouterr().err == f"{tmp_path}/.reports: expected a run on this code: `make test`\n"
