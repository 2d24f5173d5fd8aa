"""docs/how-to/alerting.md: its commands, as a user types them, and its claims, with a real Alertmanager."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from alerting_manager import Manager, running
from alerting_settings import load
from otelgate_stack import settings
from otelgate_stack.config import alerting

PAGE = "docs/how-to/alerting.md"


@pytest.fixture
def page(root: Path) -> str:
    return (root / PAGE).read_text()


@pytest.fixture
def manager(root: Path, tmp_path: Path) -> Iterator[tuple[Manager, Mapping[str, str]]]:
    """It, and the environment in which commands find it."""
    own = load(tmp_path)
    ports = {name: str(port) for name, port in own.ports().items()}
    rooms = os.pathsep.join(str(root / room) for room in ("sdk", "compose", "audit", "grafana"))
    state = {"OTELGATE_STATE_DIR": str(own.state_dir), "OTELGATE_CACHE_DIR": str(own.cache_dir)}
    with running(own, tmp_path) as manager:
        yield manager, {**os.environ, **ports, **state, "PYTHONPATH": rooms}


def commands(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def typed(command: str, env: Mapping[str, str], folder: Path) -> str:
    """Its output. make gets the existing environment as a variable."""
    command = re.sub(r"\bmake ", f"make -o .venv/ready BIN={Path(sys.executable).parent} ", command)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=dict(env), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert "WARN" not in done.stderr, f"{command}: {done.stderr}"
    return done.stdout


@pytest.mark.shows("K59")
def test_the_commands(page: str, manager: tuple[Manager, Mapping[str, str]], root: Path) -> None:
    asked = [command for command in commands(page) if command.startswith("make amtool ")]
    printed = [typed(command, manager[1], root) for command in asked]
    said = {re.findall(r'ARGS="(\w+ \w+)', command)[0]: text for command, text in zip(asked, printed, strict=True)}
    assert printed[0] == "pagerduty-slack\n"
    assert 'severity="critical"' in said["config routes"]
    assert re.search("TryMe.*Trial", said["alert query"])
    assert re.search("TtftHigh.*new model", said["silence query"])
    assert manager[0].states() == {}  # what was tried is over
    rest = [command for command in commands(page) if command not in asked]
    assert [re.sub(r"^(make \S+|\S+).*", r"\1", command) for command in rest] == [
        *("mkdir", "install", "install", "install"),
        *("make dashboards", "make down"),
    ]


def test_its_settings_are_taken(page: str, tmp_path: Path, root: Path) -> None:
    """Those of `.env`, with the files that the page's commands make; no other user may read them."""
    for command in commands(page):
        if command.startswith(("mkdir", "install")):
            typed(command, os.environ, tmp_path)
    (block,) = re.findall(r"^```\n(OTELGATE_.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / ".env").write_text(block)
    env = dict(line.split("=", 1) for line in block.splitlines())
    own = settings.load({**env, "OTELGATE_STATE_DIR": str(tmp_path / "state")}, tmp_path)
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "secrets").iterdir()} == {0o600}
    for folder in ("compose", "grafana"):
        (tmp_path / folder).symlink_to(root / folder)
    assert alerting.describe(own) == [
        "alerts: critical ones to PagerDuty and Slack #alerts; others to Slack #alerts;"
        " of some mail ops@example.org, lead@example.org, too"
    ]
    teams = re.findall(r"^```\n(https://.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "secrets" / "slack").write_text(teams)
    config, *_ = alerting.render(own, tmp_path / "config")
    assert "receiver: slack/ai" in config.read_text()
