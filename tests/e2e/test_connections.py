"""Connections that bring no request, or too large headers, are closed, and others are served meanwhile."""

import socket
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from bounds import EXPORT, bench, runs
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
