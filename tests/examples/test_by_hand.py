"""Examples without `make example`: by the variables and the command that their READMEs name."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from example_stack import ExampleStack
from otelgate_stack import target
from waiting import until

from examples.common import traffic

SERVICE = "estate-bot-by-hand"
VISITS = 3


def block(root: Path, app: str) -> str:
    """The commands below `## By hand`."""
    page = (root / "examples" / app / "README.md").read_text()
    (found,) = re.findall(r"^## By hand\n\n```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize("app", traffic.APPS)
def test_readme_names_what_the_example_needs(root: Path, app: str) -> None:
    example, commands = traffic.load(app), block(root, app)
    assert f" OTEL_SERVICE_NAME={example.service}\n" in commands
    assert f" -m examples.common.traffic {app} " in commands
    assert ("DATABASE_URL=postgresql://" in commands) == bool(example.database)
    assert ("REDIS_URL=redis://" in commands) == example.redis


def test_missing_database_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["traffic", "osool"])
    assert traffic.main() == 2
    assert capsys.readouterr().err == "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/osool\n"


def test_readme_runs_without_the_starter(root: Path, stack: ExampleStack, tmp_path: Path) -> None:
    commands = block(root, "estate_bot")
    endpoint = target.urls(stack.settings)["grpc"]
    for shown, used in (
        ("http://127.0.0.1:4317", endpoint),
        ("OTEL_SERVICE_NAME=estate-bot", f"OTEL_SERVICE_NAME={SERVICE}"),
        ("--seconds 60", f"--visits {VISITS} --speed 40"),
    ):
        assert commands.count(shown) == 1
        commands = commands.replace(shown, used)
    done = run(root, commands, tmp_path)
    assert done.returncode == 0, done.stderr
    stored = "SELECT count(*) FROM audit.turns WHERE service = %s AND status = 'ok'"
    assert until(lambda: stack.sql(stored, SERVICE)[0][0] > 0)
    requests = f'sum(http_server_request_duration_seconds_count{{service_name="{SERVICE}"}})'
    assert until(lambda: stack.metric(requests) > 0)


def run(root: Path, commands: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """In an environment with nothing else in it."""
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "OTELGATE_EXIT_TIMEOUT": "60000"}
    return subprocess.run(
        ["bash", "-ec", commands], env=env, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
