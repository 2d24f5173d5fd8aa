"""The program of `make example APP=bestbox`: the chat's API, its other servers, and the users of the office."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from examples.common.client import Browser
from examples.common.faults import Faults
from examples.common.server import serve
from examples.common.story import Story
from examples.common.traffic import Example, Stage, Tally
from examples.common.visit import Visit

from . import past, switches, users
from .app import make_app
from .servers import beside
from .users import Ask


class Client(Browser):
    """The chat page's side; `probes` are the addresses of the health checks, by kind."""

    def __init__(self, url: str, probes: dict[str, str]) -> None:
        super().__init__(url)
        self.probes = {"api": f"{url}/health", **probes}


class BestBox(Example):
    service = "bestbox"
    faults: ClassVar = switches.ALL
    rate = 0.5
    history_visits_a_day = 180

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Client]:
        with beside(stage.port, stage.faults) as (server, probes), serve(make_app(stage, server), stage.port) as url:
            client = Client(url, probes)
            yield client
            client.close()

    def visits(self, draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
        return users.visits(draw, moments, faults)

    def act(self, app: Client, visit: Visit, step: Ask, tally: Tally) -> None:
        asked = {"message": step.text, "user_id": visit.user, "session_id": visit.session}
        response = app.post("/v1/chat", asked)
        if not response.is_success:
            tally.add("failed_turns", str(response.status_code))
            return
        found = read(response.text)
        if "end" not in found:
            tally.add("failed_turns", found["error"]["error"])
            return
        tally.add("turns", found["end"]["department"])
        for name, good in found["end"]["tools"].items():
            tally.add("tools", name)
            if not good:
                tally.add("tool_errors", name)
        if found["end"]["relevance"] is not None:
            tally.add("retrievals", "relevant" if found["end"]["relevance"] >= 0.7 else "doubtful")
        if step.vote is not None:
            rating = "positive" if step.vote else "negative"
            vote = {"message_id": found["start"]["message_id"], "rating": rating, "comment": step.comment}
            app.post("/v1/feedback", vote).raise_for_status()
            tally.add("votes", rating)

    def tell(self, visit: Visit, story: Story) -> None:
        past.tell(visit, story)

    def ambient(self, start: float, end: float, story: Story) -> None:
        past.ambient(start, end, story)


def read(stream: str) -> dict[str, Any]:
    """The events of an answer by name, the words of all `token` ones as `text`."""
    found: dict[str, Any] = {"text": ""}
    for event in stream.strip().split("\n\n"):
        name, _, data = event.removeprefix("event: ").partition("\ndata: ")
        if name == "token":
            found["text"] += json.loads(data)["text"]
        else:
            found[name] = json.loads(data)
    return found


EXAMPLE = BestBox()
