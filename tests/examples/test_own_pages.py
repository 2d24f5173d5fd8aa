"""An example's own pages, and programs, may ask it; pages of other origins may not, under any host name."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, WebSocket
from otelgate_stack import web
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from examples.common.server import serve

pytestmark = pytest.mark.starts


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()

    @app.get("/")
    def page() -> str:
        return "a page"

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    with serve(app) as address:
        yield address


def test_ask_as_an_own_page_or_a_program_is_answered(url: str) -> None:
    own = [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": url}, {"Sec-Fetch-Site": "none"}]
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert [web.get(url, headers=each).status_code for each in (*own, followed)] == [200] * 5
    with connect(f"ws{url.removeprefix('http')}/talk", origin=url, proxy=None):
        pass


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 400),
    ],
)
def test_ask_as_a_foreign_page_is_refused(url: str, headers: dict[str, str], status: int) -> None:
    assert web.get(url, headers=headers).status_code == status


@pytest.mark.parametrize(("host", "status"), [("", 403), ("evil.example", 400)])
def test_open_a_socket_as_a_foreign_page_is_refused(url: str, host: str, status: int) -> None:
    here = urlsplit(url)
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://{host or here.hostname}:{here.port}/talk",
            origin="http://evil.example",
            proxy=None,
            address=(here.hostname, here.port),
        )
    assert refused.value.response.status_code == status
