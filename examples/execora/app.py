"""The backend: pages ask over HTTP, and people speak over a websocket."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response, WebSocket
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from pydantic import BaseModel, Field
from sqlalchemy import Engine, text

from examples.common.server import add_faults, add_health
from examples.common.traffic import Stage

from . import telemetry
from .agents import Assistant
from .books import Books
from .speech import Speech
from .tasks import Tasks
from .voice import IDLE_S, Voice

_ID = r"^[\w.-]{1,64}$"
Id = Annotated[str, Query(pattern=_ID)]


class Person(BaseModel):
    """A new customer."""

    shop: str = Field(pattern=_ID)
    name: str = Field(min_length=1, max_length=200)


def make_app(stage: Stage, engine: Engine, tasks: Tasks, idle_s: float = IDLE_S) -> FastAPI:
    books = Books(engine, tasks, stage)
    voice = Voice(Assistant(stage, books), Speech(stage), stage.faults, idle_s)
    app = FastAPI(title="execora")
    _one_trace_for_each_command(app)
    add_faults(app, stage.faults, stage.speed)
    _count_failures(app)
    add_health(app, {"database": lambda: _ping(engine)})

    @app.websocket("/ws")
    async def speak(socket: WebSocket, shop: Id, session: Id) -> None:
        await voice.serve(socket, shop, session)

    @app.get("/api/summary")
    def summary(shop: Id) -> dict[str, int]:
        return books.summary(shop)

    @app.get("/api/invoices")
    def invoices(shop: Id) -> list[dict[str, Any]]:
        return books.invoices(shop)

    @app.post("/api/customers", status_code=201)
    def add_customer(person: Person) -> dict[str, int]:
        return {"number": books.add_customer(person.shop, person.name)}

    return app


def _one_trace_for_each_command(app: FastAPI) -> None:
    """Not one for each connection, as the automatic instrumentation makes it: it would last for hours, and hold all
    that was said in them."""
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        FastAPIInstrumentor.uninstrument_app(app)
        app.middleware_stack = None  # which that has made; it is to be made again, instrumented
        FastAPIInstrumentor.instrument_app(app, excluded_urls="/health,/ws")


def _count_failures(app: FastAPI) -> None:
    """Answers of 500 and more are errors too; their type is the status, as in the semantic conventions."""

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:
            telemetry.count_error(error)
            raise
        if response.status_code >= 500 and request.url.path != "/health":
            telemetry.count_error(str(response.status_code))
        return response


def _ping(engine: Engine) -> None:
    """Check the database without telemetry: probes are not traffic."""
    with suppress_instrumentation(), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
