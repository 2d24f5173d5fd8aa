"""The program of `make example APP=estate_bot`: the bot on FastAPI, and Telegram's side of its webhook."""

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx

from examples.common.client import Browser
from examples.common.faults import Faults
from examples.common.server import serve
from examples.common.story import Story
from examples.common.traffic import Example, Stage, Tally
from examples.common.visit import Visit

from . import past, users
from .app import FEATURES, SECRET, make_app
from .tools import wanted
from .users import Say


class BotError(Exception):
    """The webhook answered with an error."""


class EstateBot(Example):
    service = "estate-bot"
    faults: ClassVar = (
        *("model_errors", "slow_model", "tool_errors", "slow_tools", "http_errors", "slow_http", "down"),
        *("traffic_drop", "query_burst", "session_flood", "cost_spike", "negative_feedback"),
    )
    rate = 0.8
    history_visits_a_day = 160

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Browser]:
        with serve(make_app(stage), stage.port) as url:
            browser = Browser(url)
            yield browser
            browser.close()

    def visits(self, draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
        return users.visits(draw, moments, faults)

    def act(self, app: Browser, visit: Visit, step: Say, tally: Tally) -> None:
        answer = _say(app, visit, step.text, tally)
        if answer.get("limited") and step.subscribe:
            answer = _say(app, visit, "/subscribe", tally)
        elif step.vote is not None and "reply_markup" in answer:
            up, down = answer["reply_markup"]["inline_keyboard"][0]
            data = (up if step.vote else down)["callback_data"]
            user = {"id": int(visit.user), "is_bot": False, "first_name": "Sample"}
            _post(app, {"callback_query": {"id": f"{next(_NUMBERS)}", "from": user, "data": data}})
            tally.add("votes", "positive" if step.vote else "negative")

    def tell(self, visit: Visit, story: Story) -> None:
        past.tell(visit, story)


_NUMBERS = itertools.count(1)


def _say(app: Browser, visit: Visit, text: str, tally: Tally) -> dict[str, Any]:
    user = {"id": int(visit.user), "is_bot": False, "first_name": "Sample"}
    chat = {"id": user["id"], "type": "private"}
    number = next(_NUMBERS)
    message = {"message_id": number, "from": user, "chat": chat, "date": int(time.time()), "text": text}
    answer = _post(app, {"update_id": number, "message": message})
    word = text.partition(" ")[0]
    if word.startswith("/"):
        tally.add("commands", word)
    if answer.get("limited"):
        tally.add("limits", "hit")
    elif answer.get("failed"):
        tally.add("failed_turns", answer["failed"])
    elif "reply_markup" in answer:
        tally.add("answers", word if word.startswith("/") else "question")
        for tool in wanted(FEATURES.get(word, "chat"), text):
            tally.add("tools", tool)
    if answer.get("upgraded"):
        tally.add("upgrades", answer["text"].removeprefix("Welcome to ").rstrip("!"))
    return answer


def _post(app: Browser, update: dict[str, Any]) -> dict[str, Any]:
    response = app.post("/telegram/webhook", update, {"X-Telegram-Bot-Api-Secret-Token": SECRET})
    if not response.is_success:
        raise BotError(f"{httpx.codes.get_reason_phrase(response.status_code)}")
    found: dict[str, Any] = response.json()
    return found


EXAMPLE = EstateBot()
