"""Connections to PostgreSQL, the schema's migrations, and the roles that may read or insert."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Engine

from ..settings import Settings
from . import analytics, locks

READER = "otelgate_reader"
CONTENT = "otelgate_content"
GRAFANA = "otelgate_grafana"
WRITER = "otelgate_writer"

_MIGRATIONS = Path(__file__).parent / "migrations"
# Processes that migrate at the same time take turns (locks.py).
_MIGRATION_LOCK = 6_835_674_028_300_001
# Limits of Grafana's role; values set by an operator are kept. A session can lift all except the number of
# connections, so these are not a protection: that comes from its privileges and from locks.py.
_CONNECTIONS = 20
_LIMITS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}
_TRIES, _PAUSE_S = 20, 0.1
_SPAN_KEY = "SELECT (start_time, trace_id, span_id)"
_USER = "UPDATE (first_seen, last_seen, signed_up_at, tier, tier_at, turns)"
_SESSION = "UPDATE (user_id, user_at, first_seen, last_seen, tier, tier_at, turns, agents)"
# The sink adds records, content and entries, reads the keys of records and votes, but never content, and keeps derived
# tables up to date. 0005_writer.sql guards the ledger's head, and has the two functions.
_WRITER_MAY = {
    "TABLE audit.alembic_version": ("SELECT",),
    "TABLE audit.runs": ("INSERT", _SPAN_KEY),
    "TABLE audit.model_calls": ("INSERT", _SPAN_KEY),
    "TABLE audit.tool_calls": ("INSERT", _SPAN_KEY),
    "TABLE audit.feedback": ("INSERT", "SELECT"),
    "TABLE audit.scores": ("INSERT", "SELECT"),
    "TABLE audit.events": ("INSERT", "SELECT (start_time, uid)"),
    "TABLE audit.turns": ("INSERT", "SELECT"),
    "TABLE audit.users": ("INSERT", "SELECT", _USER),
    "TABLE audit.sessions": ("INSERT", "SELECT", _SESSION),
    "TABLE audit.user_days": ("INSERT",),
    "TABLE content.texts": ("INSERT",),
    "TABLE content.rejects": ("INSERT",),
    "TABLE ledger.keys": ("SELECT", "INSERT (service, user_id, key, created_at)"),
    "TABLE ledger.entries": ("INSERT",),
    "TABLE ledger.head": ("SELECT", "UPDATE (seq, link, committed_at)"),
    "FUNCTION ledger.make_partition": ("EXECUTE",),
    "FUNCTION audit.take_out": ("EXECUTE",),
}


class SchemaError(RuntimeError):
    """The database is not at this program's version of the schema."""


def connect(url: str, *, name: str, password: str | None = None, **options: Any) -> psycopg.Connection[Any]:
    """A connection in UTC that detects a dead server within seconds. `name` shows in pg_stat_activity.

    `options` are psycopg's (user, autocommit, row_factory). Raises psycopg.OperationalError.
    """
    if password is not None:
        options["password"] = password
    return psycopg.connect(
        url,
        application_name=f"otelgate-{name}",
        connect_timeout=5,
        options="-c timezone=UTC",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
        **options,
    )


def connect_writer(settings: Settings, *, name: str, **options: Any) -> psycopg.Connection[Any]:
    """`connect` as the sink's role. Raises psycopg.OperationalError, SettingsError."""
    # The owner's name and password in the URL are not sent.
    login = {"user": WRITER, "password": settings.writer_password or ""}
    return connect(settings.database_url, name=name, **login, **options)


def migrate_with(settings: Settings) -> list[str]:
    """`migrate` the database of these settings. Raises SettingsError."""
    return migrate(
        settings.database_url,
        password=settings.database_password,
        grafana_password=settings.grafana_password,
        writer_password=settings.writer_password,
    )


def migrate(
    url: str,
    *,
    password: str | None = None,
    grafana_password: str | None = None,
    writer_password: str | None = None,
) -> list[str]:
    """Bring the schema, the views and the roles up to date; safe to repeat. Returns messages about the changes."""
    done = []
    with connect(url, name="migrate", password=password) as lock:
        locks.wait(lock, _MIGRATION_LOCK)
        before = _revision(url, password)
        engine = _engine(url, password)
        try:
            with engine.begin() as connection:
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            engine.dispose()
        after = _revision(url, password)
        if before != after:
            done.append(f"schema: {before or 'empty'} → {after}")
        with connect(url, name="migrate", password=password) as connection:
            done += analytics.apply(connection)
            done += _grant(connection, grafana_password)
            done += _grant_writer(connection, writer_password)
    return done


def require_schema(connection: psycopg.Connection[Any]) -> None:
    """Raise SchemaError unless the schema is at this program's version."""
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    known = connection.execute("SELECT to_regclass('audit.alembic_version')").fetchone()
    found = None
    if known and known[0]:
        row = connection.execute("SELECT version_num FROM audit.alembic_version").fetchone()
        found = row[0] if row else None
    if found != wanted:
        raise SchemaError(
            f"the database's schema is at {found or 'nothing'}: expected {wanted};"
            " `otelgate-audit keep` brings it there, or `migrate`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _engine(url: str, password: str | None) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, name="migrate", password=password),
        poolclass=pool.NullPool,
    )


def _revision(url: str, password: str | None) -> str | None:
    engine = _engine(url, password)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection, opts={"version_table_schema": "audit"}).get_current_revision()
    finally:
        engine.dispose()


def _grant(connection: psycopg.Connection[Any], grafana_password: str | None) -> list[str]:
    """Create the reading roles and grant their privileges. Partitions are reached through their tables."""
    done = []
    for role in (READER, CONTENT):
        done += _create_role(connection, role, sql.SQL("NOLOGIN"))
    _login(connection, GRAFANA, grafana_password)
    done += _limit(connection, GRAFANA)
    reader, content = sql.Identifier(READER), sql.Identifier(CONTENT)
    connection.execute(sql.SQL("GRANT {} TO {}, {}").format(reader, content, sql.Identifier(GRAFANA)))
    for schema, allowed in (("audit", reader), ("analytics", reader), ("content", content)):
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, allowed))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(name, allowed))
    return done


def _grant_writer(connection: psycopg.Connection[Any], password: str | None) -> list[str]:
    """Create the sink's role with the privileges that it needs; all others are revoked."""
    done = _login(connection, WRITER, password)
    writer = sql.Identifier(WRITER)
    for schema in ("audit", "content", "ledger"):
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}").format(name, writer))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, writer))
    for target, rights in _WRITER_MAY.items():
        given = sql.SQL("GRANT {} ON {} TO {}")
        connection.execute(given.format(sql.SQL(", ".join(rights)), sql.SQL(target), writer))
    return done


def _login(connection: psycopg.Connection[Any], role: str, password: str | None) -> list[str]:
    """Create a role that logs in, and set its password if one is given."""
    done = _create_role(connection, role, sql.SQL("LOGIN"))
    if password:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
    return done


def _limit(connection: psycopg.Connection[Any], role: str) -> list[str]:
    """Set a role's limits, except those set by an operator. Roles belong to the whole server."""
    for _ in range(_TRIES):
        try:
            with connection.transaction():
                row = connection.execute(
                    "SELECT rolconnlimit, coalesce(rolconfig, '{}') FROM pg_roles WHERE rolname = %s", [role]
                ).fetchone()
                connections, config = row or (-1, [])
                if connections == -1:
                    limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
                    connection.execute(limit.format(sql.Identifier(role), sql.Literal(_CONNECTIONS)))
                for name in _LIMITS.keys() - {each.partition("=")[0] for each in config}:
                    setting = sql.SQL("ALTER ROLE {} SET {} = {}")
                    connection.execute(
                        setting.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(_LIMITS[name]))
                    )
                return []
        except (
            psycopg.errors.InternalError_,
            psycopg.errors.UniqueViolation,
        ):  # another database's migration did the same meanwhile
            time.sleep(_PAUSE_S)
        except psycopg.errors.InsufficientPrivilege as error:
            return [f"role {role}: without its limits ({error.diag.message_primary})"]
    return [f"role {role}: without its limits (others change it all the time)"]


def _create_role(connection: psycopg.Connection[Any], role: str, kind: sql.SQL) -> list[str]:
    """Roles belong to the whole server, so another database's migration may create the same one meanwhile."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        return []
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind))
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return []
    return [f"role {role}"]
