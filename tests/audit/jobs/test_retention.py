"""Retention: deleted and kept data, the messages about it, and a ledger that verifies afterwards."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands_page import documented
from otelgate_audit.jobs import dropping, retention
from otelgate_audit.jobs.retention import Deleted
from otelgate_audit.model import database as audit_database
from otelgate_audit.settings import Settings
from otelgate_audit.verify import verification

from ..command_options import options
from ..ledger_data import DAY, KEY, NOW, commit, settings, trace_id, turn

Store = psycopg.Connection[Any]
OLD = NOW - 100 * DAY  # 2026-03-07T12:00Z


@pytest.fixture
def kept(database: str, tmp_path: Path) -> Settings:
    return settings(database, tmp_path)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A turn of 100 days ago, one of yesterday; and one without a user of the last day that is kept."""
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, turn(1, "ann", OLD), OLD + 1)
        commit(connection, turn(2, None, NOW - 90 * DAY), NOW - 90 * DAY + 1)
        commit(connection, turn(3, "bob", NOW - DAY), NOW)
        connection.execute(
            "INSERT INTO content.rejects (arrived_at, signal, run, reason, size, payload)"
            " VALUES ('2026-03-01', 'logs', false, 'old', 1, 'x'), ('2026-06-01', 'logs', false, 'new', 1, 'x')"
        )
        yield connection


def rows(store: Store, table: str) -> int:
    row = store.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    return int(row[0])


def check(database: str) -> list[str]:
    with audit_database.connect(database, name="test") as connection:
        return [str(each) for each in verification.verify(connection, KEY).findings]


def purge(database: str, kept: Settings, now_us: int = NOW, **options: bool) -> list[Deleted]:
    """On a connection as the sink's jobs have it, not in autocommit."""
    with audit_database.connect(database, name="test") as connection:
        return retention.purge(connection, kept, now_us, **options)


EXPECTED = [
    Deleted("audit.runs", "audit.runs_20260307", 1),
    Deleted("audit.model_calls", "audit.model_calls_20260307", 2),
    Deleted("audit.tool_calls", "audit.tool_calls_20260307", 1),
    Deleted("audit.feedback", "", 1),
    Deleted("audit.scores", "", 2),
    Deleted("audit.turns", "", 1),
    Deleted("content.texts", "content.texts_20260307", 5),
    Deleted("content.rejects", "", 1),
    Deleted("audit.sessions", "", 1),
]


def test_dry_run_reports_and_deletes_nothing(database: str, store: Store, kept: Settings) -> None:
    dry = [
        Deleted("content.texts", "content.texts_20260307", 6) if each.table == "content.texts" else each
        for each in EXPECTED
    ]
    assert purge(database, kept, dry_run=True) == dry
    assert rows(store, "ledger.entries") == 24
    assert purge(database, kept, dry_run=True) == dry


@pytest.mark.shows("F3", "K57")
def test_purge_deletes_old_data_and_ledger_verifies(database: str, store: Store, kept: Settings) -> None:
    assert purge(database, kept) == EXPECTED
    assert check(database) == []
    assert rows(store, "audit.turns") == 2
    assert rows(store, "audit.events") == 3
    assert rows(store, "audit.users") == 2
    assert purge(database, kept) == []
    assert check(database) == []


def test_batches_of_one_delete_the_same(
    database: str, store: Store, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 1)
    assert purge(database, kept) == EXPECTED
    assert check(database) == []


def test_after_years_nothing_is_left_but_the_end_of_the_chain(database: str, store: Store, kept: Settings) -> None:
    purge(database, kept)
    later = NOW + 600 * DAY
    deleted = purge(database, kept, later)
    assert Deleted("audit.events", "audit.events_202603", 2) in deleted
    assert Deleted("audit.users", "", 2) in deleted
    assert Deleted("ledger.keys", "", 2) in deleted
    assert [each.partition for each in deleted if each.table == "ledger.entries"] == [
        "ledger.entries_202603",
        "ledger.entries_202606",
    ]
    assert store.execute("SELECT user_id FROM ledger.keys").fetchall() == [("",)]
    assert rows(store, "content.texts") == rows(store, "audit.events") == 0
    assert check(database) == []
    commit(store, turn(4, "ann", later - DAY), later)
    assert check(database) == []
    store.execute("UPDATE ledger.dropped SET seq = seq - 1 WHERE partition = 'ledger.entries_202606'")
    assert check(database)[-1] == "ledger.dropped ledger.entries_202606: its signature is not the sink's"


def test_events_kept_shorter_take_their_words_along(database: str, store: Store, tmp_path: Path) -> None:
    short = settings(database, tmp_path, OTELGATE_RETENTION_EVENTS="30d")
    deleted = purge(database, short)
    assert Deleted("audit.events", "audit.events_202603", 2) in deleted
    assert store.execute("SELECT record FROM content.texts WHERE record LIKE 'event-%'").fetchall() == [("event-3",)]
    assert check(database) == []


def test_events_of_a_month_that_is_not_over_go_one_by_one(database: str, store: Store, tmp_path: Path) -> None:
    short = settings(database, tmp_path, OTELGATE_RETENTION_EVENTS="91d")
    assert Deleted("audit.events", "", 1) in purge(database, short)
    assert store.execute("SELECT uid FROM audit.events ORDER BY 1").fetchall() == [("event-2",), ("event-3",)]
    assert check(database) == []


def test_changed_event_is_not_reattested(
    database: str, store: Store, kept: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    store.execute("UPDATE audit.events SET name = 'order.refunded' WHERE uid = 'event-1'")
    purge(database, kept)
    assert caplog.messages == ["retention: 1 product events differ from the ledger"]
    expected = "the row or its words differ from what entry 8 attests"
    assert check(database) == [f"audit.events event-1 of 2026-03-07T12:00:07.000000Z: {expected}"]


def test_verify_finds_edited_event_without_its_content(database: str, store: Store, kept: Settings) -> None:
    purge(database, kept)
    store.execute("UPDATE audit.events SET name = 'order.refunded' WHERE uid = 'event-1'")
    assert [each.split(": ")[0] for each in check(database)] == ["audit.events event-1 of 2026-03-07T12:00:07.000000Z"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE ledger.dropped SET rows = 0 WHERE table_name = 'audit.runs'",
            "ledger.dropped audit.runs_20260307: its signature is not the sink's",
        ),
        (
            "DELETE FROM ledger.dropped WHERE table_name = 'audit.runs'",
            "ledger.dropped audit.runs_20260307: its row is missing",
        ),
    ],
)
def test_heads_of_dropped_partitions_are_proven(
    database: str, store: Store, kept: Settings, statement: str, expected: str
) -> None:
    purge(database, kept)
    store.execute(statement)
    assert check(database) == [expected]


def test_partition_dropped_by_another_is_reported(database: str, store: Store) -> None:
    store.execute("DROP TABLE audit.tool_calls_20260307")
    tool = f"audit.tool_calls {trace_id(1)}/0000000100000002 of 2026-03-07T12:00:00.002000Z"
    differs = f"audit.turns {trace_id(1)}: differs from its records in tool_calls"
    assert check(database) == [f"{tool}: the row of entry 4 is missing", differs]


def test_partition_in_use_stays_until_next_run(
    database: str,
    store: Store,
    kept: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(dropping, "_LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(dropping, "_PAUSE_S", 0)
    with audit_database.connect(database, name="reader") as reader:
        reader.execute("SELECT count(*) FROM audit.tool_calls").fetchall()
        deleted = {each.table for each in purge(database, kept)}
        assert "audit.runs" in deleted
        assert not deleted & {"audit.tool_calls", "content.texts"}
        assert caplog.messages == ["retention: audit.tool_calls_20260307 is in use: it stays until the next time"]
        commit(store, turn(4, "ann"))
    assert check(database) == []
    assert {each.table for each in purge(database, kept)} == {"audit.tool_calls", "content.texts"}
    assert check(database) == []


def test_ledger_is_dropped_from_its_beginning_only(
    database: str, store: Store, kept: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry of June is older in the chain than one of May, which the sink itself doesn't do."""
    store.execute("UPDATE ledger.head SET committed_at = '2026-01-01'")
    commit(store, turn(4, "ann", NOW - 31 * DAY), NOW - 30 * DAY)
    later = NOW + 600 * DAY
    caplog.set_level(logging.WARNING)
    deleted = purge(database, kept, later)
    assert [each.partition for each in deleted if each.table == "ledger.entries"] == ["ledger.entries_202603"]
    assert caplog.messages == [
        "retention: ledger.entries_202605 is not the beginning of the chain: it stays",
        "retention: ledger.entries_202606 is not the beginning of the chain: it stays",
    ]
    assert check(database) == []


def test_retention_command_prints_table_or_json(
    database: str, store: Store, kept: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: NOW * 1000)
    assert retention.run(kept, options(retention, "--dry-run", "--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == len(EXPECTED)
    assert set(printed[0]) == documented()["audit retention"].keys
    assert retention.run(kept, options(retention)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["1", "audit.runs_20260307"]
    assert lines[-1].split() == ["15", "rows", "in", "all"]
