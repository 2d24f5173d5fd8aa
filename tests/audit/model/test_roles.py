"""A role that only reads neither stops nor changes the audit, with its limits lifted and every lock it may take."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from otelgate_audit.jobs import retention, schedule
from otelgate_audit.jobs.schedule import Job, Jobs
from otelgate_audit.model import database as audit_database
from otelgate_audit.model import locks, partitions
from otelgate_audit.process.telemetry import Meters
from otelgate_audit.verify import verification
from psycopg import sql
from waiting import until

from ..ledger_data import DAY, KEY, NOW, commit, settings, turn

GRAFANA = audit_database.GRAFANA
TABLES = ("audit.runs", "audit.turns", "audit.users", "content.texts", "ledger.head", "ledger.entries")
MODES = (
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
STRENGTHS = ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE")
WRITES = (
    "INSERT INTO audit.users (service, user_id, first_seen, last_seen) VALUES ('x', 'x', now(), now())",
    "UPDATE audit.turns SET user_id = 'x'",
    "DELETE FROM audit.runs",
    "TRUNCATE audit.runs",
    "DELETE FROM ledger.entries",
    "UPDATE ledger.head SET seq = 0",
    "DROP TABLE audit.runs CASCADE",
    "ALTER TABLE audit.runs ADD COLUMN x int",
    "CREATE INDEX ON audit.runs (service)",
    "CREATE TABLE public.x (a int)",
    "CREATE TABLE audit.x (a int)",
    "CREATE SCHEMA x",
    "CREATE FUNCTION analytics.x() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE ROLE x",
    "SET ROLE otelgate",
    "SET ROLE otelgate_content",
    "GRANT otelgate_content TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
    "SELECT pg_reload_conf()",
    "COPY audit.runs TO PROGRAM 'true'",
    "COPY audit.runs TO '/tmp/x'",
)


def as_grafana(database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(database.replace("otelgate@", f"{GRAFANA}@", 1), autocommit=True)


def as_owner(database: str, **options: Any) -> psycopg.Connection[Any]:
    """A long wait fails, rather than hang a test."""
    connection = audit_database.connect(database, name="test", **options)
    connection.execute("SET lock_timeout = '30s'")
    connection.commit()
    return connection


def role(database: str, name: str = GRAFANA) -> tuple[Any, ...]:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    assert row
    return row[0], sorted(row[1] or [])


LIMITS = [
    "default_transaction_read_only=on",
    "idle_in_transaction_session_timeout=60s",
    "lock_timeout=5s",
    "statement_timeout=30s",
]


def test_migrate_limits_grafanas_role(database: str) -> None:
    assert role(database) == (20, LIMITS)
    with as_grafana(database) as grafana:
        for limit in LIMITS:
            name, _, value = limit.partition("=")
            shown = grafana.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert shown in ((value,), ("1min" if value == "60s" else value,))
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            grafana.execute("CREATE TEMP TABLE x (a int)")


@pytest.fixture
def another(server: Any, database: str) -> Iterator[str]:
    """A role of the server, made by the owner, for tests that change it: others read as Grafana's meanwhile."""
    name = f"reader_{psycopg.conninfo.conninfo_to_dict(database)['dbname']}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    yield name
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_limit_role_keeps_existing_limits(database: str, another: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        name = sql.Identifier(another)
        owner.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 3").format(name))
        owner.execute(sql.SQL("ALTER ROLE {} SET statement_timeout = '5min'").format(name))
        assert audit_database._limit(owner, another) == []
        wanted = (3, sorted([*LIMITS[:3], "statement_timeout=5min"]))
        assert role(database, another) == wanted
        assert audit_database._limit(owner, another) == []
    assert role(database, another) == wanted


def test_limit_a_role_in_two_databases_at_once_succeeds(database: str, another: str) -> None:
    """Roles are the server's: two migrations change the same one."""
    together = threading.Barrier(4)

    def limit(_: int) -> list[str]:
        with psycopg.connect(database, autocommit=True) as owner:
            together.wait(60)
            return audit_database._limit(owner, another)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(limit, range(4))) == [[]] * 4
    assert role(database, another) == (20, LIMITS)


def test_limit_role_of_another_owner_is_reported(server: Any, database: str, another: str) -> None:
    """Where an administrator made the role, it may not be the sink's to change; the sink starts all the same."""
    name = f"{another}_foreign"
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(database, autocommit=True) as owner:
                (said,) = audit_database._limit(owner, name)
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
    assert said.startswith(f"role {name}: without its limits (permission denied")


def test_connect_beyond_the_limit_fails(database: str, another: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 2").format(sql.Identifier(another)))
        audit_database._limit(owner, another)
    url = database.replace("otelgate@", f"{another}@", 1)
    with (
        psycopg.connect(url, autocommit=True) as connection,
        psycopg.connect(url),
    ):
        connection.execute("SET statement_timeout = 0")  # the others can be lifted, this can't
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(url)


@pytest.mark.parametrize("statement", WRITES)
def test_write_as_grafana_fails_with_its_limits_lifted(database: str, statement: str) -> None:
    with as_grafana(database) as grafana:
        grafana.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            grafana.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_lock_as_grafana_fails_but_for_reading(database: str, table: str) -> None:
    refused = (psycopg.errors.InsufficientPrivilege,)
    with as_grafana(database) as grafana:
        grafana.execute("SET default_transaction_read_only = off")
        for statement in (
            *(f"LOCK TABLE {table} IN {mode} MODE NOWAIT" for mode in MODES),
            *(f"SELECT FROM {table} FOR {strength}" for strength in STRENGTHS),
        ):
            with pytest.raises(refused), grafana.transaction():
                grafana.execute(statement)


@contextmanager
def everything_locked(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Grafana's role with its limits lifted holds every lock that it may take."""
    with as_grafana(database) as grafana:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            grafana.execute(sql.SQL("SET {} = 0").format(sql.Identifier(name)))
        names = [
            partitions.covering(table, day * DAY).name
            for table in (*partitions.DAILY, *partitions.MONTHLY)
            for day in range(NOW // DAY - 40, NOW // DAY + 40)
        ]
        grafana.execute("SELECT pg_advisory_lock(hashtext(name)) FROM unnest(%s::text[]) AS t (name)", [names])
        keys = [audit_database._MIGRATION_LOCK, *(6_835_674_028_300_100 + number for number in range(10))]
        grafana.execute("SELECT pg_advisory_lock(key) FROM unnest(%s::bigint[]) AS t (key)", [keys])
        grafana.execute("BEGIN")
        # With their partitions, which it may not name.
        tables = grafana.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE has_schema_privilege(schemaname, 'USAGE')"
            " AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT') AND schemaname = 'audit'"
        ).fetchall()
        assert ("audit", "runs") in tables
        for schema, table in tables:
            grafana.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(schema, table)))
        yield grafana


def test_commit_while_grafana_holds_every_lock_succeeds(database: str) -> None:
    """Of today and of days that need new partitions; what is there verifies."""
    with as_owner(database, autocommit=True) as connection:
        commit(connection, turn(1, "ann"))
        with everything_locked(database):
            for number, day in enumerate((1, -1, -20, 0, 31), start=2):
                commit(connection, turn(number, "bob", NOW + day * DAY), NOW + max(day, 0) * DAY)
    with as_owner(database) as connection:
        report = verification.verify(connection, KEY)
    assert (report.findings, report.turns) == ([], 6)


def test_migrate_while_grafana_holds_every_lock_succeeds(database: str) -> None:
    with everything_locked(database), ThreadPoolExecutor(1) as pool:
        assert pool.submit(audit_database.migrate, database).result(120) == []


def test_purge_while_grafana_reads_every_table_leaves_what_is_read(database: str, tmp_path: Path) -> None:
    """It stays until the next time; what is committed meanwhile doesn't wait for it."""
    kept = settings(database, tmp_path)
    with as_owner(database, autocommit=True) as connection, as_owner(database) as other:
        commit(connection, turn(1, "ann", NOW - 100 * DAY), NOW - 99 * DAY)
        with everything_locked(database):
            left = retention.purge(other, kept, NOW)
            commit(connection, turn(2, "ann"))
        gone = retention.purge(other, kept, NOW)
        assert "audit.runs" not in {each.table for each in left if each.partition}
        assert "audit.runs" in {each.table for each in gone if each.partition}
        assert verification.verify(other, KEY).findings == []


@pytest.mark.parametrize("name", ["gauges", "head", "reconcile", "retention", "partitions"])
def test_do_a_job_while_grafana_holds_its_lock_succeeds(database: str, tmp_path: Path, name: str) -> None:
    chosen = settings(database, tmp_path)
    (job,) = (each for each in schedule.standard(chosen, _NoTelemetry()) if each.name == name)  # type: ignore[arg-type]
    done = threading.Event()
    work = Job(name, 0.01, job.lock, lambda connection, now_us: done.set())
    with everything_locked(database):
        running = Jobs(chosen, Meters(), [work], lambda: True)
        running.start()
        try:
            assert done.wait(120)
        finally:
            running.stop()


class _NoTelemetry:
    meters = Meters()


def test_lead_while_another_sink_leads_fails(database: str) -> None:
    """Grafana's role waits for the lock that a sink has: another sink still sees that sink's."""
    key = 6_835_674_028_300_100
    with as_owner(database) as first, as_owner(database) as second, as_grafana(database) as grafana:
        grafana.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        assert locks.leads(first, key)
        waiting = threading.Thread(target=lambda: grafana.execute("SELECT pg_advisory_lock(%s)", [key]))
        waiting.start()
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = %s"
        assert until(lambda: second.execute(waits, [grafana.info.backend_pid]).fetchone())
        assert not locks.leads(second, key)
        assert locks.leads(first, key), "it has it already"
        first.close()
        waiting.join(60)
        assert locks.leads(second, key), "now only Grafana's role has it"


def test_wait_waits_for_another_migration(database: str) -> None:
    order: list[str] = []
    with as_owner(database) as first:
        locks.wait(first, 7)

        def migrate() -> None:
            with as_owner(database) as second:
                locks.wait(second, 7)
                order.append("second")

        thread = threading.Thread(target=migrate)
        thread.start()
        thread.join(0.5)
        order.append("first")
        first.commit()
        thread.join(60)
    assert order == ["first", "second"]
