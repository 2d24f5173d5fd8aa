"""The native engine with real backends: up, twice, changed, one stopped, one killed, half-started, crashed, down."""

import io
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from otelgate_stack import access, state
from otelgate_stack.engines import native
from otelgate_stack.engines.engine import ServiceStatus
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.errors import StackError
from waiting import until

MakeEngine = Callable[..., NativeEngine]


def by_name(engine: NativeEngine) -> dict[str, ServiceStatus]:
    return {status.name: status for status in engine.status()}


def test_from_up_to_down(engine: MakeEngine, output: io.StringIO) -> None:
    stack = engine("prometheus", "tempo", "jaeger", "loki")
    assert [status.state for status in stack.status()] == ["stopped"] * 4
    stack.up()
    statuses = stack.status()
    assert [(status.name, status.state, status.ready) for status in statuses] == [
        (name, "running", True) for name in ("prometheus", "tempo", "jaeger", "loki")
    ]
    for status in statuses:
        assert f"start {status.name} … " in output.getvalue()
        process = psutil.Process(int(status.pid_or_container))
        # It must outlive this process and its terminal.
        assert os.getsid(process.pid) != os.getsid(0)
        listens = [each.laddr.ip for each in process.net_connections(kind="inet") if each.status == psutil.CONN_LISTEN]
        assert set(listens) == {"127.0.0.1"}
    stack.down()
    assert [status.state for status in stack.status()] == ["stopped"] * 4
    assert not any(psutil.pid_exists(int(status.pid_or_container)) for status in statuses)


def test_every_port_they_open_is_a_setting(engine: MakeEngine, env: dict[str, str]) -> None:
    stack = engine("prometheus", "loki", "tempo", "jaeger")
    stack.up()
    opened: set[int] = set()
    for status in stack.status():
        connections = psutil.Process(int(status.pid_or_container)).net_connections(kind="inet")
        opened |= {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    backends = ("OTELGATE_PROMETHEUS_", "OTELGATE_LOKI_", "OTELGATE_TEMPO_", "OTELGATE_JAEGER_")
    assert opened == {int(value) for name, value in env.items() if name.startswith(backends) and name.endswith("_PORT")}


def test_up_twice_changes_nothing(engine: MakeEngine, output: io.StringIO) -> None:
    stack = engine("prometheus")
    stack.up()
    before = stack.status()[0].pid_or_container
    stack.up()
    assert output.getvalue().splitlines()[-1] == "already up"
    assert stack.status()[0].pid_or_container == before


def test_up_after_a_change_says_what_must_restart(engine: MakeEngine) -> None:
    engine("prometheus", "jaeger").up()
    with pytest.raises(StackError) as caught:
        engine("prometheus", "jaeger", OTELGATE_RETENTION_METRICS="60d").up()
    assert str(caught.value) == (
        "already up, but the settings, configuration or program of prometheus changed since:"
        " `make down && make up` restarts with what holds now"
    )


def test_one_service_stops_and_starts(engine: MakeEngine) -> None:
    stack = engine("prometheus", "jaeger")
    stack.up()
    stack.stop("jaeger")
    status = by_name(stack)
    assert (status["jaeger"].state, status["prometheus"].ready) == ("stopped", True)
    stack.up()  # brings back what is missing, and only that
    now = by_name(stack)
    assert now["jaeger"].ready
    assert now["prometheus"].pid_or_container == status["prometheus"].pid_or_container
    stack.stop("prometheus")
    stack.start("prometheus")
    assert by_name(stack)["prometheus"].ready
    with pytest.raises(StackError, match=r"^no service 'grafana': expected one of prometheus, jaeger$"):
        stack.stop("grafana")


def test_a_killed_service_comes_back(engine: MakeEngine) -> None:
    stack = engine("prometheus")
    stack.up()
    before = stack.status()[0].pid_or_container
    stack.kill("prometheus")
    assert until(lambda: stack.status()[0].ready and stack.status()[0].pid_or_container != before)


def test_a_taken_port_is_refused_before_anything_starts(
    engine: MakeEngine, listener: subprocess.Popen[str], env: dict[str, str]
) -> None:
    assert listener.stdout is not None
    port = listener.stdout.readline().strip()
    stack = engine("prometheus", "jaeger", OTELGATE_JAEGER_OTLP_PORT=port)
    with pytest.raises(StackError) as caught:
        stack.up()
    assert str(caught.value).startswith(f"port {port} is taken by pid {listener.pid} (")
    assert str(caught.value).endswith("set OTELGATE_JAEGER_OTLP_PORT to a free port")
    assert [status.state for status in stack.status()] == ["stopped", "stopped"]


def test_a_half_started_stack_is_taken_down(engine: MakeEngine, env: dict[str, str], output: io.StringIO) -> None:
    stack = engine("prometheus", "tempo")
    state.ensure(stack.settings)
    (stack.settings.state_dir / "tempo").mkdir()
    (stack.settings.state_dir / "tempo" / "wal").write_text("a file where Tempo wants a folder")
    with pytest.raises(StackError) as caught:
        stack.up()
    text = str(caught.value)
    log = stack.settings.state_dir / "native" / "log" / "tempo.log"
    assert text.startswith(f"tempo did not start (it ended at once); its log is {log}, its last lines:\n  ")
    assert "not a directory" in text
    assert "taking the half-started stack down again" in output.getvalue()
    assert [status.state for status in stack.status()] == ["stopped", "stopped"]


def test_unresponsive_service_is_stopped(engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_answers", lambda service, settings: False)
    stack = engine("prometheus")
    stack.ready_timeout_s = 0.0
    with pytest.raises(StackError, match=r"^prometheus did not answer within \d+ s; its log is "):
        stack.up()
    assert stack.status()[0].state == "stopped"


def test_up_after_the_supervisor_was_killed(engine: MakeEngine, output: io.StringIO) -> None:
    stack = engine("prometheus")
    stack.up()
    orphan = int(stack.status()[0].pid_or_container)
    supervisord = psutil.Process(orphan).parent()
    assert supervisord is not None
    supervisord.kill()
    supervisord.wait(30)
    assert (stack.settings.state_dir / "native" / "supervisor.sock").exists()
    assert stack.status()[0].state == "stopped"
    stack.up()  # over a stale socket and pid file, and a Prometheus that holds its port
    assert "stop 1 leftover processes of a stack that crashed … " in output.getvalue()
    assert stack.status()[0].ready
    assert not psutil.pid_exists(orphan)


def test_a_short_disk_is_refused(engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = engine("prometheus")
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1 << 29))
    with pytest.raises(StackError) as caught:
        stack.up()
    assert str(caught.value) == (
        f"disk short: starting the stack needs about 1.0 GiB in {stack.settings.state_dir}, 0.5 GiB are free"
    )


def test_logs_carry_the_services_name(engine: MakeEngine, output: io.StringIO) -> None:
    stack = engine("prometheus", "jaeger")
    stack.up()
    stack.logs(["jaeger"], follow=False)
    assert "\njaeger | " in output.getvalue()
    assert "\nprometheus | " not in output.getvalue()


def test_state_folder_of_another_user_is_left_alone(engine: MakeEngine, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    stack = engine("prometheus", OTELGATE_STATE_DIR=str(tmp_path))
    with pytest.raises(StackError) as caught:
        stack.up()
    expected = f"OTELGATE_STATE_DIR='{tmp_path}': expected a new or empty folder, or one that otelgate made"
    assert str(caught.value) == expected
    with pytest.raises(StackError) as caught:
        state.remove(stack.settings)
    assert str(caught.value) == (
        f"OTELGATE_STATE_DIR='{tmp_path}': not removed, it has no file .otelgate-state: otelgate didn't make it"
    )
    assert (tmp_path / "thesis.tex").exists()


def test_a_path_too_long_for_a_socket_is_told(engine: MakeEngine, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    with pytest.raises(StackError, match=r"^OTELGATE_STATE_DIR='.*': expected a shorter path, a unix socket in it may"):
        engine("prometheus", OTELGATE_STATE_DIR=str(folder)).up()


@pytest.mark.shows("F3")
def test_retention_reaches_the_backends(engine: MakeEngine) -> None:
    stack = engine(
        "prometheus",
        "loki",
        "tempo",
        OTELGATE_RETENTION_METRICS="10d",
        OTELGATE_RETENTION_LOGS="11d",
        OTELGATE_RETENTION_TRACES="12d",
    )
    stack.up()
    flags = access.get(stack.settings, "prometheus", "/api/v1/status/flags").json()["data"]
    assert flags["storage.tsdb.retention.time"] == "10d"
    loki = access.get(stack.settings, "loki", "/config").text
    assert "  retention_period: 11d\n" in loki
    assert "  retention_enabled: true\n" in loki
    assert "block_retention: 288h0m0s\n" in access.get(stack.settings, "tempo", "/status/config").text
