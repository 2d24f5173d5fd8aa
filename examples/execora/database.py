"""PostgreSQL through SQLAlchemy: the tables, the time of each statement, and what a slow database does to it."""

import time
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from sqlalchemy import BigInteger, Column, Connection, Engine, ForeignKey, Integer, MetaData, Table, Text, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.event import listens_for

from examples.common.story import DURATION_BOUNDS
from examples.common.traffic import Stage

SHOPS = 40
NAMES = ("Asha Stores", "Bharat Mills", "Chopra Sons", "Deccan Foods", "Everest Tea", "Ganga Paper", "Hari Motors")
"""Each shop's customers when the day begins; each of them has one invoice, of OPENING_INR."""
OPENING_INR = 1000
_SLOW_S = 1.5

TABLES = MetaData()
CUSTOMERS = Table(
    "customers",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("shop", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("phone", Text),
)
INVOICES = Table(
    "invoices",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False, index=True),
    Column("amount_inr", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
)
PAYMENTS = Table(
    "payments",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("amount_inr", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
)


def connect(url: str, stage: Stage) -> Engine:
    """An engine with telemetry, over tables that are made anew: each run begins with the same books."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), pool_size=20, max_overflow=0, pool_logging_name="execora"
    )
    _instrument(engine)
    _measure(engine, stage)
    with engine.begin() as connection:
        TABLES.drop_all(connection)
        TABLES.create_all(connection)
        _fill(connection)
    return engine


def _instrument(engine: Engine) -> None:
    """Spans of statements, connections of the pool.

    `opentelemetry-instrument` does this for SQLAlchemy before 2.1 and leaves later ones out; its tracer knows them too.
    """
    if not SQLAlchemyInstrumentor().is_instrumented_by_opentelemetry:
        usage = metrics.get_meter("execora").create_up_down_counter("db.client.connections.usage", "connections")
        EngineTracer(trace.get_tracer("execora"), engine, usage)


def _measure(engine: Engine, stage: Stage) -> None:
    """`db.client.operation.duration` of each statement: the instrumentation makes spans, and leaves this to us."""
    duration = metrics.get_meter("execora").create_histogram(
        "db.client.operation.duration",
        "s",
        "Time of a statement, as the application sees it.",
        explicit_bucket_boundaries_advisory=DURATION_BOUNDS,
    )

    @listens_for(engine, "before_cursor_execute")
    def before(connection: Connection, cursor: Any, statement: str, _: Any, context: Any, many: bool) -> None:
        context.began = time.perf_counter()
        if stage.faults("slow_database"):
            cursor.execute(f"SELECT pg_sleep({_SLOW_S / stage.speed})")

    @listens_for(engine, "after_cursor_execute")
    def after(connection: Connection, cursor: Any, statement: str, _: Any, context: Any, many: bool) -> None:
        record(context, statement)

    @listens_for(engine, "handle_error")
    def failed(error: Any) -> None:
        if hasattr(error.execution_context, "began"):
            name = type(error.original_exception).__name__
            record(error.execution_context, error.statement, {"error.type": name})

    def record(context: Any, statement: str, more: dict[str, str] | None = None) -> None:
        if is_instrumentation_enabled():
            own = {"db.system.name": "postgresql", "db.operation.name": statement.split(maxsplit=1)[0].upper()}
            duration.record(time.perf_counter() - context.began, {**own, **(more or {})})


def _fill(connection: Connection) -> None:
    shops = [f"shop-{number:02d}" for number in range(SHOPS)]
    people = [{"shop": shop, "name": name} for shop in shops for name in NAMES]
    connection.execute(CUSTOMERS.insert(), [{"id": number, **one} for number, one in enumerate(people, 1)])
    invoices = [
        {"customer_id": number, "amount_inr": OPENING_INR, "status": "open"} for number in range(1, len(people) + 1)
    ]
    connection.execute(INVOICES.insert(), invoices)
    # The numbers of the first customers were given by hand.
    connection.exec_driver_sql("SELECT setval('customers_id_seq', (SELECT max(id) FROM customers))")
