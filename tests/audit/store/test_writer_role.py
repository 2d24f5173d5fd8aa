"""The sink's role `otelgate_writer`: it inserts, and can neither take back nor change what was committed.

As someone would who has taken over the sink: with its role, its chain key, and any statement.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from otelgate_audit import settings
from otelgate_audit.model import clock, partitions
from otelgate_audit.model import database as audit_database
from otelgate_audit.verify import verification
from psycopg import sql

from ..ledger_data import DAY, KEY, NOW, as_writer, commit, trace_id, turn
from ..verify.test_tampering import STATEMENTS, TAMPERINGS

Store = psycopg.Connection[Any]

ONE = f"'{trace_id(1)}'"
HEADS = {
    "back": "UPDATE ledger.head SET seq = 1",
    "to the same": "UPDATE ledger.head SET link = link",
    "beyond the last entry": "UPDATE ledger.head SET seq = seq + 1",
    "to an entry with another link": (
        "INSERT INTO ledger.entries SELECT seq + 1, committed_at, 'runs', now(), 'x', 'x', 1, '\\x01', '\\x02'"
        " FROM ledger.head; UPDATE ledger.head SET (seq, link) = (seq + 1, '\\x03')"
    ),
    "to an earlier time": (
        "INSERT INTO ledger.entries SELECT seq + 1, committed_at - interval '1 s', 'runs', now(), 'x', 'x', 1, '\\x01',"
        " '\\x02' FROM ledger.head;"
        " UPDATE ledger.head SET (seq, link, committed_at) = (seq + 1, '\\x02', committed_at - interval '1 s')"
    ),
    "with another count": "UPDATE ledger.head SET announced = 0",
}
REFUSED = {
    **{f"head {name}": text for name, text in HEADS.items()},
    **{f"delete from {table}": f"DELETE FROM {table}" for table in ("audit.turns", "audit.users", "content.texts")},
    "truncate": "TRUNCATE audit.runs",
    "delete a partition's rows": "DELETE FROM audit.runs_20260614",
    "insert into a partition": "INSERT INTO audit.runs_20260614 SELECT",
    "drop": "DROP TABLE audit.runs_20260614",
    "detach": "ALTER TABLE audit.runs DETACH PARTITION audit.runs_20260614",
    "add a column": "ALTER TABLE audit.runs ADD COLUMN x int",
    "disable a trigger": "ALTER TABLE ledger.head DISABLE TRIGGER move_forward",
    "skip triggers": "SET session_replication_role = replica",
    "another function": "CREATE OR REPLACE FUNCTION ledger.move_forward() RETURNS trigger LANGUAGE sql AS ''",
    "a trigger": "CREATE TRIGGER x AFTER INSERT ON audit.runs EXECUTE FUNCTION audit.note_user_days()",
    "a table": "CREATE TABLE audit.x (a int)",
    "a table in public": "CREATE TABLE public.x (a int)",
    "a schema": "CREATE SCHEMA x",
    "a role": "CREATE ROLE x",
    "the owner's role": "SET ROLE otelgate",
    "a session of the owner": "SET SESSION AUTHORIZATION otelgate",
    "rights": "GRANT otelgate TO CURRENT_USER",
    "lock": "LOCK TABLE audit.runs IN ACCESS EXCLUSIVE MODE",
    "a taken out turn": f"SELECT audit.take_out(ARRAY[{ONE}])",
    "a taken out turn, checked at once": f"SET CONSTRAINTS ALL IMMEDIATE; SELECT audit.take_out(ARRAY[{ONE}])",
    "a user's name": "UPDATE audit.users SET user_id = 'x'",
    "a session's name": "UPDATE audit.sessions SET session_id = 'x'",
    "days": "UPDATE audit.user_days SET day = 'today'",
    "erasure": "INSERT INTO audit.erasures (done_at, services, records, traces) VALUES (now(), '{}', 0, 0)",
    "a dropped partition": "INSERT INTO ledger.dropped (table_name) VALUES ('x')",
    "a comparison": "UPDATE audit.reconciliation SET missing = 0",
    "version": "UPDATE audit.alembic_version SET version_num = '0004'",
    **{
        f"read {table}": f"SELECT * FROM {table}"
        for table in ("content.texts", "content.rejects", "content.turns", "ledger.entries", "audit.runs")
    },
}
# The inserts that it may make, and the finding of verify for each.
FOUND = {
    "a run": (
        "INSERT INTO audit.runs (start_time, trace_id, span_id, service, duration_us, status, operation, received_at)"
        f" VALUES ('2026-06-14T12:00:00Z', {ONE}, 'feedfacefeedface', 'shop', 1, 'ok', 'chain', now())",
        "unknown",
    ),
    "words": (
        f"INSERT INTO content.texts SELECT start_time, {ONE}, uid, 'forged' FROM audit.scores WHERE uid = 'score-1'",
        "changed",
    ),
    "an entry": (
        "INSERT INTO ledger.entries SELECT seq + 1, committed_at, 'runs', committed_at, 'x', 'x', 1, '\\x01', '\\x02'"
        " FROM ledger.head",
        None,
    ),
    "an entry, and the head on it": (
        "INSERT INTO ledger.entries SELECT seq + 1, committed_at, 'runs', committed_at, 'x', 'x', 1, '\\x01', '\\x02'"
        " FROM ledger.head; UPDATE ledger.head SET (seq, link) = (seq + 1, '\\x02')",
        None,
    ),
    "a turn put back with another cost": (
        f"CREATE TEMP TABLE kept AS SELECT * FROM audit.turns WHERE trace_id = {ONE};"
        f" UPDATE kept SET cost_usd = 0; SELECT audit.take_out(ARRAY[{ONE}]);"
        " INSERT INTO audit.turns SELECT * FROM kept; DROP TABLE kept",
        None,
    ),
}


@pytest.fixture(scope="module")
def store(shared_database: str) -> Iterator[str]:
    """Three turns that the writer's role committed, as those of test_tampering.py."""
    with as_writer(shared_database) as writer:
        batches = (turn(1, "ann"), turn(2, "bob", NOW - 3 * DAY), turn(3, None, service="desk"))
        for number, batch in enumerate(batches):
            commit(writer, batch, NOW + number)
    assert codes(shared_database) == set(), "the control"
    yield shared_database
    assert codes(shared_database) == set(), "nothing was changed"


def codes(database: str) -> set[str]:
    """The codes of what verify finds."""
    with audit_database.connect(database, name="test") as connection:
        return {code for code, _ in verification.verify(connection, KEY, now_us=NOW + 30 * DAY).counts}


@pytest.mark.parametrize("tampering", list(TAMPERINGS))
def test_tamper_as_the_writer_is_refused(store: str, tampering: str) -> None:
    with as_writer(store) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege), writer.transaction():
        TAMPERINGS[tampering](writer, STATEMENTS.get(tampering, ""))


@pytest.mark.parametrize("statement", list(REFUSED))
def test_do_more_than_insert_as_the_writer_is_refused(store: str, statement: str) -> None:
    with as_writer(store) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege), writer.transaction():
        writer.execute(REFUSED[statement])


@pytest.mark.parametrize("name", list(FOUND))
def test_insert_what_never_was_as_the_writer_is_found(database: str, name: str) -> None:
    statement, code = FOUND[name]
    with as_writer(database) as writer:
        commit(writer, turn(1, "ann"))
        with writer.transaction():
            writer.execute(statement)
    found = codes(database)
    assert found
    assert code is None or code in found


def test_writer_role_has_no_other_rights_to_change_rows(store: str) -> None:
    """By the server's own account: also of partitions, and of what everybody may."""
    changes = ("UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    statement = (
        "SELECT c.oid::regclass::text, each FROM pg_class c, unnest(%s::text[]) AS each"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace::regnamespace::text NOT LIKE 'pg\\_%%'"
        " AND relnamespace <> 'information_schema'::regnamespace AND has_table_privilege(%s, c.oid, each)"
    )
    columns = (
        "SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace IN ('audit'::regnamespace, 'content'::regnamespace, 'ledger'::regnamespace)"
        " AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege(%s, attrelid, attname, 'UPDATE')"
    )
    people = ("first_seen", "last_seen", "tier", "tier_at", "turns")
    with psycopg.connect(store) as connection:
        assert connection.execute(statement, [list(changes), audit_database.WRITER]).fetchall() == []
        assert {name for (name,) in connection.execute(columns, [audit_database.WRITER])} == {
            *(f"audit.users.{name}" for name in (*people, "signed_up_at")),
            *(f"audit.sessions.{name}" for name in (*people, "user_id", "user_at", "agents")),
            *(f"ledger.head.{name}" for name in ("seq", "link", "committed_at")),
        }


@pytest.mark.parametrize("function", ["make_partition", "take_out", "put_back", "move_forward"])
def test_functions_of_the_owner_have_a_fixed_search_path_and_are_the_writers_alone(store: str, function: str) -> None:
    with psycopg.connect(store) as connection:
        row = connection.execute(
            "SELECT prosecdef, proconfig @> ARRAY['search_path=pg_catalog, pg_temp'],"
            " has_function_privilege('otelgate_reader', oid, 'EXECUTE') FROM pg_proc WHERE proname = %s",
            [function],
        ).fetchone()
    assert row == (True, True, False)


@pytest.mark.parametrize("table", [*partitions.DAILY, *partitions.MONTHLY])
@pytest.mark.parametrize("moment", ["2024-02-29T23:59:59.999999", "2025-12-31T00:00:00", "2026-06-01T00:00:00"])
def test_make_a_partition_as_the_writer_is_the_one_that_covers_the_time(store: str, table: str, moment: str) -> None:
    """Also where the session's clock is another place's."""
    time_us = clock.to_us(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    wanted = partitions.covering(table, time_us)
    with as_writer(store) as writer:
        writer.execute("SET timezone = 'Pacific/Kiritimati'")
        for _ in range(2):
            writer.execute("SELECT ledger.make_partition(%s, %s)", [table, f"{moment}Z"])
        writer.execute("SET timezone = 'UTC'")
        bounds = writer.execute(
            "SELECT pg_get_expr(relpartbound, oid), relowner::regrole::text FROM pg_class WHERE oid = %s::regclass",
            [wanted.name],
        ).fetchone()
    start, end = (f"{each:%Y-%m-%d %H:%M:%S}+00" for each in (wanted.start, wanted.end))
    assert bounds == (f"FOR VALUES FROM ('{start}') TO ('{end}')", "otelgate")


@pytest.mark.parametrize("table", ["audit.users", "audit.runs; DROP TABLE audit.runs", "ledger.head", "", None])
def test_make_a_partition_of_another_table_fails(store: str, table: str | None) -> None:
    with as_writer(store) as writer, pytest.raises(psycopg.errors.InvalidParameterValue):
        writer.execute("SELECT ledger.make_partition(%s, now())", [table])


def test_migrate_takes_a_right_away_that_the_writer_should_not_have(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("GRANT ALL ON audit.runs, content.texts TO otelgate_writer")
        owner.execute("GRANT UPDATE (mac) ON ledger.entries TO otelgate_writer")
    audit_database.migrate(database)
    with as_writer(database) as writer:
        for text in ("DELETE FROM audit.runs", "SELECT input FROM content.texts", "UPDATE ledger.entries SET mac = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute(text)


@pytest.mark.parametrize("password", ["", "the writer's"])
def test_connect_as_the_writer_sends_no_login_of_the_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, password: str
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(psycopg, "connect", lambda url, **options: given.update(options))
    env = {"OTELGATE_DATABASE_URL": "postgresql://me:s3cret@db.example/audit"}
    if password:
        (tmp_path / "writer").write_text(f"{password}\n")
        env["OTELGATE_WRITER_PASSWORD_FILE"] = str(tmp_path / "writer")
    audit_database.connect_writer(settings.load(env), name="test")
    assert (given["user"], given["password"]) == ("otelgate_writer", password)


def test_migrate_sets_the_writers_password(server: Any, database: str) -> None:
    name = f"writer_{psycopg.conninfo.conninfo_to_dict(database)['dbname']}"
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    with (
        psycopg.connect(database, autocommit=True) as owner,
        psycopg.connect(server.get_uri(), autocommit=True) as admin,
    ):
        try:
            assert audit_database._login(owner, name, None) == [f"role {name}"]
            assert admin.execute(stored, [name]).fetchone() == (None,)
            assert audit_database._login(owner, name, "it's a secret") == []
            (password,) = admin.execute(stored, [name]).fetchone() or ("",)
            assert password.startswith("SCRAM-SHA-256$")
        finally:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
