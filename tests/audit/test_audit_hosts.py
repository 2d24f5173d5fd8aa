"""Names that a page of a stranger may lead to this machine are refused by what listens here."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from audit_feedback_server import Gateway, serving, settings
from otelgate_audit import hosts
from otelgate_audit.health import HealthServer, State
from otelgate_stack import web

OURS = (
    *("127.0.0.1:4322", "[::1]:4322", "::1", "192.0.2.7", "localhost:4322", "LOCALHOST", "a.localhost", "localhost."),
    *("feedback:4322", "host.docker.internal:4322", ""),
)
FOREIGN = (
    *("evil.example:4322", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.", "1.2.3.4.5", "a.b"),
    "votes.shop.svc",
)


@pytest.mark.parametrize("host", OURS)
def test_a_name_of_this_machine_is_local(host: str) -> None:
    assert hosts.is_local(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_of_the_internet_is_not_local(host: str) -> None:
    assert not hosts.is_local(host)


@pytest.fixture
def health() -> Iterator[HealthServer]:
    server = HealthServer("127.0.0.1", 0, State())
    server.start()
    yield server
    server.stop()


def test_health_refuses_a_foreign_host(health: HealthServer) -> None:
    statuses = {}
    for host in ("localhost", "evil.example"):
        connection = http.client.HTTPConnection("127.0.0.1", health.port)
        connection.request("GET", "/health", headers={"Host": host})
        statuses[host] = connection.getresponse().status
        connection.close()
    assert statuses == {"localhost": 503, "evil.example": 421}


def test_health_names_a_foreign_host_that_it_refuses(health: HealthServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", health.port)
    connection.request("GET", "/health", headers={"Host": f"\xe9vil.{'e' * 100}"})
    answer = connection.getresponse()
    connection.close()
    expected = f"Host='\\xe9vil.{'e' * 55}': expected an IP address, localhost, or a name without a dot"
    assert (answer.status, answer.reason) == (421, expected)


@pytest.mark.parametrize(("proxies", "status"), [("0", 421), ("1", 200)])
def test_feedback_takes_a_foreign_host_only_behind_a_proxy(
    tmp_path_factory: pytest.TempPathFactory, proxies: str, status: int
) -> None:
    folder = tmp_path_factory.mktemp("h")
    gateway = Gateway()
    loaded = settings(folder, gateway.endpoint, OTELGATE_FEEDBACK_TRUST_PROXY=proxies)
    try:
        with serving(loaded) as url:
            answer = web.get(f"{url}/health", headers={"Host": "votes.example"}, timeout=30)
    finally:
        gateway.stop()
    assert answer.status_code == status
    if status == 421:
        assert answer.json()["field"] == "Host"
        assert "OTELGATE_FEEDBACK_TRUST_PROXY" in answer.json()["expected"]
