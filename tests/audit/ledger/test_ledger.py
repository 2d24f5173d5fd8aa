"""The ledger's entries: MACs that can be made again from the rows, links, keys, and heads as log events."""

import hmac
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otelgate_audit import ledger
from otelgate_audit.ledger import Chain, Head, Keys, proof
from otelgate_audit.model import columns
from otelgate_audit.model import database as audit_database
from otelgate_audit.model.records import TABLES, Batch, Event, Record, Score, Text

from ..ledger_data import KEY, NOW, commit, turn

LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
OLD_SIGNATURE = "acmlnhngkefbelgebchloeeamlcbmnddhjgklikiejfdjopijpchfkjblknjonee"


def every(batch: Batch) -> list[tuple[Record, Text | None]]:
    found = [batch.runs, batch.model_calls, batch.tool_calls, batch.feedback, batch.scores, batch.events]
    return [
        (record, batch.texts.get((record.start_time, record.trace_id or "", ledger.record_id(record))))
        for records in found
        for record in records
    ]


@given(key=st.binary(max_size=200), message=st.binary(max_size=300))
def test_digest_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert proof.digest(key, message) == hmac.digest(key, message, "sha256")


def test_mac_covers_the_documented_input() -> None:
    score = Score(NOW, "uid", None, "shop", None, None, "ann", "grade", 4, None)
    expected = b'["scores",1781524800000000,"uid",null,"shop",null,null,"ann","grade",4.0,null,"in",null,null]'
    assert proof.encode("scores", score, ("in", None, None)) == expected
    assert ledger.mac(b"k", "scores", score, Text(NOW, "", "uid", "in", None, None)) == proof.digest(b"k", expected)


def test_ledger_entry_covers_every_word_of_a_record() -> None:
    told = {
        proof.encode("runs", ["a", "b"], words) for words in [(None, None, None), ("", None, None), (None, "", None)]
    }
    assert len(told) == 3
    assert proof.encode("runs", ["a", "b"]) != proof.encode("runs", ["a,b"])
    assert proof.encode("runs", ["a"]) != proof.encode("tool_calls", ["a"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_passes_for_a_missing_one(value: float) -> None:
    event = Event(NOW, "uid", None, "shop", None, None, None, None, "sold", value, None, "{}")
    assert proof.encode("events", event) != proof.encode("events", event._replace(value=None))


def test_attributes_count_by_what_they_say() -> None:
    event = Event(NOW, "uid", None, "shop", None, None, None, None, "sold", None, None, '{"b": "2", "a": "1"}')
    assert proof.encode("events", event) == proof.encode("events", event._replace(attributes='{"a":"1","b":"2"}'))
    assert proof.encode("events", event) != proof.encode("events", event._replace(attributes="no JSON"))


def test_rows_come_back_as_they_were_committed(database: str) -> None:
    batch = turn(1, "ann")
    batch.model_calls[0] = batch.model_calls[0]._replace(cost_pico=2**63 - 1)
    batch.events[0] = batch.events[0]._replace(value=0.1 + 0.2)
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, batch)
        cursor = columns.cursor(connection)
        for record, _ in every(batch):
            kind = TABLES[type(record)]
            statement = "SELECT {} FROM audit.{} found WHERE start_time = to_timestamp(%s)"
            made = psycopg.sql.SQL(statement).format(columns.fields(kind, "found"), psycopg.sql.Identifier(kind))
            row = cursor.execute(made, [record.start_time / 1e6]).fetchone()
            assert row is not None
            assert proof.encode(kind, columns.settle(kind, row)) == proof.encode(kind, record)
            if kind != "events":  # jsonb has its own order
                assert columns.record(kind, row) == record


def test_each_link_is_over_the_entry_and_the_link_before() -> None:
    records = every(turn(1, "ann"))
    keys = {("shop", "ann"): (3, b"her key"), ("shop", ""): (1, b"no user's")}
    start = Head(41, b"\1" * 32)
    entries, head = Chain(KEY).entries(start, NOW, records, keys)
    assert [entry.seq for entry in entries] == list(range(42, 50))
    assert head == Head(entries[-1].seq, entries[-1].link)
    assert {entry.key_id for entry in entries} == {1, 3}
    previous = start.link
    for entry in entries:
        assert entry.link == proof.link(KEY, previous, entry)
        previous = entry.link
    again, _ = Chain(KEY).entries(start, NOW, records, keys)
    assert again == entries
    changed = entries[3]._replace(record="other")
    assert proof.link(KEY, entries[2].link, changed) != changed.link
    assert proof.link(b"other", entries[2].link, entries[3]) != entries[3].link


def test_record_without_user_belongs_to_user_of_its_trace() -> None:
    batch = turn(1, "ann")
    trace = batch.tool_calls[0].trace_id
    assert ledger.owner(batch.runs[0]) == ("shop", "ann")
    assert ledger.owner(batch.tool_calls[0]) == ("shop", "")
    assert ledger.owner(batch.tool_calls[0], {trace: "bob"}) == ("shop", "bob")
    assert ledger.owner(batch.runs[0], {trace: "bob"}) == ("shop", "ann")
    assert ledger.owner(batch.events[0]._replace(user_id=None), {trace: "bob"}) == ("shop", "")


def test_keys_are_made_once_and_are_random(database: str) -> None:
    owners = {("shop", "ann"), ("shop", ""), ("desk", "ann")}
    with audit_database.connect(database, name="test", autocommit=True) as connection, connection.cursor() as cursor:
        keys = Keys()
        made = keys.ensure(cursor, owners, NOW)
        assert made.keys() == owners
        assert len({key for _, key in made.values()}) == 3
        assert {len(key) for _, key in made.values()} == {32}
        assert keys.ensure(cursor, owners, NOW) == made
        assert Keys().ensure(cursor, owners, NOW) == made


@pytest.mark.parametrize("end", ["rolled back", "erased"])
def test_ensure_makes_new_key_when_cached_key_is_gone(database: str, end: str) -> None:
    owners = {("shop", "ann"), ("shop", "bob")}
    with audit_database.connect(database, name="test", autocommit=True) as connection, connection.cursor() as cursor:
        keys = Keys()
        with connection.transaction(force_rollback=end == "rolled back"):
            before = keys.ensure(cursor, owners, NOW)
        cursor.execute("DELETE FROM ledger.keys WHERE user_id = 'ann'")
        after = keys.ensure(cursor, owners, NOW)
        assert after["shop", "ann"] != before["shop", "ann"]
        assert (after["shop", "bob"] == before["shop", "bob"]) == (end == "erased")
        rows = cursor.execute("SELECT service, user_id, key_id, key FROM ledger.keys").fetchall()
        assert {(service, user): (key_id, bytes(key)) for service, user, key_id, key in rows} == after


def test_time_in_the_ledger_does_not_go_back(database: str) -> None:
    with audit_database.connect(database, name="test", autocommit=True) as connection, connection.cursor() as cursor:
        assert ledger.locked_head(cursor, 7) == (Head(0, b""), 7)
        ledger.advance(cursor, Head(1, b"x" * 32), NOW)
        assert ledger.locked_head(cursor, NOW - 1) == (Head(1, b"x" * 32), NOW)
        assert ledger.locked_head(cursor, NOW + 1) == (Head(1, b"x" * 32), NOW + 1)
        assert ledger.head(connection) == Head(1, b"x" * 32)


def test_verify_names_lost_head(database: str) -> None:
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        connection.execute("DELETE FROM ledger.head")
        with pytest.raises(LookupError) as caught:
            ledger.head(connection)
    assert str(caught.value) == "ledger.head is empty: expected one row; the ledger can't be continued"


def test_head_survives_as_log_event() -> None:
    head = Head(123, bytes(range(32)))
    fields = ledger.announce(head, KEY, 7)
    assert fields["otelgate.audit.head.seq"] == 123
    letters = [fields["otelgate.audit.head.link"], fields["otelgate.audit.head.signature"]]
    assert all(isinstance(word, str) and len(word) == 64 and set(word) <= set("abcdefghijklmnop") for word in letters)
    assert read(fields, KEY) == (head, 7)
    assert read(fields, b"another key") is None
    assert read(fields | {"otelgate.audit.head.seq": 124}, KEY) is None
    assert read(fields | {"otelgate.audit.head.link": "zz"}, KEY) is None
    for count in (6, 8, "", "x"):
        assert read(fields | {"otelgate.audit.head.count": count}, KEY) is None


def test_read_a_head_of_before_it_was_counted_verifies() -> None:
    """As revision 0002 sent it, made with that program and this key."""
    fields = {
        "otelgate.audit.head.seq": 123,
        "otelgate.audit.head.link": bytes(range(32)).hex().translate(LETTERS),
        "otelgate.audit.head.count": "",
        "otelgate.audit.head.signature": OLD_SIGNATURE,
    }
    assert read(fields, KEY) == (Head(123, bytes(range(32))), None)
    assert read(fields | {"otelgate.audit.head.count": 1}, KEY) is None, "a count can't be put into an old one"
    assert read(fields | {"otelgate.audit.head.seq": 122}, KEY) is None


def test_count_a_head_returns_how_many_were_announced(database: str) -> None:
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        connection.execute("UPDATE ledger.head SET seq = 5, link = %s", [b"l" * 32])
        assert [ledger.count_head(connection) for _ in range(2)] == [(Head(5, b"l" * 32), n) for n in (1, 2)]
        assert ledger.head(connection) == Head(5, b"l" * 32)
        connection.execute("DELETE FROM ledger.head")
        with pytest.raises(LookupError):
            ledger.count_head(connection)


def read(fields: dict[str, Any], key: bytes) -> tuple[Head, int | None] | None:
    seq, link, count, signature = fields.values()
    return ledger.announced(str(seq), str(link), str(signature), key, str(count))
