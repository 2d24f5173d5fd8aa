"""Names that a page of a stranger may lead to this machine are refused by what listens here."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import httpx
import pytest
from otelgate_audit import hosts
from otelgate_audit.process.health import HealthServer, State
from otelgate_stack import web

from .feedback_server import Gateway, serving, settings

OURS = (
    *("127.0.0.1:4322", "[::1]:4322", "::1", "192.0.2.7", "localhost:4322", "LOCALHOST", "a.localhost", "localhost."),
    *("feedback:4322", "host.docker.internal:4322", ""),
)
FOREIGN = (
    *("evil.example:4322", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.", "1.2.3.4.5", "a.b"),
    "votes.shop.svc",
)


@pytest.mark.parametrize("host", OURS)
def test_name_of_this_machine_is_local(host: str) -> None:
    assert hosts.is_local(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_internet_name_is_not_local(host: str) -> None:
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


OF_PAGES = (
    *({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8000"}),
    *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "same-origin")),
)
OF_PROGRAMS = ({}, {"Sec-Fetch-Site": "none"})


@pytest.mark.parametrize(
    ("sent", "of_page"), [(each, True) for each in OF_PAGES] + [(each, False) for each in OF_PROGRAMS]
)
def test_headers_of_a_browser_identify_a_page(sent: dict[str, str], of_page: bool) -> None:
    assert hosts.is_of_page(httpx.Headers(sent)) is of_page


@pytest.mark.parametrize(
    ("sent", "foreign"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document", "Origin": "https://evil.example"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://votes.example"}, False),
        ({"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}, False),
        ({"Origin": "http://127.0.0.1:8001", "Host": "127.0.0.1:8000"}, True),
        ({"Origin": "null", "Host": "127.0.0.1:8000"}, True),
    ],
)
def test_page_of_another_origin_is_recognised(sent: dict[str, str], foreign: bool) -> None:
    assert hosts.is_of_foreign_page(httpx.Headers(sent), ["https://shop.example"]) is foreign


def test_health_refuses_pages(health: HealthServer) -> None:
    url = f"http://127.0.0.1:{health.port}/health"
    assert {web.get(url, headers=headers).status_code for headers in OF_PAGES} == {403}
    assert {web.get(url, headers=headers).status_code for headers in OF_PROGRAMS} == {503}


def test_feedback_tells_pages_nothing_of_its_health_and_takes_votes_of_its_own_origin(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The element is there for all pages; a vote without a token gets no further than 401."""
    gateway = Gateway()
    try:
        with serving(settings(tmp_path_factory.mktemp("h"), gateway.endpoint)) as url:
            element = f"{url}/v1/feedback/element.js"
            assert {web.get(f"{url}/health", headers=each).status_code for each in OF_PAGES} == {403}
            assert {web.get(element, headers=each).status_code for each in OF_PAGES} == {200}
            votes = {
                site: web.post(
                    f"{url}/v1/feedback", json={}, headers={"Origin": url, "Sec-Fetch-Site": site}
                ).status_code
                for site in ("same-origin", "same-site", "cross-site")
            }
    finally:
        gateway.stop()
    assert votes == {"same-origin": 401, "same-site": 403, "cross-site": 403}


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
