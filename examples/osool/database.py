"""PostgreSQL through SQLAlchemy: the tables, a pool of 50, and what a leak does to it."""

import random
import threading

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import BigInteger, Column, Connection, Engine, ForeignKey, Integer, MetaData, Table, Text

from examples.common.faults import Faults
from examples.common.sqlalchemy_engine import make_engine
from examples.common.traffic import Stage

POOL_SIZE = 50
LEAKED = 43
"""Connections that the switch database_connections takes: an alert is due from 41, and 7 are left to work with."""

AREAS = {
    "New Cairo": 52_000,
    "Zamalek": 118_000,
    "Maadi": 61_000,
    "Sheikh Zayed": 57_000,
    "Heliopolis": 48_000,
    "North Coast": 74_000,
}
"""EGP a square metre."""
POOLS = {
    "pool-1": ("Nile View Tower", 40_000_000),
    "pool-2": ("Palm Compound", 25_000_000),
    "pool-3": ("Old Citadel Lofts", 12_000_000),
    "pool-4": ("North Coast Villas", 60_000_000),
}
"""Title, and EGP in reserve when the market opens."""

TABLES = MetaData()
PROPERTIES = Table(
    "properties",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("area", Text, nullable=False, index=True),
    Column("bedrooms", Integer, nullable=False),
    Column("square_metres", Integer, nullable=False),
    Column("price_egp", BigInteger, nullable=False),
)
CHATS = Table(
    "chats", TABLES, Column("id", Integer, primary_key=True), Column("session", Text), Column("questions", Integer)
)
RESERVATIONS = Table(
    "reservations",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("property_id", ForeignKey("properties.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("token", Text),
)
POOL_ROWS = Table(
    "pools",
    TABLES,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("reserve_egp", BigInteger, nullable=False),
)
TRADES = Table(
    "trades",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("pool_id", ForeignKey("pools.id"), nullable=False),
    Column("side", Text, nullable=False),
    Column("amount_egp", BigInteger, nullable=False),
)


def connect(url: str, stage: Stage) -> Engine:
    """An engine that is measured, over tables that are recreated: each run begins with the same market."""
    engine = make_engine(url, stage, name="osool", pool_size=POOL_SIZE, pool_timeout=10)
    with suppress_instrumentation(), engine.begin() as connection:
        TABLES.drop_all(connection)
        TABLES.create_all(connection)
        _fill(connection)
    return engine


class Leak:
    """While the switch database_connections is on: connections that are taken and not given back."""

    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine, self._faults = engine, faults
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leak", daemon=True)

    def __enter__(self) -> None:
        if "database_connections" in self._faults.names:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        held: list[Connection] = []
        while not self._over.wait(0.05):
            if self._faults("database_connections"):
                if len(held) < LEAKED:
                    held.append(self._engine.connect())
            else:
                _give_back(held)
        _give_back(held)


def _give_back(held: list[Connection]) -> None:
    while held:
        held.pop().close()


def _fill(connection: Connection) -> None:
    draw = random.Random("osool")
    rows = []
    for area, price in AREAS.items():
        for bedrooms in (1, 2, 3, 4):
            size = 45 + 35 * bedrooms
            rows += [
                {
                    "area": area,
                    "bedrooms": bedrooms,
                    "square_metres": size,
                    "price_egp": int(size * price * draw.uniform(0.85, 1.15)),
                }
                for _ in range(5)
            ]
    connection.execute(PROPERTIES.insert(), rows)
    pools = [{"id": key, "title": title, "reserve_egp": egp} for key, (title, egp) in POOLS.items()]
    connection.execute(POOL_ROWS.insert(), pools)
