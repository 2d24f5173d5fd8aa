"""The program of `make example APP=osool`: the backend with all it needs, and the web frontend's side of it."""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import httpx
import otelgate

from examples.common.faults import Faults
from examples.common.server import serve
from examples.common.story import Story
from examples.common.traffic import Example, Stage, Tally
from examples.common.visit import Visit

from . import past, switches, visitors
from .app import make_app
from .cache import Cache
from .database import Leak, connect
from .outside import make_outside
from .visitors import Begin, Chat, Reserve, Search, Step


class FrontendError(Exception):
    """The backend answered with a status of 500 or more."""


class Frontend:
    """Asks the backend on behalf of a user. Its requests are spans, and carry trace and session along.

    `probes` is what may be watched of Osool, by kind: the API, and Redis where there is one.
    """

    def __init__(self, url: str, redis_url: str | None) -> None:
        self.url = url
        self.probes = {"api": f"{url}/health"} | ({"redis": redis_url} if redis_url else {})
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._http = httpx.Client(base_url=url, timeout=90.0, trust_env=False, limits=limits)

    def ask(self, tally: Tally, method: str, route: str, path: str = "", **options: Any) -> httpx.Response:
        """Send it, count it by method, route and status. Raises FrontendError."""
        response = self._http.request(method, path or route, **options)
        tally.add("responses", f"{method} {route} {response.status_code}")
        if response.is_server_error:
            raise FrontendError(f"{response.status_code}")
        return response

    def close(self) -> None:
        self._http.close()


class Osool(Example):
    service = "osool"
    database = "osool"
    redis = True
    faults: ClassVar = switches.ALL
    rate = 0.6
    history_visits_a_day = 300

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Frontend]:
        with ExitStack() as stack:
            redis_url = os.environ.get("REDIS_URL")
            cache = Cache(redis_url)
            engine = connect(os.environ["DATABASE_URL"], stage)
            stack.callback(engine.dispose)
            outside = stack.enter_context(serve(make_outside(stage)))
            stack.enter_context(Leak(engine, stage.faults))
            url = stack.enter_context(serve(make_app(stage, engine, cache, outside), stage.port))
            frontend = Frontend(url, redis_url)
            stack.callback(frontend.close)
            yield frontend

    def visits(self, draw: random.Random, moments: Iterator[float], faults: Faults) -> Iterator[Visit]:
        return visitors.visits(draw, moments, faults)

    def act(self, app: Frontend, visit: Visit, step: Step, tally: Tally) -> None:
        feature = step.feature if isinstance(step, Chat) else None
        with otelgate.session(visit.session, user_id=visit.user, feature=feature):
            _act(app, step, tally)

    def tell(self, visit: Visit, story: Story) -> None:
        past.tell(visit, story)

    def ambient(self, start: float, end: float, story: Story) -> None:
        past.ambient(start, end, story)


def _act(app: Frontend, step: Step, tally: Tally) -> None:
    match step:
        case Begin():
            app.ask(tally, "POST", "/api/sessions")
            tally.add("sessions", "begun")
        case Search(area, bedrooms, below):
            params = {"area": area, "bedrooms": bedrooms, "below_egp": below}
            app.ask(tally, "GET", "/api/properties", params=params)
            tally.add("searches", "by hand")
        case Chat(text, vote):
            answer = app.ask(tally, "POST", "/api/chat", json={"text": text}).json()
            tally.add("answers", step.feature)
            if vote is not None:
                body = {"trace_id": answer["trace_id"], "rating": "up" if vote else "down"}
                app.ask(tally, "POST", "/api/votes", json=body)
                tally.add("votes", "positive" if vote else "negative")
        case Reserve(property_id, card):
            tally.add("reservations", "tried")
            body = {"property_id": property_id, "card": card}
            response = app.ask(tally, "POST", "/api/reservations", json=body)
            tally.add("reservations", "completed" if response.is_success else "declined")
        case visitors.Trade(pool_id, side, amount):
            route = "/api/pools/{pool_id}/trades"
            body = {"side": side, "amount_egp": amount}
            done = app.ask(tally, "POST", route, f"/api/pools/{pool_id}/trades", json=body)
            if done.is_success:
                found = done.json()
                tally.add("trades_egp", pool_id, found["amount_egp"])
                tally.add("trades_loss_egp", pool_id, found["amount_egp"] * found["slippage"])


EXAMPLE = Osool()
