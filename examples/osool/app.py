"""The backend. It begins no session: the caller's comes with the request, as baggage."""

import itertools
import logging
from typing import Any

import otelgate
from fastapi import FastAPI, HTTPException
from opentelemetry import baggage
from opentelemetry.instrumentation.utils import suppress_instrumentation
from otelgate.names import SESSION_ID
from pybreaker import CircuitBreakerError
from pydantic import BaseModel, Field
from sqlalchemy import Engine, text

from examples.common.server import add_faults, add_health
from examples.common.traffic import Stage

from .agents import Assistant
from .breakers import Breakers
from .cache import Cache
from .database import POOLS
from .market import DryPoolError, Market, Properties, Side
from .outside import Outside, OutsideError, PaymentDeclinedError

log = logging.getLogger("osool")

FEE_EGP = 50_000
"""The fee of a reservation."""


class Question(BaseModel):
    text: str


class Vote(BaseModel):
    trace_id: str
    rating: str


class Wish(BaseModel):
    """To reserve a home."""

    property_id: int
    card: str


class Order(BaseModel):
    """To trade shares of a pool."""

    side: Side
    amount_egp: int = Field(gt=0)


def make_app(stage: Stage, engine: Engine, cache: Cache, outside_url: str) -> FastAPI:
    breakers = Breakers([PaymentDeclinedError], stage.speed)
    properties, market = Properties(engine, cache), Market(engine)
    app = FastAPI(title="osool")
    add_faults(app, stage.faults, stage.speed)
    add_health(app, {"database": _quiet(engine), "redis": cache.check})
    _add_chat(app, Assistant(stage, breakers, properties), properties)
    outside = Outside(outside_url, breakers)
    _add_homes(app, properties, Desk(properties, outside))
    _add_market(app, market, outside)
    return app


class Desk:
    """Takes reservations: the fee by Paymob, then a token on the chain, then a row."""

    def __init__(self, properties: Properties, outside: Outside) -> None:
        self._properties, self._outside = properties, outside
        self._numbers = itertools.count(1)

    def reserve(self, wish: Wish) -> str:
        """The token. Raises PaymentDeclinedError, OutsideError, CircuitBreakerError: each a failed reservation."""
        try:
            reference = f"{wish.property_id}-{next(self._numbers)}"
            token = self._outside.tokenise(self._outside.pay(reference, wish.card, FEE_EGP))
        except (PaymentDeclinedError, OutsideError, CircuitBreakerError) as error:
            otelgate.event("reservation", status="failed")
            log.warning("a reservation failed: %s", type(error).__name__)
            self._properties.reserved(wish.property_id, "failed")
            raise
        self._properties.reserved(wish.property_id, "completed", token)
        otelgate.event("reservation", value=FEE_EGP, unit="{EGP}", status="completed")
        log.info("reserved home %d", wish.property_id)
        return token


def _add_chat(app: FastAPI, assistant: Assistant, properties: Properties) -> None:
    @app.post("/api/sessions", status_code=201)
    def begin() -> dict[str, str]:
        otelgate.event("session.start")
        return {"status": "begun"}

    @app.post("/api/chat")
    def chat(question: Question) -> dict[str, Any]:
        properties.chatted(str(baggage.get_baggage(SESSION_ID)))
        try:
            answer, trace_id = assistant.answer(question.text)
        except CircuitBreakerError:
            raise HTTPException(503, "the assistant rests; please search by hand") from None
        except Exception as error:
            log.exception("the turn failed")
            raise HTTPException(502, type(error).__name__) from error
        return {"answer": answer, "trace_id": trace_id}

    @app.post("/api/votes", status_code=202)
    def vote(vote: Vote) -> None:
        otelgate.feedback(vote.rating, trace_id=vote.trace_id)


def _add_homes(app: FastAPI, properties: Properties, desk: Desk) -> None:
    @app.get("/api/properties")
    def search(area: str, bedrooms: int, below_egp: int) -> list[dict[str, Any]]:
        otelgate.event("property.search")
        return properties.search(area, bedrooms, below_egp)

    @app.post("/api/reservations", status_code=201)
    def reserve(wish: Wish) -> dict[str, str]:
        if properties.price_of(wish.property_id) is None:
            raise HTTPException(404, "no such home")
        try:
            return {"token": desk.reserve(wish)}
        except PaymentDeclinedError:
            raise HTTPException(402, "the card was declined") from None
        except OutsideError as error:
            raise HTTPException(502, str(error)) from error
        except CircuitBreakerError:
            raise HTTPException(503, "payments are not possible right now") from None


def _add_market(app: FastAPI, market: Market, outside: Outside) -> None:
    @app.get("/api/pools")
    def pools() -> list[dict[str, Any]]:
        return market.pools()

    @app.post("/api/pools/{pool_id}/trades", status_code=201)
    def trade(pool_id: str, order: Order) -> dict[str, Any]:
        if pool_id not in POOLS:
            raise HTTPException(404, "no such pool")
        try:
            outside.tokenise(f"{pool_id} {order.side} {order.amount_egp}")
            done = market.trade(pool_id, order.side, order.amount_egp)
        except DryPoolError:
            raise HTTPException(409, "the pool holds less than that") from None
        except OutsideError as error:
            raise HTTPException(502, str(error)) from error
        except CircuitBreakerError:
            raise HTTPException(503, "trading is halted") from None
        return {"amount_egp": done.amount_egp, "slippage": done.slippage}


def _quiet(engine: Engine) -> Any:
    """Check the database without telemetry: probes are not traffic."""

    def check() -> None:
        with suppress_instrumentation(), engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    return check
