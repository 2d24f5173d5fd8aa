"""Which ports of a stack are open, and what they want of a sender."""

import socket
from pathlib import Path

import pytest
from otelgate_stack import ports, settings
from otelgate_stack.doctor import doors


@pytest.mark.parametrize("traces_to", ["both", "tempo"])
def test_find_doors_knows_every_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, traces_to: str) -> None:
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path), "OTELGATE_TRACES_TO": traces_to})
    monkeypatch.setattr(doors, "_listens", lambda host, port: True)
    found = {door.setting for door in doors.find(loaded)}
    assert "OTELGATE_PROMETHEUS_PORT" in found
    others = {"OTELGATE_JAEGER_PORT", "OTELGATE_JAEGER_GRPC_PORT", "OTELGATE_JAEGER_OTLP_PORT"}
    assert set(loaded.ports()) - found == (set() if traces_to == "both" else others)


def test_find_doors_shows_open_ports_only(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        env = ports.free_env() | {"OTELGATE_STATE_DIR": str(tmp_path), "OTELGATE_GRPC_PORT": str(port)}
        (open_,) = doors.find(settings.load(env))
        assert open_ == doors.Door("gateway", "OTELGATE_GRPC_PORT", f"127.0.0.1:{port}", "nothing", False)
        (locked,) = doors.find(settings.load({**env, "OTELGATE_TOKEN_FILE": str(token)}))
        assert (locked.wants, locked.locked) == ("a token", True)


@pytest.mark.parametrize(
    ("token", "authority", "wants"),
    [
        ("", "", ["nothing", "nothing, but refuse web pages"]),
        ("token", "", ["a token"] * 2),
        ("", "clients.pem", ["a certificate"] * 2),
        ("token", "clients.pem", ["a certificate and a token"] * 2),
    ],
)
def test_find_doors_names_what_the_gateway_wants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str, authority: str, wants: list[str]
) -> None:
    monkeypatch.setattr(doors, "_listens", lambda host, port: True)
    files = {"OTELGATE_TOKEN_FILE": token, "OTELGATE_TLS_CLIENT_CA_FILE": authority}
    loaded = settings.load({"OTELGATE_STATE_DIR": str(tmp_path), **files})
    found = {door.setting: door for door in doors.find(loaded)}
    gateway = [found[f"OTELGATE_{name}_PORT"] for name in ("GRPC", "HTTP")]
    assert [door.wants for door in gateway] == wants
    assert {door.locked for door in gateway} == {bool(token or authority)}
