"""An SQLAlchemy engine on PostgreSQL that measures each statement, and is slow on demand.

Spans of statements and connections of the pool come from the instrumentation that `opentelemetry-instrument` loads.
"""

import time
from typing import Any

from opentelemetry import metrics
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from otelgate.names import ERROR_TYPE
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.event import listens_for

from .traffic import Stage

_SLOW_S = 1.5


def make_engine(url: str, stage: Stage, *, name: str, pool_size: int, **options: Any) -> Engine:
    """`name` is the pool's, and that of the meter; `options` are create_engine's. `url` is postgresql://…

    Statements within `suppress_instrumentation()` are not measured, and never slow: probes, and what makes the tables.
    """
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_logging_name=name,
        **options,
    )
    _measure(engine, stage, name)
    return engine


def slow_down(cursor: Any, seconds: float) -> None:
    """Let the database take so much longer."""
    cursor.execute(f"SELECT pg_sleep({seconds})")


def _measure(engine: Engine, stage: Stage, name: str) -> None:
    """`db.client.operation.duration`: the instrumentation makes spans, and leaves this to us. Its bounds are the SDK's
    for all durations, so that they hold the thresholds of alerts."""
    duration = metrics.get_meter(name).create_histogram(
        "db.client.operation.duration", "s", "Time of a statement, as the application sees it."
    )

    @listens_for(engine, "before_cursor_execute")
    def before(connection: Connection, cursor: Any, statement: str, _: Any, context: Any, many: bool) -> None:
        context.began = time.perf_counter()
        if stage.faults("slow_database") and is_instrumentation_enabled():
            slow_down(cursor, _SLOW_S / stage.speed)

    @listens_for(engine, "after_cursor_execute")
    def after(connection: Connection, cursor: Any, statement: str, _: Any, context: Any, many: bool) -> None:
        record(context, statement)

    @listens_for(engine, "handle_error")
    def failed(error: Any) -> None:
        if hasattr(error.execution_context, "began"):
            record(error.execution_context, error.statement, {ERROR_TYPE: type(error.original_exception).__name__})

    def record(context: Any, statement: str, more: dict[str, str] | None = None) -> None:
        if is_instrumentation_enabled():
            own = {"db.system.name": "postgresql", "db.operation.name": statement.split(maxsplit=1)[0].upper()}
            duration.record(time.perf_counter() - context.began, {**own, **(more or {})})
