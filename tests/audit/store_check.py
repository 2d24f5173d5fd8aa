"""Runs with all there can be in them, their delivery in pieces, and what must then be in the database."""

import dataclasses
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
from otelgate_audit.ledger import proof
from otelgate_audit.model import columns
from otelgate_audit.model.records import TABLES, ModelCall, Run, ToolCall
from otelgate_audit.process.telemetry import Meters
from otelgate_audit.store import turn_rows
from otelgate_audit.store.group import key_of
from otelgate_audit.store.people import SIGNUP
from otelgate_audit.store.turn import question_hash, question_key, rebuild
from otelgate_audit.store.writer import Unavailable, Writer
from psycopg import sql

from .records import CHAIN_KEY, NOW, batch, event, feedback, model_call, run, score, tool_call, words

SPANS = (Run, ModelCall, ToolCall)


class Counts(Meters):
    """Keeps what the writer counts."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: Counter[tuple[str, str]] = Counter()

    def committed(self, kind: str, number: int) -> None:
        self.sums["committed", kind] += number

    def rejected(self, kind: str, number: int) -> None:
        self.sums["rejected", kind] += number

    def write(self, seconds: float) -> None:
        self.sums["write", ""] += 1


def made_up_run(number: int, chance: random.Random) -> list:
    """The records of one trace with all there can be in it, and their words."""
    trace = f"{number:032x}"
    start = NOW - number * 1_000_000
    person = {"trace_id": trace, "session_id": f"session-{number % 5}", "user_id": chance.choice(["ann", "bob", None])}
    span = {**person, "tier": chance.choice(["free", "pro", None]), "agent": chance.choice(["router", "clerk", None])}
    records = [
        words(
            run(f"{number:08x}00000001", start, operation="chain", duration_us=900_000, **span), f"Q {number % 3}", "A"
        ),
        words(
            run(f"{number:08x}00000002", start + 5, duration_us=800_000, **span | {"user_id": "cid"}), f"Q {number % 3}"
        ),
        *(words(model_call(f"{number:08x}0000001{n}", start + n, **span), "Q", "A") for n in range(3)),
        (tool_call(f"{number:08x}00000021", start + 9, **span, status=chance.choice(["ok", "error"])), None),
        words(feedback(f"vote-{number}", start + 50, rating="negative", score=2, **person), "no good"),
        (score(f"score-{number}", start + 60, value=0.25, **person), None),
        (event(f"event-{number}", start, **person, attributes='{"plan":"pro","a":"b"}', name=SIGNUP), None),
    ]
    chance.shuffle(records)
    return records


def check(connection: psycopg.Connection, items: list) -> None:
    """The store has exactly these records, each once."""
    items = list({key_of(record): (record, text) for record, text in items}.values())
    for kind, table in TABLES.items():
        name = "span_id" if kind in SPANS else "uid"
        stored = connection.execute(sql.SQL("SELECT {} FROM audit.{}").format(*map(sql.Identifier, (name, table))))
        wanted = sorted(getattr(record, name) for record, _ in items if type(record) is kind)
        assert sorted(found for (found,) in stored) == wanted, table
    texts = columns.cursor(connection).execute("SELECT start_time, trace_id, record, input, output FROM content.texts")
    assert sorted(texts) == sorted(text[:5] for _, text in items if text)
    check_turns(connection, items)
    check_people(connection, items)
    check_ledger(connection, items)


def check_turns(connection: psycopg.Connection, items: list) -> None:
    traces: dict[str, list] = {}
    for record, text in items:
        traces.setdefault(record.trace_id, []).append((record, text))
    rows = {row.trace_id: row for row in turn_rows.load(connection, traces)}
    assert connection.execute("SELECT count(*) FROM audit.turns").fetchone() == (len(rows),)
    wanted = {name: rebuild(own, NOW) for name, own in traces.items() if any(type(each) in SPANS for each, _ in own)}
    key = question_key(CHAIN_KEY)
    for row in wanted.values():
        row.question_hash, row.question = row.question and question_hash(key, row.question), None
    assert {name: dataclasses.asdict(row) for name, row in rows.items()} == {
        name: dataclasses.asdict(row) for name, row in wanted.items()
    }


def check_people(connection: psycopg.Connection, items: list) -> None:
    for table, name in (("users", "user_id"), ("sessions", "session_id")):
        wanted = {}
        for record, _ in items:
            identity = getattr(record, name)
            if identity is not None:
                first, last, tiers = wanted.setdefault((record.service, identity), (NOW * 2, 0, []))
                tier = getattr(record, "tier", None)
                tiers += [(record.start_time, tier)] if tier else []
                wanted[record.service, identity] = (min(first, record.start_time), max(last, record.start_time), tiers)
        counts = sql.SQL("SELECT service, {}, count(*) FROM audit.turns GROUP BY 1, 2")
        counted = {row[:2]: row[2] for row in connection.execute(counts.format(sql.Identifier(name)))}
        rows = columns.cursor(connection).execute(
            sql.SQL("SELECT service, {}, first_seen, last_seen, tier_at, tier, turns FROM audit.{}").format(
                sql.Identifier(name), sql.Identifier(table)
            )
        )
        assert {row[:2]: row[2:] for row in rows} == {
            key: (first, last, *max(tiers, default=(None, None)), counted.get(key, 0))
            for key, (first, last, tiers) in wanted.items()
        }, table


def check_ledger(connection: psycopg.Connection, items: list) -> None:
    entries = columns.cursor(connection).execute("SELECT * FROM ledger.entries ORDER BY seq").fetchall()
    assert [entry[0] for entry in entries] == list(range(1, len(items) + 1))
    link = b""
    for entry in entries:
        link = proof.link(CHAIN_KEY, link, entry)
        assert entry[8] == link
    assert connection.execute("SELECT seq, link FROM ledger.head").fetchone() == (len(items), link)
    keys = dict(connection.execute("SELECT key_id, key FROM ledger.keys").fetchall())
    macs = {(kind, record): (key, mac) for _, _, kind, _, _, record, key, mac, _ in entries}
    for record, text in items:
        kind, name = TABLES[type(record)], record.span_id if type(record) in SPANS else record.uid
        key, mac = macs.pop((kind, name))
        assert proof.mac(keys[key], kind, record, text) == mac, record
    assert not macs


def deliver(writers: list[Writer], batches: list, until_taken: bool = False) -> None:
    """From several threads at once, as the gateway does; with `until_taken` again and again."""

    def send(numbered: tuple[int, object]) -> None:
        number, each = numbered
        while True:
            try:
                return writers[number % len(writers)].commit(each, 30)
            except Unavailable:
                if not until_taken:
                    raise

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(send, enumerate(batches)))


def split(items: list, chance: random.Random, copies: int) -> list:
    """The records in batches of chance sizes, each record `copies` times, in any order."""
    delivered = items * copies
    chance.shuffle(delivered)
    batches = []
    while delivered:
        size = chance.randint(1, 30)
        batches.append(batch(*delivered[:size]))
        del delivered[:size]
    return batches
