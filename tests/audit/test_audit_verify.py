"""`otelgate-audit verify` on a store that was tampered with: each way is told, and by name."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from audit_ledger_data import DAY, KEY, NOW, RECORDS, commit, conversation, trace_id
from otelgate_audit import columns, verify
from otelgate_audit import database as audit_database
from otelgate_audit.checks.findings import Report
from otelgate_audit.records import Event, Feedback, ModelCall, Run, Score, ToolCall
from psycopg import sql

Store = psycopg.Connection[Any]

RUN = f"{trace_id(1)}/0000000100000000 of 2026-06-14T12:00:00.000000Z"
TOOL = f"{trace_id(1)}/0000000100000002 of 2026-06-14T12:00:00.002000Z"
VOTE = f"{trace_id(1)}/vote-1 of 2026-06-14T12:00:09.000000Z"
CALL = "span_id = '0000000100000002'"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """Three conversations of two days and two services."""
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, conversation(1, "ann"))
        commit(connection, conversation(2, "bob", NOW - 3 * DAY), NOW + 1)
        commit(connection, conversation(3, None, service="desk"), NOW + 2)
        yield connection


def check(database: str, **options: Any) -> Report:
    with audit_database.connect(database, name="test") as connection:
        return verify.verify(connection, KEY, **options)


def told(report: Report) -> set[str]:
    assert report.total == len(report.findings)
    return {f"{each.code}: {each}" for each in report.findings}


def test_an_untouched_store_is_fine(database: str, store: Store) -> None:
    report = check(database)
    assert report.findings == []
    assert (report.entries, report.records, report.conversations) == (3 * RECORDS, 3 * RECORDS, 3)


def test_an_empty_store_is_fine(database: str) -> None:
    assert check(database).findings == []


@pytest.mark.parametrize("record", [Run, ModelCall, ToolCall, Feedback, Score, Event])
def test_each_column_of_a_record_is_proven(database: str, record: type) -> None:
    table = {each: name for name, each in columns.KINDS.items()}[record]
    fields = [name for name in record._fields if name not in ("start_time", "trace_id", "span_id", "uid")]
    names = ["cost_usd" if name == "cost_pico" else name for name in fields]
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        cursor = connection.cursor()
        for number, name in enumerate(names):
            commit(connection, conversation(number, "ann"))
            kind = cursor.execute(
                "SELECT data_type FROM information_schema.columns"
                " WHERE (table_schema, table_name, column_name) = ('audit', %s, %s)",
                [table, name],
            ).fetchone()
            assert kind
            one_row = sql.SQL("WHERE (start_time, {0}) = (SELECT start_time, {0} FROM {1} WHERE {2} LIMIT 1)").format(
                sql.Identifier("span_id" if table in columns.SPANS else "uid"),
                sql.Identifier("audit", table),
                sql.SQL("span_id LIKE {0} || '%'" if table in columns.SPANS else "uid LIKE '%-' || {1}").format(
                    sql.Literal(f"{number:08x}"), sql.Literal(str(number))
                ),
            )
            connection.execute(
                sql.SQL("UPDATE {} SET {} = {} {}").format(
                    sql.Identifier("audit", table), sql.Identifier(name), sql.Literal(OTHER[kind[0]]), one_row
                )
            )
    found = [each for each in check(database).findings if each.code == "changed"]
    assert {each.where for each in found} == {f"audit.{table}"}
    assert len(found) == len(names)


OTHER = {
    "text": "other",
    "bigint": 7777,
    "smallint": 2,
    "numeric": "0.0000012345671",
    "double precision": "NaN",
    "timestamp with time zone": "2026-01-01",
    "jsonb": '{"zip": "12345", "plan": "pro"}',
}

CHANGED = "the row or its words differ from what entry {} attests"
UNKNOWN = "has no entry: not written by the sink"
LONE = "belongs to no record of the ledger"
MOVED = "does not follow from the entry before it: changed or moved"
EVENT_3 = "event-3 of 2026-06-14T12:00:07.000000Z"
GRADE, SCORE = f"{trace_id(1)}/grade-1", f"{trace_id(1)}/score-1"
FIRST, SECOND = "of 2026-06-14T12:00:08.000000Z", "of 2026-06-14T12:00:08.000001Z"

TAMPERED: dict[str, tuple[str, list[str]]] = {
    "a row": (
        f"UPDATE audit.tool_calls SET tool = 'refund' WHERE {CALL}",
        [f"changed: audit.tool_calls {TOOL}: {CHANGED.format(4)}"],
    ),
    "its words": (
        f"UPDATE content.texts SET output = 'not found' WHERE {CALL.replace('span_id', 'record')}",
        [f"changed: audit.tool_calls {TOOL}: {CHANGED.format(4)}"],
    ),
    "its words are deleted": (
        "DELETE FROM content.texts WHERE record = 'vote-1'",
        [f"changed: audit.feedback {VOTE}: {CHANGED.format(5)}"],
    ),
    "words for a record that had none": (
        "INSERT INTO content.texts SELECT start_time, trace_id, uid, 'why' FROM audit.scores WHERE uid = 'score-1'",
        [f"changed: audit.scores {SCORE} {FIRST}: {CHANGED.format(6)}"],
    ),
    "words of no record": (
        "INSERT INTO content.texts SELECT start_time, trace_id, 'other', 'in' FROM content.texts"
        " WHERE record = 'vote-1'",
        [f"words: content.texts {VOTE.replace('vote-1', 'other')}: {LONE}"],
    ),
    "a row is deleted": (
        "DELETE FROM audit.feedback WHERE uid = 'vote-1'",
        [
            f"missing: audit.feedback {VOTE}: the row of entry 5 is missing",
            f"conversation: audit.conversations {trace_id(1)}: differs from its records in rating, rating_score, state",
        ],
    ),
    "a row is deleted with its entry": (
        f"DELETE FROM audit.tool_calls WHERE {CALL}; DELETE FROM ledger.entries WHERE seq = 4",
        [
            "gap: ledger.entries entry 4: missing",
            f"words: content.texts {TOOL}: {LONE}",
            f"conversation: audit.conversations {trace_id(1)}: differs from its records in tool_calls",
        ],
    ),
    "a row is made up": (
        "INSERT INTO audit.scores SELECT start_time, 'made-up', NULL, service, environment, NULL, NULL, name, 1, NULL"
        " FROM audit.scores WHERE uid = 'grade-1'",
        [f"unknown: audit.scores made-up {SECOND}: {UNKNOWN}"],
    ),
    "a row is made up for another day": (
        "INSERT INTO audit.scores SELECT '1999-12-31', 'made-up', NULL, service, environment, NULL, NULL, name, 1, NULL"
        " FROM audit.scores WHERE uid = 'grade-1'",
        [f"unknown: audit.scores made-up of 1999-12-31T00:00:00.000000Z: {UNKNOWN}"],
    ),
    "a row is moved in time": (
        "UPDATE audit.scores SET start_time = '2026-06-11T12:00:08Z' WHERE uid = 'grade-1'",
        [
            f"missing: audit.scores {GRADE} {SECOND}: the row of entry 7 is missing",
            f"unknown: audit.scores {GRADE} of 2026-06-11T12:00:08.000000Z: {UNKNOWN}",
        ],
    ),
    "the chain's tail": (
        "DELETE FROM ledger.entries WHERE seq > 23",
        [
            "gap: ledger.entries entry 24: missing: ledger.head tells of them",
            f"unknown: audit.events {EVENT_3}: {UNKNOWN}",
            f"words: content.texts {EVENT_3}: {LONE}",
        ],
    ),
    "the chain's tail, and the head": (
        "DELETE FROM ledger.entries WHERE seq > 23;"
        " UPDATE ledger.head SET (seq, link) = (SELECT seq, link FROM ledger.entries WHERE seq = 23)",
        [f"unknown: audit.events {EVENT_3}: {UNKNOWN}", f"words: content.texts {EVENT_3}: {LONE}"],
    ),
    "the chain's beginning": (
        "DELETE FROM ledger.entries WHERE seq < 2",
        [
            "gap: ledger.entries entry 1: missing",
            f"unknown: audit.runs {RUN}: {UNKNOWN}",
            f"words: content.texts {RUN}: {LONE}",
        ],
    ),
    "the whole chain": (
        "TRUNCATE ledger.entries, audit.runs, audit.model_calls, audit.tool_calls, audit.feedback, audit.scores,"
        " audit.events, audit.conversations, content.texts",
        ["gap: ledger.entries entries 1 to 24: missing: ledger.head tells of them"],
    ),
    "the head": (
        r"UPDATE ledger.head SET link = '\x00'",
        ["head: ledger.head entry 24: is not the chain's last entry, 24"],
    ),
    "two entries are swapped": (
        "UPDATE ledger.entries e SET mac = o.mac, record = o.record FROM ledger.entries o"
        " WHERE (e.seq, o.seq) IN ((6, 7), (7, 6))",
        [
            f"link: ledger.entries entry 6: {MOVED}",
            f"link: ledger.entries entry 7: {MOVED}",
            f"missing: audit.scores {GRADE} {FIRST}: the row of entry 6 is missing",
            f"missing: audit.scores {SCORE} {SECOND}: the row of entry 7 is missing",
            f"unknown: audit.scores {SCORE} {FIRST}: {UNKNOWN}",
            f"unknown: audit.scores {GRADE} {SECOND}: {UNKNOWN}",
        ],
    ),
    "two entries change places": (
        "UPDATE ledger.entries SET seq = 67 - seq WHERE seq IN (6, 7); UPDATE ledger.entries SET seq = seq - 54"
        " WHERE seq > 50",
        [f"link: ledger.entries entry {seq}: {MOVED}" for seq in (6, 7, 8)],
    ),
    "an entry is copied": (
        "INSERT INTO ledger.entries SELECT seq, committed_at + interval '1 s', kind, start_time, trace_id, record,"
        " key_id, mac, link FROM ledger.entries WHERE seq = 8",
        ["extra: ledger.entries entry 8: is no part of the chain"],
    ),
    "an entry's proof is shortened": (
        "UPDATE ledger.entries SET mac = '' WHERE seq = 8",
        [
            f"link: ledger.entries entry 8: {MOVED}",
            f"changed: audit.events event-1 of 2026-06-14T12:00:07.000000Z: {CHANGED.format(8)}",
        ],
    ),
    "a conversation": (
        f"UPDATE audit.conversations SET cost_usd = 0, agent = 'other' WHERE trace_id = '{trace_id(1)}'",
        [f"conversation: audit.conversations {trace_id(1)}: differs from its records in agent, cost_usd"],
    ),
    "a conversation's times": (
        "UPDATE audit.conversations SET started_at = '-infinity', ended_at = 'infinity'"
        f" WHERE trace_id = '{trace_id(1)}'",
        [f"conversation: audit.conversations {trace_id(1)}: differs from its records in started_at, ended_at"],
    ),
    "a conversation is deleted": (
        f"DELETE FROM audit.conversations WHERE trace_id = '{trace_id(1)}'",
        [f"missing: audit.conversations {trace_id(1)}: the row is missing: the trace has records"],
    ),
    "a conversation is made up": (
        "INSERT INTO audit.conversations (trace_id, started_at, ended_at, arrived_at, updated_at, service, state)"
        " VALUES ('made-up', '2026-06-14', '2026-06-14', now(), now(), 'shop', '{}')",
        ["conversation: audit.conversations made-up: has no records"],
    ),
}


def test_tampering_is_named(store: Store) -> None:
    found = {}
    for case, (statements, _) in TAMPERED.items():
        with store.transaction(force_rollback=True):
            store.execute(statements)
            report = Report()
            verify.examine(store, KEY, report)
            found[case] = sorted(told(report))
    assert found == {case: sorted(expected) for case, (_, expected) in TAMPERED.items()}
