"""Connections to the feedback endpoint that bring no request, or slowly."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from otelgate_audit.feedback import app, connections
from otelgate_stack import web

from ..feedback_server import Gateway, serving, settings, token

HALF = b"POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\n"
WAIT_S = 60

Connect = Callable[[], socket.socket]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    gateway = Gateway()
    loaded = settings(tmp_path, gateway.endpoint, OTELGATE_FEEDBACK_RATE="1000/second")
    with serving(loaded) as url, web.client(base_url=url, timeout=WAIT_S) as client:
        yield client
    gateway.stop()


@pytest.fixture
def connect(client: httpx.Client) -> Iterator[Connect]:
    with ExitStack() as opened:
        yield lambda: opened.enter_context(
            socket.create_connection(("127.0.0.1", client.base_url.port or 80), timeout=WAIT_S)
        )


def is_closed(connection: socket.socket) -> bool:
    """Waits for it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def vote(client: httpx.Client) -> int:
    return client.post(
        "/v1/feedback", json={"rating": "up"}, headers={"Authorization": f"Bearer {token()}"}
    ).status_code


def test_visitors_are_served_while_hundreds_of_connections_bring_no_request(
    client: httpx.Client, connect: Connect
) -> None:
    for number in range(400):
        connect().sendall(HALF[: number % len(HALF)])
    for _ in range(6):
        with web.client(base_url=client.base_url, timeout=WAIT_S) as visitor:
            assert vote(visitor) == 202


def test_oldest_idle_connection_is_closed_for_a_new_one(client: httpx.Client, connect: Connect) -> None:
    first = connect()
    assert vote(client) == 202  # so the first is accepted before the others
    others = [connect() for _ in range(2 * app.MAX_WAITING)]
    assert is_closed(first)
    others[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert others[-1].recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("sent", [b"", b"GET", HALF])
def test_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sent: bytes) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 0.1)
    with serving(settings(tmp_path, "http://127.0.0.1:1")) as url:
        port = httpx.URL(url).port or 80
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
            connection.sendall(sent)
            assert is_closed(connection)


def test_request_in_pieces_is_answered_and_connection_kept(client: httpx.Client, connect: Connect) -> None:
    connection = connect()
    for _ in range(2):
        for piece in (b"GET /health HT", b"TP/1.1\r\nHost: local", b"host\r\n\r\n"):
            connection.sendall(piece)
        assert connection.recv(12) == b"HTTP/1.1 200"
        while b'"ok"' not in connection.recv(4096):
            pass
    assert vote(client) == 202
