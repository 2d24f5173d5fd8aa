"""The writer stores each record once, in any order, with all rows derived from it."""

import json
import random
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest
from otelgate_audit.model import clock, columns
from otelgate_audit.model.records import Reject
from otelgate_audit.store.people import SIGNUP
from otelgate_audit.store.writer import Writer

from ..records import DAY, NOW, TRACE, batch, event, feedback, model_call, run, score, tool_call, words
from ..store_check import Counts, check, deliver, made_up_run, split


def test_commit_stores_run(writer: Writer, connection: psycopg.Connection) -> None:
    items = made_up_run(1, random.Random(1))
    writer.commit(batch(*items), 30)
    check(connection, items)


@pytest.mark.parametrize("seed", range(3))
def test_any_delivery_gives_the_same_rows(seed: int, writer: Writer, connection: psycopg.Connection) -> None:
    chance = random.Random(seed)
    items = [item for number in range(40) for item in made_up_run(number, chance)]
    deliver([writer], split(items, chance, copies=seed + 1))
    check(connection, items)


def test_two_sinks_at_once(make_writer: Callable[..., Writer], connection: psycopg.Connection) -> None:
    chance = random.Random(7)
    items = [item for number in range(40) for item in made_up_run(number, chance)]
    deliver([make_writer(), make_writer()], split(items, chance, copies=2))
    check(connection, items)


def test_restarted_sink_stores_resent_records_once(
    make_writer: Callable[..., Writer], connection: psycopg.Connection
) -> None:
    """COMMIT came, the answer never did."""
    items = made_up_run(1, random.Random(1))
    make_writer().commit(batch(*items), 30)
    counts = Counts()
    make_writer(counts).commit(batch(*items, (tool_call("late", NOW), None)), 30)
    check(connection, [*items, (tool_call("late", NOW), None)])
    assert counts.sums == {("committed", "tool_calls"): 1, ("write", ""): 1}


def test_late_spans(writer: Writer, connection: psycopg.Connection) -> None:
    """The leading span comes last and another day: user, session and counts move with it."""
    inner = model_call("01", NOW - DAY + 5, user_id="ann", session_id="s1")
    writer.commit(batch(inner), 30)
    check(connection, [(inner, None)])
    leading = run("02", NOW - DAY, user_id="bob", session_id="s2", service="front")
    writer.commit(batch(leading), 30)
    check(connection, [(inner, None), (leading, None)])
    rows = connection.execute("SELECT service, user_id, turns FROM audit.users ORDER BY user_id").fetchall()
    assert rows == [("travel", "ann", 0), ("front", "bob", 1)]


def test_feedback_comes_first(writer: Writer, connection: psycopg.Connection) -> None:
    votes = [
        (feedback("f1", NOW - 5, rating="negative", score=2), None),
        (score("s1", NOW - 5, value=0.5), None),
        (feedback("f2", NOW + 5, trace_id=None), None),
    ]
    writer.commit(batch(*votes), 30)
    assert connection.execute("SELECT count(*) FROM audit.turns").fetchone() == (0,)
    span = words(run("01"), "Where to?")
    writer.commit(batch(span), 30)
    row = connection.execute("SELECT rating, rating_score, confidence FROM audit.turns").fetchone()
    assert row == ("negative", 2, 0.5)
    votes.append((feedback("f3", NOW + 5, rating="positive"), None))
    writer.commit(batch(votes[-1]), 30)
    assert connection.execute("SELECT rating, rating_score FROM audit.turns").fetchone() == ("positive", None)
    check(connection, [*votes, span])


def test_users_and_sessions(writer: Writer, connection: psycopg.Connection) -> None:
    records = [
        run("01", NOW - 9, user_id="ann", session_id="s1", tier="free", agent="router"),
        tool_call("02", NOW - 5, user_id="bob", session_id="s1", tier="pro", agent="clerk"),
        event("e1", NOW - 7, user_id="ann", name=SIGNUP),
        event("e2", NOW - 8, user_id="ann", tier="max"),
        event("e3", NOW - 6, user_id="ann", name=SIGNUP),
    ]
    for each in reversed(records):
        writer.commit(batch(each), 30)
    users = columns.cursor(connection).execute("SELECT * FROM audit.users ORDER BY user_id").fetchall()
    assert users == [
        ("travel", "ann", NOW - 9, NOW - 6, NOW - 7, "max", NOW - 8, 1),
        ("travel", "bob", NOW - 5, NOW - 5, None, "pro", NOW - 5, 0),
    ]
    sessions = columns.cursor(connection).execute("SELECT * FROM audit.sessions").fetchall()
    assert sessions == [("travel", "s1", "ann", NOW - 9, NOW - 9, NOW - 5, "pro", NOW - 5, 1, ["clerk", "router"])]


def test_commit_adds_user_known_from_another_service_only(writer: Writer, connection: psycopg.Connection) -> None:
    """The turn is the leading span's service's; its user has a row there, too."""
    writer.commit(batch(run("01", NOW - 5, service="front"), tool_call("02", user_id="ann", service="back")), 30)
    rows = columns.cursor(connection).execute("SELECT service, first_seen, turns FROM audit.users ORDER BY 1")
    assert rows.fetchall() == [("back", NOW, 0), ("front", NOW - 5, 1)]


def test_records_belong_to_their_turns_user(writer: Writer, connection: psycopg.Connection) -> None:
    """Erasing the user erases these, too."""
    writer.commit(batch(run("01", user_id="ann"), tool_call("02")), 30)
    writer.commit(batch(feedback("f1"), event("e1"), event("e2", trace_id=None)), 30)
    owners = connection.execute(
        "SELECT record, user_id FROM ledger.entries JOIN ledger.keys USING (key_id) ORDER BY record"
    ).fetchall()
    assert owners == [("01", "ann"), ("02", "ann"), ("e1", "ann"), ("e2", ""), ("f1", "ann")]


def test_poison(make_writer: Callable[..., Writer], connection: psycopg.Connection) -> None:
    """A record that the database or its driver refuses is a reject with their error; the rest is committed."""
    chance = random.Random(3)
    good = [item for number in range(20) for item in made_up_run(number, chance)]
    noise = "".join(chance.choices("0123456789abcdef", k=20_000))
    bad = [
        event("bad-json", NOW, attributes='{"a": "\\u0000"}'),
        tool_call("bad-name", NOW, tool=noise, user_id="ann"),
        run("bad-text", NOW, agent="half a \ud83d"),
        run("bad-nul", NOW, error_type="a\0b"),
        feedback("bad-score", NOW, score=100_000),
        run("bad-time", 2**62),
    ]
    twin = model_call("twin", NOW)
    items = [*good, *((each, None) for each in bad), words(twin, "Q"), words(tool_call("twin", NOW), "R")]
    chance.shuffle(items)
    counts = Counts()
    made = make_writer(counts)
    made.commit(batch(*items[:90]), 30)
    made.commit(batch(*items[90:]), 30)
    rows = connection.execute("SELECT record, reason, signal, run, convert_from(payload, 'UTF8') FROM content.rejects")
    found = {row[0]: row[1:] for row in rows}
    index_words = found["bad-name"][0]
    assert index_words.startswith("index row requires ")
    assert {name: (reason, signal, is_run) for name, (reason, signal, is_run, _) in found.items()} == {
        "bad-json": ("unsupported Unicode escape sequence", "logs", False),
        "bad-name": (index_words, "traces", False),
        "bad-text": (
            "'utf-8' codec can't encode character '\\ud83d' in position 7: surrogates not allowed",
            "traces",
            True,
        ),
        "bad-nul": ('invalid byte sequence for encoding "UTF8": 0x00', "traces", True),
        "bad-score": ("score 100000: expected a smallint", "logs", False),
        "bad-time": (f"runs at {2**62} µs since 1970: expected a time up to two days from now", "traces", True),
        "twin": ('duplicate key value violates unique constraint "texts_20261120_pkey"', "traces", False),
    }
    told = json.loads(found["twin"][3])
    lost = tool_call("twin", NOW) if told["kind"] == "tool_calls" else twin
    assert told["span_id"] == "twin"
    assert told["input"] == ("R" if lost is not twin else "Q")
    check(connection, [item for item in items if item[0] not in [*bad, lost]])
    assert sum(number for (what, _), number in counts.sums.items() if what == "rejected") == 7


def test_retention(make_writer: Callable[..., Writer], connection: psycopg.Connection) -> None:
    """Records older than their table keeps are rejects without their words, not partitions made for an hour."""
    old = NOW - 90 * DAY - 1
    items = [
        words(run("01", old), "too old"),
        words(run("02", old + 1), "just kept"),
        (feedback("f1", old), None),
        words(event("e1", old), "its words are too old"),
        (event("e2", NOW - 400 * DAY - 1), None),
        (model_call("03", old, received_at=NOW - 5), None),
    ]
    counts = Counts()
    make_writer(counts).commit(batch(*items), 30)
    rejects = connection.execute(
        "SELECT signal, service, trace_id, record, run, reason, payload FROM content.rejects ORDER BY record"
    ).fetchall()
    assert [row[:6] for row in rejects] == [
        ("traces", "travel", TRACE, "01", True, "runs of 2026-08-22T18:39:59Z: older than the 90 days kept"),
        ("traces", "travel", TRACE, "03", False, "model_calls of 2026-08-22T18:39:59Z: older than the 90 days kept"),
        ("logs", "travel", TRACE, "e2", False, "events of 2025-10-16T18:39:59Z: older than the 400 days kept"),
        ("logs", "travel", TRACE, "f1", False, "feedback of 2026-08-22T18:39:59Z: older than the 90 days kept"),
    ]
    assert not [row for row in rejects if b"too old" in row[6]]
    calls = connection.execute("SELECT record, cost_usd, received_at FROM content.rejects WHERE call").fetchall()
    assert calls == [("03", Decimal("0.000072"), clock.from_us(NOW - 5))]
    check(connection, [items[1], (items[3][0], None)])
    assert counts.sums == {
        ("committed", "runs"): 1,
        ("committed", "events"): 1,
        ("rejected", "runs"): 1,
        ("rejected", "model_calls"): 1,
        ("rejected", "feedback"): 1,
        ("rejected", "events"): 1,
        ("write", ""): 1,
    }


def test_rejects_of_the_decoder(make_writer: Callable[..., Writer], connection: psycopg.Connection) -> None:
    counts = Counts()
    reason = "gen_ai.usage.input_tokens -1: expected ..."
    reject = Reject("traces", "tra\0vel", TRACE, "01", False, reason, 5, b"\0\xff", True, 250_000_000_000, NOW - 1)
    given = batch()
    given.rejects.append(reject)
    make_writer(counts).commit(given, 30)
    row = connection.execute(
        "SELECT arrived_at, signal, service, trace_id, record, run, reason, size, payload, call, cost_usd,"
        " received_at FROM content.rejects"
    ).fetchone()
    assert row == (
        *(clock.from_us(NOW), *reject._replace(service="tra\ufffdvel")[:-2]),
        *(Decimal("0.25"), clock.from_us(NOW - 1)),
    )
    assert counts.sums == {("rejected", "traces"): 1, ("write", ""): 1}


def test_writer_recreates_dropped_partition(writer: Writer, connection: psycopg.Connection) -> None:
    writer.commit(batch(run("01")), 30)
    connection.execute("DROP TABLE audit.runs_20261120")
    writer.commit(batch(run("02", trace_id="b" * 32)), 30)
    assert connection.execute("SELECT span_id FROM audit.runs").fetchall() == [("02",)]
    assert connection.execute("SELECT count(*) FROM content.rejects").fetchone() == (0,)
