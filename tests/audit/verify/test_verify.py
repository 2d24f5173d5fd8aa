"""`otelgate-audit verify` on a store that was tampered with: each way is told, and by name."""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import psycopg
import pytest
from otelgate_audit import ledger
from otelgate_audit.ledger import attest, proof
from otelgate_audit.ledger.witness import Witness
from otelgate_audit.model import columns
from otelgate_audit.model import database as audit_database
from otelgate_audit.model.records import Event, Feedback, ModelCall, Run, Score, ToolCall
from otelgate_audit.verify import command, findings, heads, verification
from otelgate_audit.verify.findings import Report
from psycopg import sql

from ..command_options import options
from ..ledger_data import DAY, KEY, NOW, RECORDS, commit, settings, trace_id, turn
from ..loki import Loki, asked

Store = psycopg.Connection[Any]

RUN = f"{trace_id(1)}/0000000100000000 of 2026-06-14T12:00:00.000000Z"
TOOL = f"{trace_id(1)}/0000000100000002 of 2026-06-14T12:00:00.002000Z"
VOTE = f"{trace_id(1)}/vote-1 of 2026-06-14T12:00:09.000000Z"
CALL = "span_id = '0000000100000002'"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """Three turns of two days and two services."""
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, turn(1, "ann"))
        commit(connection, turn(2, "bob", NOW - 3 * DAY), NOW + 1)
        commit(connection, turn(3, None, service="desk"), NOW + 2)
        yield connection


def check(database: str, **options: Any) -> Report:
    with audit_database.connect(database, name="test") as connection:
        return verification.verify(connection, KEY, now_us=NOW + 90 * DAY, **options)


def told(report: Report) -> set[str]:
    assert report.total == len(report.findings)
    return {f"{each.code}: {each}" for each in report.findings}


def test_verify_accepts_untouched_store(database: str, store: Store) -> None:
    report = check(database)
    assert report.findings == []
    assert (report.entries, report.records, report.turns) == (3 * RECORDS, 3 * RECORDS, 3)


def test_verify_accepts_empty_store(database: str) -> None:
    assert check(database).findings == []


@pytest.mark.parametrize("record", [Run, ModelCall, ToolCall, Feedback, Score, Event])
def test_each_column_of_a_record_is_proven(database: str, record: type) -> None:
    table = {each: name for name, each in columns.KINDS.items()}[record]
    fields = [name for name in record._fields if name not in ("start_time", "trace_id", "span_id", "uid")]
    names = ["cost_usd" if name == "cost_pico" else name for name in fields]
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        cursor = connection.cursor()
        for number, name in enumerate(names):
            commit(connection, turn(number, "ann"))
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
    "boolean": True,
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
            f"turn: audit.turns {trace_id(1)}: differs from its records in rating, rating_score, state",
        ],
    ),
    "a row is deleted with its entry": (
        f"DELETE FROM audit.tool_calls WHERE {CALL}; DELETE FROM ledger.entries WHERE seq = 4",
        [
            "gap: ledger.entries entry 4: missing",
            f"words: content.texts {TOOL}: {LONE}",
            f"turn: audit.turns {trace_id(1)}: differs from its records in tool_calls",
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
        " audit.events, audit.turns, content.texts",
        ["gap: ledger.entries entries 1 to 24: missing: ledger.head tells of them"],
    ),
    "the head": (
        r"UPDATE ledger.head SET link = '\x00'",
        ["head: ledger.head entry 24: is not the chain's last entry, 24"],
    ),
    "the head is deleted": ("DELETE FROM ledger.head", ["head: ledger.head the row: is missing"]),
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
    "a turn": (
        f"UPDATE audit.turns SET cost_usd = 0, agent = 'other' WHERE trace_id = '{trace_id(1)}'",
        [f"turn: audit.turns {trace_id(1)}: differs from its records in agent, cost_usd"],
    ),
    "a turn's times": (
        f"UPDATE audit.turns SET started_at = '-infinity', ended_at = 'infinity' WHERE trace_id = '{trace_id(1)}'",
        [f"turn: audit.turns {trace_id(1)}: differs from its records in started_at, ended_at"],
    ),
    "a turn is deleted": (
        f"DELETE FROM audit.turns WHERE trace_id = '{trace_id(1)}'",
        [f"missing: audit.turns {trace_id(1)}: the row is missing: the trace has records"],
    ),
    "a turn is made up": (
        "INSERT INTO audit.turns (trace_id, started_at, ended_at, arrived_at, updated_at, service, state)"
        " VALUES ('made-up', '2026-06-14', '2026-06-14', now(), now(), 'shop', '{}')",
        ["turn: audit.turns made-up: has no records"],
    ),
}


def test_tampering_is_named(store: Store) -> None:
    found = {}
    for case, (statements, _) in TAMPERED.items():
        with store.transaction(force_rollback=True):
            store.execute(statements)
            report = Report()
            verification.examine(store, KEY, report)
            found[case] = sorted(told(report))
    assert found == {case: sorted(expected) for case, (_, expected) in TAMPERED.items()}


def test_changed_or_deleted_key_is_found(store: Store) -> None:
    found = []
    for statement in ("UPDATE ledger.keys SET key = key || key", "DELETE FROM ledger.keys"):
        with store.transaction(force_rollback=True):
            store.execute(f"{statement} WHERE service = 'desk'")
            report = Report()
            verification.examine(store, KEY, report)
            found.append(dict(report.counts))
    tables = {"runs": 1, "model_calls": 2, "tool_calls": 1, "feedback": 1, "scores": 2, "events": 1}
    assert found == [{(code, f"audit.{table}"): n for table, n in tables.items()} for code in ("changed", "key")]


def rebuild_chain(store: Store, chain_key: bytes) -> None:
    """Someone with all of the database can change a row, then recompute every MAC and link."""
    store.execute(f"UPDATE audit.tool_calls SET tool = 'refund' WHERE {CALL}")
    keys = {number: bytes(key) for number, key in store.execute("SELECT key_id, key FROM ledger.keys").fetchall()}
    rows = {}
    for kind in columns.KINDS:
        for row in attest.rows(store, kind, sql.SQL("true").format(), None):
            rows[row.identity] = proof.encode(kind, row.record, row.words)
    cursor, previous = columns.cursor(store), b""
    for entry in cursor.execute("SELECT * FROM ledger.entries ORDER BY seq").fetchall():
        made = ledger.Entry(*entry)
        made = made._replace(mac=proof.digest(keys[made.key_id], rows[made[3:6]]))
        previous = proof.link(chain_key, previous, made)
        store.execute("UPDATE ledger.entries SET mac = %s, link = %s WHERE seq = %s", [made.mac, previous, made.seq])
    store.execute("UPDATE ledger.head SET link = %s", [previous])


def test_chain_rebuilt_without_its_key_is_found(database: str, store: Store) -> None:
    rebuild_chain(store, b"guessed")
    assert told(check(database)) == {f"link: ledger.entries entry {seq}: {MOVED}" for seq in range(1, 25)}


SLICES = 15
"""Loki answers no query over more than 30 days, and 400 are asked for."""


def test_announced_heads_that_agree_are_counted(database: str, store: Store, loki: tuple[Loki, str]) -> None:
    known, url = loki
    for minute in range(5):
        known.announce(store, NOW + minute * 60_000_000)
    report = check(database, loki=asked(url))
    assert (report.total, report.heads, report.notes) == (0, 5, [])
    assert known.asked[0]["query"] == '{service_name=~"otelgate-keeper|otelgate-audit"} | otelgate_audit_head_seq != ""'


def test_heads_are_read_page_by_page(
    database: str, store: Store, loki: tuple[Loki, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_PAGE", 2)
    known, url = loki
    for minute in range(5):
        known.announce(store, NOW + minute * 60_000_000)
    assert check(database, loki=asked(url)).heads == 5
    assert len(known.asked) == SLICES + 2


def test_chain_rebuilt_with_its_key_is_found_by_its_heads(database: str, store: Store, loki: tuple[Loki, str]) -> None:
    known, url = loki
    known.announce(store, NOW)
    rebuild_chain(store, KEY)
    known.announce(store, NOW + 60_000_000)
    assert told(check(database)) == set()
    said = f"was announced at 2026-06-15T12:00:00.000000Z, according to Loki at {url},"
    expected = f"{said} with another link: the chain was rebuilt"
    assert told(check(database, loki=asked(url))) == {f"announced: ledger.entries entry 24: {expected}"}


def test_old_copy_of_the_database_is_found_by_the_heads(
    database: str, store: Store, loki: tuple[Loki, str], server: Any
) -> None:
    known, url = loki
    known.announce(store, NOW)
    store.close()
    copy = f"{psycopg.conninfo.conninfo_to_dict(database)['dbname']}_copy"
    old = database.replace(copy.removesuffix("_copy"), copy)
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        name, source = sql.Identifier(copy), sql.Identifier(copy.removesuffix("_copy"))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER otelgate TEMPLATE {} STRATEGY file_copy").format(name, source))
        with audit_database.connect(database, name="test", autocommit=True) as connection:
            commit(connection, turn(4, "ann"), NOW + 3)
            known.announce(connection, NOW + 60_000_000)
        assert told(check(database, loki=asked(url))) == set()
        assert told(check(old)) == set()
        announced = f"was announced at 2026-06-15T12:01:00.000000Z, according to Loki at {url},"
        said = f"{announced} but the chain ends at 24"
        expected = (
            f"announced: ledger.entries entry 32: {said}: its tail is gone, or an old copy of the database was put back"
        )
        assert told(check(old, loki=asked(url))) == {expected}
        with audit_database.connect(old, name="test", autocommit=True) as connection:
            commit(connection, turn(5, "eve"), NOW + 4)
        rebuilt = f"{announced} with another link: the chain was rebuilt"
        assert told(check(old, loki=asked(url))) == {f"announced: ledger.entries entry 32: {rebuilt}"}
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def unchecked(why: str) -> str:
    return f"unchecked: announced heads in Loki: could not be checked: {why}"


def test_heads_of_another_key_are_no_witnesses(database: str, store: Store, loki: tuple[Loki, str]) -> None:
    known, url = loki
    known.announce(store, NOW, b"another key")
    known.events.append((NOW * 1000 + 1, {"otelgate_audit_head_seq": "x"}))
    report = check(database, loki=asked(url))
    assert told(report) == {unchecked(f"of 2 in Loki at {url} none is signed with this chain key")}
    known.announce(store, NOW + 60_000_000)
    report = check(database, loki=asked(url))
    assert (report.total, report.heads) == (0, 1)
    assert report.notes == [f"2 heads in Loki at {url} are not signed with this chain key: left out"]


def test_heads_of_before_they_were_counted_verify(database: str, store: Store, loki: tuple[Loki, str]) -> None:
    known, url = loki
    known.announce_as_before(store, NOW)
    commit(store, turn(4, "ann"), NOW + 3)
    known.announce_as_before(store, NOW + 60_000_000)
    report = check(database, loki=asked(url))
    assert (report.total, report.heads, report.notes) == (0, 2, [])
    known.announce(store, NOW + 120_000_000)
    report = check(database, loki=asked(url))
    assert (report.total, report.heads, report.notes) == (0, 3, [])


WIPE = (
    "TRUNCATE ledger.entries, ledger.keys, ledger.dropped, audit.runs, audit.model_calls, audit.tool_calls,"
    " audit.feedback, audit.scores, audit.events, audit.turns, audit.users, audit.user_days, audit.sessions,"
    " audit.erasures, audit.reconciliation, content.texts, content.rejects;"
)
AS_NEW = r"UPDATE ledger.head SET (seq, link, announced, committed_at) = (0, '\x', 0, now());"
LEDGER = "TRUNCATE ledger.entries, ledger.keys, ledger.dropped;"
# Each way to empty a store, by what is left, with the code and table of what a check without Loki finds: nothing, where
# the store is as a new one.
WIPED: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "nothing": (WIPE + AS_NEW, set()),
    "nothing, deleted row by row": (
        "".join(f"DELETE FROM {table.strip()};" for table in WIPE[9:-1].split(",")) + AS_NEW,
        set(),
    ),
    "the head": (WIPE, {("gap", "ledger.entries")}),
    "the head's count": (
        WIPE + AS_NEW.replace("announced, ", "").replace(" 0, now", " now"),
        {("emptied", "ledger.entries")},
    ),
    "nothing, and the head is deleted": (WIPE + "DELETE FROM ledger.head", {("head", "ledger.head")}),
    "the records, not the ledger": (
        LEDGER + AS_NEW,
        {("emptied", "ledger.entries")}
        | {("unknown", f"audit.{table}") for table in columns.KINDS}
        | {("words", "content.texts")},
    ),
    "the records, and the ledger's keys": (
        "TRUNCATE ledger.entries;" + AS_NEW,
        {("emptied", "ledger.entries")}
        | {("unknown", f"audit.{table}") for table in columns.KINDS}
        | {("words", "content.texts")},
    ),
    "people": (
        WIPE.replace(" audit.users,", "") + AS_NEW,
        {("emptied", "ledger.entries")},
    ),
    "sessions": (WIPE.replace(" audit.sessions,", "") + AS_NEW, {("emptied", "ledger.entries")}),
    "keys": (WIPE.replace(" ledger.keys,", "") + AS_NEW, {("emptied", "ledger.entries")}),
    "turns": (WIPE.replace(" audit.turns,", "") + AS_NEW, {("turn", "audit.turns")}),
}


@pytest.mark.parametrize("left", list(WIPED))
def test_verify_a_wiped_ledger_finds_it(
    database: str, store: Store, loki: tuple[Loki, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str
) -> None:
    """By the tables that are left and by the heads in Loki, while Prometheus does not answer."""
    known, url = loki
    known.announce(store, NOW)
    known.announce(store, time.time_ns() // 1000 - 3 * DAY)  # the command goes by the clock
    statements, alone = WIPED[left]
    store.execute(statements)
    assert set(check(database).counts) == alone
    report = check(database, loki=asked(url))
    assert set(report.counts) == alone | {("announced", "ledger.entries")}
    said = "but the chain ends at 0: its tail is gone, or an old copy of the database was put back"
    if left != "the head":
        assert next(each.what for each in report.findings if each.code == "announced").endswith(said)
    assert run(database, tmp_path, "--json", OTELGATE_LOKI_URL=url) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    assert run(database, tmp_path, "--from", "2026-06-14", OTELGATE_LOKI_URL=url) == 1, "for any range"
    assert run(database, tmp_path, OTELGATE_LOKI_URL="http://127.0.0.1:9") in (1, 2)
    assert run(database, tmp_path, "--no-loki") in (1, 2)
    assert "ok: " not in capsys.readouterr().out


@pytest.mark.parametrize("left", list(WIPED))
def test_verify_a_wiped_ledger_that_goes_on_finds_it(
    database: str, store: Store, loki: tuple[Loki, str], left: str
) -> None:
    """The sink has committed more since than there was before."""
    known, url = loki
    known.announce(store, NOW)
    store.execute(WIPED[left][0])
    if "DELETE FROM ledger.head" in WIPED[left][0]:
        store.execute(r"INSERT INTO ledger.head (seq, link, committed_at) VALUES (0, '\x', now())")
    for number in range(10, 15):
        commit(store, turn(number, "eve"), NOW + number)
    known.announce(store, NOW + 60_000_000)
    report = check(database, loki=asked(url))
    assert report.counts["announced", "ledger.entries"] == 1


@pytest.mark.parametrize("seq", [8, 16, 23])
def test_verify_a_ledger_cut_short_finds_it(database: str, store: Store, loki: tuple[Loki, str], seq: int) -> None:
    """The entries after it go with their rows, and the head is set back."""
    known, url = loki
    known.announce(store, NOW)
    for table in columns.KINDS:
        identity = "span_id" if table in columns.SPANS else "uid"
        store.execute(
            f"DELETE FROM audit.{table} t USING ledger.entries e WHERE e.seq > {seq} AND e.kind = '{table}'"
            f" AND (e.start_time, e.record) = (t.start_time, t.{identity})"
        )
    store.execute(
        f"DELETE FROM content.texts t USING ledger.entries e WHERE e.seq > {seq}"
        " AND (e.start_time, e.trace_id, e.record) = (t.start_time, t.trace_id, t.record);"
        f"DELETE FROM ledger.entries WHERE seq > {seq};"
        f"UPDATE ledger.head SET (seq, link) = (SELECT seq, link FROM ledger.entries WHERE seq = {seq})"
    )
    report = check(database, loki=asked(url))
    assert report.counts["announced", "ledger.entries"] == 1
    assert check(database).counts["announced", "ledger.entries"] == 0


def test_verify_a_new_system_is_ok(
    database: str, loki: tuple[Loki, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, url = loki
    report = check(database, loki=asked(url))
    assert (report.total, report.notes) == (
        0,
        [f"announced heads not checked: Loki at {url} has none of this time"],
    )
    assert run(database, tmp_path, OTELGATE_LOKI_URL=url) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("ok: 0 entries, 0 records ")


def test_verify_a_new_system_before_the_witness_s_file_exists_is_ok(
    database: str, loki: tuple[Loki, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that the command line names has to be there."""
    _, url = loki
    missing = tmp_path / "heads.jsonl"
    kept = {"OTELGATE_WITNESS": f"file:{missing}"}
    assert run(database, tmp_path, OTELGATE_LOKI_URL=url, **kept) == 0
    assert f"note: announced heads not checked: the witness {missing} has none" in capsys.readouterr().out
    assert run(database, tmp_path, "--no-loki", **kept) == 2, "without Prometheus, too, there is no one to ask"
    for more in (kept, {}):
        assert run(database, tmp_path, "--heads", str(missing), OTELGATE_LOKI_URL=url, **more) == 2


def test_verify_with_two_witnesses_names_them_and_counts_a_head_once(
    database: str, store: Store, loki: tuple[Loki, str], tmp_path: Path
) -> None:
    known, url = loki
    path = tmp_path / "heads.jsonl"
    kept = Witness(f"file:{path}")
    for minute in range(3):
        at, count = ledger.count_head(store)
        head = ledger.announce(at, KEY, count)
        known.put(NOW + minute * 60_000_000, head)
        kept.keep(head)
    kept.write()
    assert check(database, loki=asked(url), files=[path]).heads == 3
    rebuild_chain(store, KEY)
    report = check(database, loki=asked(url), files=[path])
    assert report.heads == 3
    names = (f"Loki at {url}", f"the witness {path}")
    found = [[name for name in names if f"according to {name}," in each.what] for each in report.findings]
    assert sorted(found) == [[names[0]]] * 3 + [[names[1]]] * 3


def test_verify_the_first_records_without_a_head_is_ok(database: str, loki: tuple[Loki, str]) -> None:
    """The sink announces its first head within a minute; an hour later there must be one."""
    _, url = loki
    hour = 3_600_000_000
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, turn(1, "ann"))
    with audit_database.connect(database, name="test") as connection:
        found = [
            told(verification.verify(connection, KEY, loki=asked(url), now_us=NOW + later))
            for later in (0, hour, hour + 1)
        ]
    none = unchecked(f"Loki at {url} has none: they were deleted, lost, or never sent")
    assert found == [set(), set(), {none}]


def test_verify_without_the_heads_that_were_announced_fails(
    database: str, store: Store, loki: tuple[Loki, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All heads in Loki are hidden, or the latest; two of a new system, or ten, may be on their way."""
    known, url = loki
    for minute in range(30):
        known.announce(store, NOW + minute * 60_000_000)
    heads_of = list(known.events)
    found = {}
    for kept in (0, 1, 19, 20, 30):
        known.events = heads_of[:kept]
        found[kept] = told(check(database, loki=asked(url)))
    none = unchecked(f"Loki at {url} has none: they were deleted, lost, or never sent")
    late = "Loki at {} has none after number {}, and 30 were announced"
    assert found == {
        0: {none},
        1: {unchecked(late.format(url, 1))},
        19: {unchecked(late.format(url, 19))},
        20: set(),
        30: set(),
    }
    known.events = []
    assert run(database, tmp_path, OTELGATE_LOKI_URL=url) == 2
    lines = capsys.readouterr().out.splitlines()
    assert f"announced heads in Loki: could not be checked: Loki at {url} has none" in lines[1]
    assert lines[-1].startswith("1 could not be checked: 24 entries, ")


def test_verify_with_a_gap_in_the_heads_notes_it(database: str, store: Store, loki: tuple[Loki, str]) -> None:
    """The heads after it speak for all entries before them, so nothing is left unchecked."""
    known, url = loki
    for minute in range(8):
        known.announce(store, NOW + minute * 60_000_000)
    known.events.append(known.events[-1])
    del known.events[2:5]
    report = check(database, loki=asked(url))
    assert (report.total, report.heads) == (0, 5)
    assert report.notes == [f"3 announced heads are not in Loki at {url}: later ones speak for the same entries"]


def test_without_loki_it_says_so(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(database).notes == ["announced heads not checked: left out"]
    assert run(database, tmp_path, "--no-loki") == 0
    out = capsys.readouterr().out
    assert "note: announced heads not checked: left out" in out
    assert "ok: 24 entries" in out


ANSWERS: dict[str, tuple[int, bytes]] = {
    "an error": (503, b"no"),
    "an error with what looks like an answer": (500, b'{"data": {"result": []}}'),
    "no JSON": (200, b"<html>"),
    "nothing": (200, b""),
    "no text": (200, b"\xff\xfe"),
    "a list": (200, b"[]"),
    "null": (200, b"null"),
    "no data": (200, b'{"status": "error"}'),
    "no result": (200, b'{"data": null}'),
    "results that are none": (200, b'{"data": {"result": [7]}}'),
    "streams without values": (200, b'{"data": {"result": [{"stream": {}}]}}'),
    "values without a time": (200, b'{"data": {"result": [{"stream": {}, "values": [[]]}]}}'),
    "a time that is none": (200, b'{"data": {"result": [{"stream": {}, "values": [["x", ""]]}]}}'),
    "labels that are none": (200, b'{"data": {"result": [{"stream": [], "values": [["1", ""]]}]}}'),
}


@pytest.mark.parametrize("answer", list(ANSWERS))
def test_verify_with_a_loki_that_fails_could_not_be_checked(
    database: str,
    store: Store,
    loki: tuple[Loki, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
) -> None:
    known, url = loki
    known.announce(store, NOW)
    known.status, known.body = ANSWERS[answer]
    (finding,) = told(check(database, loki=asked(url)))
    assert finding.startswith(unchecked(f"Loki at {url} does not answer as expected ("))
    assert run(database, tmp_path, "--json", OTELGATE_LOKI_URL=url) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["counts"]) == (False, [{"code": "unchecked", "where": "announced heads", "count": 1}])


def test_verify_with_loki_away_could_not_be_checked(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = "http://127.0.0.1:9"
    refused = f"Loki at {away} does not answer as expected ([Errno 111] Connection refused)"
    assert told(check(database, loki=asked(away))) == {unchecked(refused)}
    assert run(database, tmp_path) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 could not be checked: 24 entries, ")
    store.execute(f"UPDATE audit.tool_calls SET tool = 'refund' WHERE {CALL}")
    assert run(database, tmp_path) == 1, "what is wrong comes before what could not be checked"
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 findings, 1 could not be checked: 24 entries, ")


def test_verify_empty_ledger_without_witness_or_prometheus_fails(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No entry, no Loki and no Prometheus: there is nothing that could say whether it was emptied."""
    assert run(database, tmp_path, "--no-loki") == 2
    lines = capsys.readouterr().out.splitlines()
    what = "could not be checked: it is empty, Loki was left out, and Prometheus did not answer"
    assert f"ledger.entries all entries: {what}" in lines
    assert lines[-1].startswith("1 could not be checked: 0 entries, ")


def test_verify_without_the_ledgers_schema_can_t_check(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.execute("DROP SCHEMA ledger CASCADE")
    assert run(database, tmp_path, "--no-loki") == 2
    assert capsys.readouterr().err.startswith("can't check: relation ")


def test_verify_range_reads_all_of_the_chain_it_needs(database: str, store: Store) -> None:
    whole = (NOW - 4 * DAY, NOW - 2 * DAY)
    report = check(database, from_us=whole[0], to_us=whole[1])
    assert (report.total, report.records, report.turns) == (0, 8, 1)
    assert report.entries == 24
    store.execute(f"UPDATE audit.tool_calls SET tool = 'refund' WHERE {CALL}")
    assert check(database, from_us=whole[0], to_us=whole[1]).total == 0
    assert check(database, from_us=whole[1]).total == 1


def test_verify_range_begins_within_the_chain(database: str, store: Store) -> None:
    later = NOW + 40 * DAY
    commit(store, turn(4, "ann", later - DAY), later)
    report = check(database, from_us=later - 2 * DAY)
    assert (report.total, report.entries, report.records) == (0, 8, 8)
    store.execute("DELETE FROM ledger.entries WHERE seq = 24")
    assert told(check(database, from_us=later - 2 * DAY)) == {"gap: ledger.entries entry 24: missing"}
    report = check(database, from_us=later + 9 * DAY)
    assert (report.total, report.entries, report.records) == (0, 0, 0)


def test_one_service_is_checked(database: str, store: Store) -> None:
    store.execute("DELETE FROM audit.tool_calls WHERE service = 'desk'; UPDATE audit.scores SET value = 1")
    report = check(database, service="desk")
    assert report.records == 8
    assert dict(report.counts) == {
        ("missing", "audit.tool_calls"): 1,
        ("changed", "audit.scores"): 2,
        ("turn", "audit.turns"): 1,
    }
    assert check(database, service="other").total == 0


def test_many_findings_are_counted_and_some_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(findings, "KEPT", 5)
    monkeypatch.setattr(command, "_SHOWN", 3)
    with store.transaction(force_rollback=True):
        store.execute("UPDATE ledger.entries SET link = 'x'")
        report = Report()
        verification.examine(store, KEY, report)
    assert (report.total, len(report.findings)) == (25, 5)
    command._print(report, command._faults(report, []))
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:6] == ["... and 22 more:", "  ledger.head: 1 head", "  ledger.entries: 24 link"]
    assert lines[6].startswith("25 findings: 24 entries, 24 records (0 deleted by retention), 3 turns, ")


def run(database: str, folder: Path, *arguments: str, **more: str) -> int:
    return command.run(settings(database, folder, **more), options(command, *arguments))


def test_verify_command_exit_codes(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database, tmp_path, "--no-loki") == 0
    out = capsys.readouterr().out
    assert "note: reconciliation left out: " in out
    assert "ok: 24 entries, 24 records (0 deleted by retention), 3 turns, 0 announced heads in " in out
    store.execute(f"UPDATE audit.tool_calls SET tool = 'refund' WHERE {CALL}")
    assert run(database, tmp_path, "--json", "--no-loki", "--from", "2026-06-14", "--to", "2026-06-15T00:00") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["findings"] == [
        {"code": "changed", "where": "audit.tool_calls", "record": TOOL, "what": CHANGED.format(4)}
    ]
    assert report["records"] == 16
    gone = database.replace("audit_", "nowhere_")
    assert run(gone, tmp_path) == 2
    assert "can't check: " in capsys.readouterr().err


def test_missing_records_decide_the_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger is sound, but the gateway counted more than is stored: exit status 1, and no `ok`."""
    runs = {"service": "shop", "quantity": "runs", "counted": 9, "stored": 6, "rejected": 0, "missing": 3, "surplus": 0}
    cost = {**runs, "quantity": "cost", "missing": Decimal("0.00015")}
    monkeypatch.setattr(command.database, "connect", lambda *rest, **more: nullcontext(MagicMock()))
    monkeypatch.setattr(command.database, "require_schema", lambda connection: None)
    monkeypatch.setattr(command, "verify", lambda *rest, **more: findings.Report())
    monkeypatch.setattr(command, "_reconciliation", lambda *rest: [runs, {**runs, "quantity": "calls"}, cost])
    assert run("postgresql://unknown@127.0.0.1:1/none", tmp_path) == 1
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("3 runs missing, 3 model calls missing, 0.00015 USD missing: 0 entries, ")
    )
    assert run("postgresql://unknown@127.0.0.1:1/none", tmp_path, "--json") == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
