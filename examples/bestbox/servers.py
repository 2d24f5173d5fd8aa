"""Stand-ins for the other processes of the assistant, for the prober: model server, embeddings, Qdrant."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI

from examples.common.faults import Faults
from examples.common.server import serve

_LOOK_S = 0.1


class ModelServer:
    """Listens on a port, `/health` answers; `stop` and `start` as often as wanted, on the same port."""

    def __init__(self, port: int = 0) -> None:
        self.calls = 0
        """Of the model, under way."""
        self._port, self._up = port, ExitStack()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        url = self._up.enter_context(serve(_health("/health"), self._port))
        self._port = urlsplit(url).port or 0

    def stop(self) -> None:
        self._up.close()

    async def answers(self) -> bool:
        """Whether something listens there."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True

    @contextmanager
    def one_more_call(self) -> Iterator[None]:
        self.calls += 1  # from the one event loop
        try:
            yield
        finally:
            self.calls -= 1


@contextmanager
def beside(port: int, faults: Faults) -> Iterator[tuple[ModelServer, dict[str, str]]]:
    """The model server, and what the prober asks, by kind. Ports after `port`, the API's own; free ones for 0."""
    ports = [port + number if port else 0 for number in (1, 2, 3)]
    with serve(_health("/health"), ports[1]) as embeddings, serve(_health("/healthz"), ports[2]) as qdrant:
        server = ModelServer(ports[0])
        over = threading.Event()
        watch = threading.Thread(target=_follow, args=(server, faults, over), name="switch", daemon=True)
        watch.start()
        try:
            probes = {"llm": f"{server.url}/health", "embeddings": f"{embeddings}/health"}
            yield server, {**probes, "qdrant": f"{qdrant}/healthz"}
        finally:
            over.set()
            watch.join()
            server.stop()


def _follow(server: ModelServer, faults: Faults, over: threading.Event) -> None:
    """Stop and start the model server as the switch says."""
    up = True
    while not over.wait(_LOOK_S):
        if up and faults("llm_down"):
            server.stop()
            up = False
        elif not up and not faults("llm_down"):
            server.start()
            up = True


def _health(path: str) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get(path)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
