"""The work of make itself, before any of the project's Python runs."""

import os
import subprocess
from pathlib import Path

import pytest

PYTHON = """#!/bin/sh
case "$*" in
  "-m venv .venv") echo "Error: [Errno 28] No space left on device" >&2; exit 1 ;;
  *ensurepip*) exit {has_venv} ;;
esac
"""


@pytest.mark.parametrize(
    ("has_venv", "why"),
    [
        (0, "its message is above"),
        (1, "its modules venv and ensurepip are missing (on Debian or Ubuntu, apt-get install python3-venv)"),
    ],
)
def test_a_failed_environment_tells_the_real_reason(root: Path, tmp_path: Path, has_venv: int, why: str) -> None:
    for needed in (
        "requirements/dev.txt",
        "pyproject.toml",
        "audit/pyproject.toml",
        "compose/pyproject.toml",
        "console/pyproject.toml",
    ):
        (tmp_path / needed).parent.mkdir(exist_ok=True)
        (tmp_path / needed).touch()
    python = tmp_path / "python"
    python.write_text(PYTHON.format(has_venv=has_venv))
    python.chmod(0o755)
    command = ["make", "-f", str(root / "Makefile"), "-C", str(tmp_path), ".venv/ready", f"PYTHON={python}"]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 2
    assert "Error: [Errno 28] No space left on device" in done.stderr
    assert f"{python} -m venv .venv failed: {why}\n" in done.stdout


def test_a_token_takes_services_from_the_command_line_only(root: Path) -> None:
    def recipe(*given: str) -> str:
        command = ["make", "-C", str(root), "--dry-run", "--old-file=.venv/ready", "token", "APPLICATION=shop", *given]
        done = subprocess.run(command, env={**os.environ, "SERVICE": "elsewhere"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "--service" not in recipe()
    assert '--service "shop-*" --service "till"' in recipe("SERVICE=shop-* till")
