"""The program of `make example APP=execora`: the backend with its tasks, and the shopkeepers' phones."""

import contextlib
import json
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import httpx
from opentelemetry.instrumentation.utils import suppress_instrumentation
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from examples.common.client import Browser
from examples.common.faults import Faults
from examples.common.server import serve
from examples.common.story import Story
from examples.common.traffic import Example, Stage, Tally
from examples.common.visit import Visit

from . import database, past, shopkeepers, switches
from .app import make_app
from .shopkeepers import How, Leave, Look, Register, Speak, Step
from .speech import decode, encode
from .tasks import Tasks

_CODES = {"normal": 1000, "going_away": 1001}
_ANSWER_S = 90.0


class Phones(Browser):
    """Pages over HTTP, and one websocket for each session that speaks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._lock = threading.Lock()
        self._open: dict[str, ClientConnection] = {}

    def say(self, visit: Visit, step: Speak) -> dict[str, Any]:
        """Speak, listen, and give a thumb. Raises WebSocketException where the connection fails."""
        connection = self._connected(visit)
        connection.send(encode(step.text, step.clear))
        reply: dict[str, Any] = json.loads(connection.recv(_ANSWER_S))
        if "text" in reply:
            heard = connection.recv(_ANSWER_S)
            assert isinstance(heard, bytes)
            assert decode(heard) == reply["text"]
            if step.vote is not None:
                vote = {"rating": "up" if step.vote else "down", "trace_id": reply["trace_id"]}
                connection.send(json.dumps(vote))
                reply["voted"] = "positive" if step.vote else "negative"
        return reply

    def leave(self, session: str, how: How) -> bool:
        """End that session's connection; False where there is none."""
        with self._lock:
            connection = self._open.pop(session, None)
        if connection is None:
            return False
        if how == "abnormal":
            _tear(connection)
        else:
            connection.close(_CODES[how])
        return True

    def close(self) -> None:
        """Disconnect the remaining users, as a closed page does."""
        for session in list(self._open):
            with contextlib.suppress(WebSocketException, OSError):
                self.leave(session, "going_away")
        super().close()

    def _connected(self, visit: Visit) -> ClientConnection:
        with self._lock:
            known = self._open.get(visit.session)
        if known:
            return known
        url = httpx.URL(self.url, path="/ws", params={"shop": visit.user, "session": visit.session})
        with suppress_instrumentation():
            made = connect(str(url.copy_with(scheme="ws")), proxy=None, compression=None)
        with self._lock:
            self._open[visit.session] = made
        return made


class Execora(Example):
    service = "execora"
    database = "execora"
    faults: ClassVar = switches.ALL
    rate = 0.6
    history_visits_a_day = 250

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Phones]:
        with ExitStack() as stack:
            engine = database.connect(os.environ["DATABASE_URL"], stage)
            stack.callback(engine.dispose)
            tasks = stack.enter_context(Tasks(stage))
            phones = Phones(stack.enter_context(serve(make_app(stage, engine, tasks), stage.port)))
            stack.callback(phones.close)
            yield phones

    def visits(self, draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
        return shopkeepers.visits(draw, moments, faults)

    def act(self, app: Phones, visit: Visit, step: Step, tally: Tally) -> None:
        match step:
            case Look(path):
                response = app.get(path, {"shop": visit.user})
                tally.add("responses", f"GET {path} {response.status_code}")
                response.raise_for_status()
            case Register(name):
                response = app.post("/api/customers", {"shop": visit.user, "name": name})
                tally.add("responses", f"POST /api/customers {response.status_code}")
                response.raise_for_status()
            case Speak():
                reply = app.say(visit, step)
                tally.add("commands", reply["status"])
                if "voted" in reply:
                    tally.add("votes", reply["voted"])
            case Leave(how):
                if app.leave(visit.session, how):
                    tally.add("closed", how)

    def tell(self, visit: Visit, story: Story) -> None:
        past.tell(visit, story)

    def ambient(self, start: float, end: float, story: Story) -> None:
        past.ambient(start, end, story)


def _tear(connection: ClientConnection) -> None:
    """Pull the cable: a reset, and no word of good-bye."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)
    connection.socket.close()


EXAMPLE = Execora()
