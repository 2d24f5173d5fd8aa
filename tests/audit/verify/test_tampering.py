"""The 25 tamperings of an attack on the ledger, and whether `otelgate-audit verify` finds each.

Someone has the database, and for some of them the chain key or Loki as well. Stores are honest, or not to be reached;
then the second witness speaks where only heads can.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from otelgate_audit import ledger
from otelgate_audit.ledger import proof
from otelgate_audit.ledger.witness import Witness
from otelgate_audit.model import columns
from otelgate_audit.model import database as audit_database
from otelgate_audit.verify import command, verification

from ..command_options import options
from ..ledger_data import DAY, KEY, NOW, commit, settings, trace_id, turn
from ..loki import Loki, asked

Store = psycopg.Connection[Any]

ONE = f"'{trace_id(1)}'"
TABLES = ("audit.turns", *(f"audit.{table}" for table in columns.KINDS), "content.texts", "ledger.entries")
EVERYTHING = (*TABLES, "audit.users", "audit.user_days", "audit.sessions", "content.rejects", "ledger.keys")
TURN = ";".join(f"DELETE FROM {table} WHERE trace_id = {ONE}" for table in TABLES if table != "audit.events")
WIPE = ";".join(f"DELETE FROM {table}" for table in EVERYTHING)
RENUMBER = (
    "CREATE TEMP TABLE renumbered ON COMMIT DROP AS SELECT seq, row_number() OVER (ORDER BY seq) AS n"
    " FROM ledger.entries;"
    "UPDATE ledger.entries e SET seq = -n FROM renumbered r WHERE r.seq = e.seq;"
    "UPDATE ledger.entries SET seq = -seq;"
    "UPDATE ledger.head SET seq = (SELECT max(seq) FROM ledger.entries)"
)
TAIL = (
    ";".join(
        f"DELETE FROM audit.{table} t USING ledger.entries e WHERE e.seq > 16 AND e.kind = '{table}'"
        f" AND (e.start_time, e.record) = (t.start_time, t.{'span_id' if table in columns.SPANS else 'uid'})"
        for table in columns.KINDS
    )
    + ";DELETE FROM content.texts t USING ledger.entries e WHERE e.seq > 16"
    " AND (e.start_time, e.trace_id, e.record) = (t.start_time, t.trace_id, t.record);"
    f"DELETE FROM audit.turns WHERE trace_id = '{trace_id(3)}';"
    "DELETE FROM ledger.entries WHERE seq > 16;"
    "UPDATE ledger.head SET (seq, link) = (SELECT seq, link FROM ledger.entries WHERE seq = 16)"
)

STATEMENTS: dict[str, str] = {
    "another question": f"UPDATE content.texts SET input = 'forged' WHERE trace_id = {ONE} AND input IS NOT NULL",
    "another user": f"UPDATE audit.runs SET user_id = 'mallory' WHERE trace_id = {ONE}",
    "a cost, by a tenth of a cent": f"UPDATE audit.model_calls SET cost_usd = cost_usd + 0.001 WHERE trace_id = {ONE}",
    "a vote": f"UPDATE audit.feedback SET rating = 'negative' WHERE trace_id = {ONE}",
    "a run an hour earlier, with its entry": (
        f"UPDATE audit.runs SET start_time = start_time - interval '1 hour' WHERE trace_id = {ONE};"
        "UPDATE ledger.entries SET start_time = start_time - interval '1 hour'"
        f" WHERE kind = 'runs' AND trace_id = {ONE}"
    ),
    "times of commits a day earlier": "UPDATE ledger.entries SET committed_at = committed_at - interval '1 day'",
    "a run is deleted": f"DELETE FROM audit.runs WHERE trace_id = {ONE}",
    "a run is deleted with its entry": (
        f"DELETE FROM ledger.entries WHERE kind = 'runs' AND trace_id = {ONE};"
        f"DELETE FROM audit.runs WHERE trace_id = {ONE}"
    ),
    "a turn is deleted with all entries": TURN,
    "a turn is deleted, and the entries after it renumbered": f"{TURN};{RENUMBER}",
    "a turn's row is deleted": f"DELETE FROM audit.turns WHERE trace_id = {ONE}",
    "words are deleted": f"DELETE FROM content.texts WHERE trace_id = {ONE}",
    "two entries change places": (
        "UPDATE ledger.entries SET seq = -1 WHERE seq = 10; UPDATE ledger.entries SET seq = 10 WHERE seq = 11;"
        "UPDATE ledger.entries SET seq = 11 WHERE seq = -1"
    ),
    "the tail is cut off with its rows, and the head set back": TAIL,
    "a day of runs is emptied": "DELETE FROM audit.runs_20260614",
    "a run that never was": (
        'INSERT INTO audit.runs SELECT (jsonb_populate_record(r, \'{"span_id": "feedfacefeedface"}\')).*'
        f" FROM audit.runs r WHERE trace_id = {ONE}"
    ),
    "another entry's MAC": (
        "UPDATE ledger.entries e SET mac = x.mac, key_id = x.key_id FROM ledger.entries x"
        " WHERE e.seq = 12 AND x.seq = 11"
    ),
    "a user's key is replaced": ("UPDATE ledger.keys SET key = decode(repeat('00', 32), 'hex') WHERE user_id = 'ann'"),
    "a deletion of retention is forged": (
        "INSERT INTO ledger.entries SELECT seq + 1, committed_at, 'retain', now() + interval '1 year', 'audit.runs',"
        " '', key_id, mac, link FROM ledger.entries ORDER BY seq DESC LIMIT 1;"
        "DELETE FROM audit.runs; UPDATE ledger.head SET seq = seq + 1"
    ),
    "a dropped partition is forged": (
        "INSERT INTO ledger.dropped (table_name, partition, from_time, to_time, rows, seq, link, dropped_at, signature)"
        " SELECT 'ledger.entries', 'ledger.entries_202001', '2020-01-01', '2020-02-01', 8, 8, link, now(),"
        " decode(repeat('00', 32), 'hex') FROM ledger.entries WHERE seq = 8;"
        "DELETE FROM ledger.entries WHERE seq <= 8"
    ),
    "everything is wiped, and the head is as new": (
        WIPE + r"; UPDATE ledger.head SET (seq, link, announced) = (0, '\x', 0)"
    ),
    "everything is wiped, and the head deleted": f"{WIPE}; DELETE FROM ledger.head",
}


def rebuilt_chain(store: Store, _: str) -> None:
    """With the chain key: all links, after a change of all times of commit."""
    store.execute("UPDATE ledger.entries SET committed_at = committed_at - interval '1 hour'")
    previous = b""
    for row in columns.cursor(store).execute("SELECT * FROM ledger.entries ORDER BY seq").fetchall():
        entry = ledger.Entry(*row)
        previous = proof.link(KEY, previous, entry)
        store.execute("UPDATE ledger.entries SET link = %s WHERE seq = %s", [previous, entry.seq])
    store.execute(
        "UPDATE ledger.head SET (link, committed_at) = (%s, (SELECT max(committed_at) FROM ledger.entries))", [previous]
    )


def old_copy(store: Store, _: str) -> None:
    """All as it was before the third turn, for which no key is needed: its rows, its keys, the head's count."""
    store.execute(TAIL)
    store.execute(
        "DELETE FROM audit.users WHERE service = 'desk'; DELETE FROM audit.sessions WHERE service = 'desk';"
        "DELETE FROM ledger.keys WHERE service = 'desk';"
        "UPDATE ledger.head SET announced = 1, committed_at = (SELECT max(committed_at) FROM ledger.entries)"
    )


TAMPERINGS: dict[str, Callable[[Store, str], object]] = {
    **{name: lambda store, text: store.execute(text) for name in STATEMENTS},
    "the chain is rebuilt with its key": rebuilt_chain,
    "an old copy is put back": old_copy,
    "heads are hidden in Loki, and an old copy is put back": old_copy,
}
ONLY_BY_HEADS = {
    "everything is wiped, and the head is as new",
    "the tail is cut off with its rows, and the head set back",
    *list(TAMPERINGS)[-3:],
}


@pytest.fixture
def store(database: str, loki: tuple[Loki, str], kept: Path) -> Iterator[Store]:
    """Three turns; after the second and the third, heads are announced to both witnesses."""
    known, _ = loki
    witness = Witness(f"file:{kept}")
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        batches = (turn(1, "ann"), turn(2, "bob", NOW - 3 * DAY), turn(3, None, service="desk"))
        for number, batch in enumerate(batches):
            commit(connection, batch, NOW + number)
            if number:
                at, count = ledger.count_head(connection)
                head = ledger.announce(at, KEY, count)
                known.put(NOW + 60_000_000 * number, head)
                witness.keep(head)
        witness.write()
        yield connection


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "heads.jsonl"


def found(database: str, **sources: Any) -> set[str]:
    """The codes of what is found."""
    with audit_database.connect(database, name="test") as connection:
        report = verification.verify(connection, KEY, now_us=NOW + 30 * DAY, **sources)
    return {code for code, _ in report.counts}


def test_there_are_25_tamperings() -> None:
    assert len(TAMPERINGS) == 25


@pytest.mark.parametrize("tampering", list(TAMPERINGS))
def test_verify_finds_each_tampering(
    database: str,
    store: Store,
    loki: tuple[Loki, str],
    kept: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tampering: str,
) -> None:
    known, url = loki
    away = "http://127.0.0.1:9"
    assert found(database, loki=asked(url), files=[kept]) == set(), "the control"
    with store.transaction():
        TAMPERINGS[tampering](store, STATEMENTS.get(tampering, ""))
    if tampering.startswith("heads are hidden"):
        known.events.clear()
        assert found(database, loki=asked(url)) == {"unchecked"}
    else:
        assert found(database, loki=asked(url)) - {"unchecked"}
    alone = found(database)
    assert bool(alone) == (tampering not in ONLY_BY_HEADS)
    assert found(database, loki=asked(away)) == alone | {"unchecked"}
    assert found(database, loki=asked(away), files=[kept]) - {"unchecked"}, "by the second witness"
    statuses = []
    for given, more in (([], {}), ([], {"OTELGATE_WITNESS": f"file:{kept}"}), (["--heads", str(kept)], {})):
        statuses.append(run(database, tmp_path, *given, **more))
        assert json.loads(capsys.readouterr().out)["ok"] is False
    assert statuses == [1 if alone else 2, 1, 1]


def run(database: str, folder: Path, *arguments: str, **more: str) -> int:
    return command.run(settings(database, folder, **more), options(command, *arguments, "--json"))


def test_verify_notes_webhook_as_unreadable(
    database: str, store: Store, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook = {"OTELGATE_WITNESS": "https://witness.example/T0KEN"}
    note = "the witness is a webhook, which can't be read: give the lines that it got by --heads FILE"
    assert run(database, tmp_path, "--no-loki", **webhook) == 0
    assert note in json.loads(capsys.readouterr().out)["notes"]
    assert run(database, tmp_path, "--no-loki", "--heads", str(kept), **webhook) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["heads"], report["notes"]) == (2, [])


@pytest.mark.parametrize("content", [None, b"", b"not a head\n"])
def test_verify_without_the_witness_s_heads_could_not_be_checked(
    database: str,
    store: Store,
    kept: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    """The file is gone, empty, or holds no heads of this chain."""
    kept.unlink() if content is None else kept.write_bytes(content)
    assert run(database, tmp_path, "--no-loki", OTELGATE_WITNESS=f"file:{kept}") == 2
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["record"]) == ("unchecked", "in the witness")
    assert str(kept) in finding["what"]
