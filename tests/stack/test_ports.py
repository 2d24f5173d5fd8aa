"""The error of a taken port names the setting that moves it and the process that holds it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from otelgate_stack import ports
from otelgate_stack.errors import StackError


def test_the_holder_is_named(listener: subprocess.Popen[str]) -> None:
    assert listener.stdout is not None
    port = int(listener.stdout.readline())
    with pytest.raises(StackError) as caught:
        ports.check_free({"OTELGATE_LOKI_PORT": ("127.0.0.1", port)})
    text = str(caught.value)
    assert text.startswith(f"port {port} is taken by pid {listener.pid} ({sys.executable} -c import socket; ")
    assert text.endswith("): stop it, or set OTELGATE_LOKI_PORT to a free port")


def test_invisible_port_owner_is_reported(listener: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert listener.stdout is not None
    port = int(listener.stdout.readline())
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [])
    with pytest.raises(StackError) as caught:
        ports.check_free({"OTELGATE_LOKI_PORT": ("127.0.0.1", port)})
    assert str(caught.value) == (
        f"port {port} is taken by a process that cannot be seen from here (another user's, or a container's):"
        " stop it, or set OTELGATE_LOKI_PORT to a free port"
    )


def test_an_address_of_another_machine() -> None:
    with pytest.raises(StackError) as caught:
        ports.check_free({"OTELGATE_GRPC_PORT": ("192.0.2.1", 4317)})
    assert str(caught.value) == (
        "OTELGATE_GRPC_PORT='4317': cannot listen on it at 192.0.2.1: Cannot assign requested address"
    )


def test_another_stack_that_holds_ports_is_named_once(tmp_path: Path) -> None:
    """As supervisord starts its programs: with the name of its socket in their environment."""
    code = (
        "import socket; s = [socket.create_server(('127.0.0.1', 0)) for _ in range(4)];"
        "print(*(one.getsockname()[1] for one in s), flush=True); input()"
    )
    env = {"SUPERVISOR_SERVER_URL": f"unix://{tmp_path}/.otelgate/native/supervisor.sock"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        held = list(map(int, process.stdout.readline().split()))
        with pytest.raises(StackError) as caught:
            ports.check_free({f"OTELGATE_{port}_PORT": ("127.0.0.1", port) for port in held})
        with pytest.raises(StackError) as one:
            ports.check_free({"OTELGATE_LOKI_PORT": ("127.0.0.1", held[0])})
        process.kill()
    advice = "stop it with `make down` there, or give this one other ports with OTELGATE_PORT_OFFSET=1000"
    shown = ", ".join(map(str, held[:3]))
    assert str(caught.value) == (
        f"another otelgate at {tmp_path}/.otelgate holds 4 of the ports ({shown}, …): {advice}"
    )
    assert str(one.value) == f"another otelgate at {tmp_path}/.otelgate holds port {held[0]}: {advice}"


def test_processes_beside_each_other_get_no_port_in_common() -> None:
    command = "from otelgate_stack import ports; print(*ports.free_env().values())"
    shares = []
    for share in ("0/3", "1/3", "2/3"):
        environment = {**os.environ, ports.SHARE: share}
        found = subprocess.run(
            [sys.executable, "-c", command], env=environment, check=True, capture_output=True, text=True
        )
        shares.append({(int(port) - ports.RANGE.start) % 3 for port in found.stdout.split()})
    assert shares == [{0}, {1}, {2}]


def test_free_ports_are_free_and_different() -> None:
    env = ports.free_env()
    assert len(set(env.values())) == len(env) > 10
    ports.check_free({name: ("127.0.0.1", int(port)) for name, port in env.items()})
