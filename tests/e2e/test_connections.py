"""Connections that bring no request, or too large headers, are closed, and others are served meanwhile."""

import socket
import ssl
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
import trustme
from bounds import EXPORT, Bench, bench, runs
from waiting import until

UNFINISHED = {
    "OTELGATE_HTTP_PORT": b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n",
    "OTELGATE_HEALTH_PORT": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "OTELGATE_METRICS_PORT": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n",
    "OTELGATE_GRPC_PORT": b"PRI * HTTP/2.0\r\n",
}


def _closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


def test_unfinished_requests_are_closed_on_every_open_port(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway, ExitStack() as opened:
        gateway.start()
        waiting = {}
        for port, begin in UNFINISHED.items():
            waiting[port] = opened.enter_context(socket.create_connection(("127.0.0.1", int(gateway.env[port]))))
            waiting[port].sendall(begin)
            waiting[port].setblocking(False)
        request, names = runs("a", 3, 100)
        assert gateway.send(request) == grpc.StatusCode.OK
        assert until(lambda: names <= gateway.tempo.names)
        for port, connection in waiting.items():
            assert until(lambda connection=connection: _closed(connection), deadline_s=300), port


def test_too_large_headers_fail_at_their_sender(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        gateway.start()
        request, names = runs("b", 3, 100)
        call = gateway.channel.unary_unary(EXPORT.format("trace", "Trace"))
        with pytest.raises(grpc.RpcError):
            call(request, timeout=60, metadata=[("x-large", "x" * (40 << 10))])
        assert gateway.send(request) == grpc.StatusCode.OK
        assert until(lambda: names <= gateway.tempo.names)


MOST = 3


def _connected(gateway: Bench, address: str, trusted: ssl.SSLContext | None) -> socket.socket | None:
    """A connection from an address to the gRPC port on which the server began; None if it was closed instead."""
    port = int(gateway.env["OTELGATE_GRPC_PORT"])
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0))
    try:
        if trusted:
            connection = trusted.wrap_socket(connection, server_hostname="127.0.0.1")
        began = connection.recv(1)
    except (ConnectionError, ssl.SSLError):
        began = b""
    if began:
        return connection
    connection.close()
    return None


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connections_above_the_bound_of_an_address_are_refused_and_others_served(
    gateway_binary: Path, tmp_path: Path, tls: bool
) -> None:
    given, trusted = {"OTELGATE_MAX_CONNECTIONS_PER_ADDRESS": str(MOST)}, None
    if tls:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        trusted = ssl.create_default_context()
        trusted.set_alpn_protocols(["h2"])
        authority.configure_trust(trusted)
        given |= {f"OTELGATE_TLS_{name}_FILE": str(tmp_path / f"{name.lower()}.pem") for name in ("CERT", "KEY")}
    with bench(gateway_binary, tmp_path, **given) as gateway, ExitStack() as opened:
        gateway.start()

        def connect(address: str) -> socket.socket | None:
            connection = _connected(gateway, address, trusted)
            return opened.enter_context(connection) if connection else None

        held = [connect("127.0.0.1") for _ in range(MOST)]
        assert all(held)
        assert connect("127.0.0.1") is None
        assert connect("127.0.0.2")
        assert gateway.metric("otelgate_admission_refused", otelgate_reason="connections") == 1
        held[0].close()
        assert until(lambda: connect("127.0.0.1"))
