"""`make deploy`: what it looks at, what it starts and proves, and what it says when one step fails."""

import io
import json
import os
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from operations_stack import Operated
from otelgate_stack import credentials, settings
from otelgate_stack.commands import deploy_checks
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

MakeStack = Callable[..., Operated]
CHECKS = ["python", ".env", "settings", "engine", "disk", "memory", "ports", "secrets"]
STEPS = [*CHECKS, "prepare", "start", "migrate", "health", "closed", "data flow"]


@pytest.mark.slow
@pytest.mark.shows("F1", "F2", "F23", "K55", "K56")
def test_a_deployment_and_another(new_stack: MakeStack) -> None:
    stack = new_stack()
    first = stack.json("deploy")
    assert first["ok"]
    assert [step["name"] for step in first["steps"]] == STEPS
    assert all(service["ready"] for service in first["services"])
    folder = credentials.folder(stack.settings)
    secrets = {file.name: file.read_text().strip() for file in folder.iterdir()}
    assert len(set(secrets.values())) == len(secrets) >= 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert [secret for secret in secrets.values() if secret in json.dumps(first)] == []

    again = stack.good("deploy")
    assert {file.name: file.read_text().strip() for file in folder.iterdir()} == secrets
    for step in STEPS:
        assert re.search(rf"^✔ {re.escape(step)} ", again, re.M), again
    assert re.search(r"^  tempo +ready +https://127\.0\.0\.1:\d+$", again, re.M), again
    assert again.endswith("\ndeployed: every service answers and data flow\n")
    pids = {service["name"]: service["pid_or_container"] for service in first["services"]}
    assert {service["name"]: service["pid_or_container"] for service in stack.json("status")} == pids

    # A service that is dead, and that nothing brings back.
    tempo = stack.settings.state_dir / "tempo"
    stack.engine.stop("tempo")
    tempo.rename(tempo.with_name("away"))
    tempo.write_text("a file where Tempo wants a folder")
    failed = stack.run("deploy", "--json")
    assert failed.returncode == 1
    steps = json.loads(failed.stdout)["steps"]
    assert [step["name"] for step in steps if not step["ok"]] == ["start"]
    assert "tempo" in steps[-1]["detail"]


@pytest.mark.slow
@pytest.mark.shows("F2")
def test_data_that_do_not_flow_are_told(new_stack: MakeStack) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and never listens
        stack = new_stack(OTELGATE_LOKI_ENDPOINT=f"http://127.0.0.1:{closed.getsockname()[1]}/otlp")
        done = stack.run("deploy")
    assert done.returncode == 1
    assert re.search(r"^✔ health ", done.stdout, re.M)
    assert re.search(r"^✘ data flow .*logs: gateway → Loki", done.stdout, re.M), done.stdout
    assert done.stdout.endswith("\nnot deployed: data flow\n")


@pytest.mark.slow
@pytest.mark.shows("F2")
def test_failed_migration_is_shown(new_stack: MakeStack) -> None:
    stack = new_stack()
    stack.good("up")
    stack.sql("UPDATE audit.alembic_version SET version_num = 'from-the-future' RETURNING 1")
    done = stack.run("deploy")
    assert done.returncode == 1
    assert done.stdout.endswith("\nnot deployed: migrate\n")
    assert "from-the-future" in done.stdout.partition("✘ migrate")[2]


@pytest.mark.shows("F2")
def test_a_missing_prerequisite_is_named(new_stack: MakeStack, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        weak = tmp_path / "password"
        weak.write_text("changeme\n")
        weak.chmod(0o644)
        no_go = {"PATH": str(tmp_path), "OTELGATE_CACHE_DIR": str(tmp_path / "cache")}  # and nothing built before
        stack = new_stack(OTELGATE_LOKI_PORT=str(port), OTELGATE_FEEDBACK_SECRET_FILE=str(weak), **no_go)
        done = stack.run("deploy", "--check")
    assert done.returncode == 1
    assert done.stdout.endswith("\nnot deployed: engine, ports, secrets\n")
    assert "✘ engine" in done.stdout
    assert "Go is missing" in done.stdout
    assert f"port {port} is taken by pid {os.getpid()} (" in done.stdout
    name = f"OTELGATE_FEEDBACK_SECRET_FILE='{weak}': expected a"
    assert f"{name} secret of 16 characters or more, not a usual one" in done.stdout
    assert f"{name} file for its owner alone (chmod 600), it has 644" in done.stdout
    assert not stack.settings.state_dir.exists()


@pytest.mark.shows("F1", "F2")
def test_bad_settings_are_a_missing_prerequisite(new_stack: MakeStack) -> None:
    stack = new_stack()
    done = stack.run("deploy", OTELGATE_TRACES_TO="zipkin")
    assert done.returncode == 1
    expected = "OTELGATE_TRACES_TO='zipkin': expected one of tempo, jaeger, both\n\nnot deployed: settings\n"
    assert done.stdout.endswith(expected)


def test_an_open_gateway_is_a_missing_prerequisite(tmp_path: Path) -> None:
    loaded = settings.load({"OTELGATE_HOST": "0.0.0.0", "OTELGATE_STATE_DIR": str(tmp_path / "state")})
    engine = NativeEngine(loaded, Report(io.StringIO()))
    checks = deploy_checks.prerequisites(loaded, engine, "asked for")
    found = failures([check for check in checks if check.name == "settings"])
    assert found["settings"].startswith("OTELGATE_HOST='0.0.0.0': the gateway would listen there, beyond this machine")


def failures(checks: list[deploy_checks.Check]) -> dict[str, str]:
    found = {}
    for check in checks:
        try:
            check.look()
        except StackError as error:
            found[check.name] = str(error)
    return found


@pytest.mark.shows("F1")
def test_unreadable_env_file_fails_check(tmp_path: Path) -> None:
    assert failures(deploy_checks.before_settings(tmp_path)) == {}
    (tmp_path / ".env").write_bytes(b"OTELGATE_HOST=\xff\n")
    assert failures(deploy_checks.before_settings(tmp_path)) == {".env": f"{tmp_path}/.env: not UTF-8"}
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert failures(deploy_checks.before_settings(tmp_path)) == {".env": f"{tmp_path}/.env: Is a directory"}


@pytest.mark.shows("F2")
def test_too_little_memory(new_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings.load(new_stack().env)
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1 << 29))
    checks = deploy_checks.prerequisites(loaded, NativeEngine(loaded, Report()), "here")
    assert failures(checks) == {"memory": "memory short: the stack needs about 1.0 GiB, 0.5 GiB are free"}


@pytest.mark.shows("F23", "K60")
def test_usual_passwords_are_refused_and_found_where_they_are_not(new_stack: MakeStack) -> None:
    stack = new_stack()
    engine = NativeEngine(stack.settings, Report(), services=["postgres"])
    engine.up()
    for role in ("otelgate", "postgres"):
        for password in deploy_checks.DEFAULTS:
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(stack.settings.database, user=role, password=password or None)
    assert deploy_checks.default_passwords(stack.settings, set()) == []
    with psycopg.connect(
        stack.settings.database,
        password=(credentials.folder(stack.settings) / "database_password").read_text().strip(),
    ) as connection:
        connection.execute("ALTER ROLE otelgate PASSWORD 'changeme'")
    assert deploy_checks.default_passwords(stack.settings, set()) == ["PostgreSQL takes 'changeme' for otelgate"]
