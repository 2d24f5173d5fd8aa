"""PostgreSQL through SQLAlchemy: the tables, and what is in them when the day begins."""

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import BigInteger, Column, Connection, Engine, ForeignKey, Integer, MetaData, Table, Text

from examples.common.sqlalchemy_engine import make_engine
from examples.common.traffic import Stage

SHOPS = 40
NAMES = ("Asha Stores", "Bharat Mills", "Chopra Sons", "Deccan Foods", "Everest Tea", "Ganga Paper", "Hari Motors")
"""Each shop's customers when the day begins; each of them has one invoice, of OPENING_INR."""
OPENING_INR = 1000

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
    """An engine with telemetry, over tables that are recreated: each run begins with the same books."""
    engine = make_engine(url, stage, name="execora", pool_size=20)
    with suppress_instrumentation(), engine.begin() as connection:
        TABLES.drop_all(connection)
        TABLES.create_all(connection)
        _fill(connection)
    return engine


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
