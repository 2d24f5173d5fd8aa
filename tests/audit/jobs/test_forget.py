"""Forgetting a person: none of their data is left in the store, data without a user stays, the ledger verifies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from otelgate_audit.jobs import erasure, forget
from otelgate_audit.jobs.erasure import Erased, Erasure
from otelgate_audit.ledger import Chain
from otelgate_audit.model import columns, pseudonyms
from otelgate_audit.model import database as audit_database
from otelgate_audit.model.records import Batch, Event, Feedback, Reject, Text
from otelgate_audit.verify import verification
from psycopg import sql

from ..command_options import options
from ..ledger_data import DAY, KEY, NOW, SERVICE, commit, settings, trace_id, turn

Store = psycopg.Connection[Any]
ANN, BOB = "ann@example.org", "bob@example.org"
PSEUDONYM_KEY = "0123456789abcdef0123456789abcdef"


def reject(payload: bytes, trace: int | None = None) -> Reject:
    return Reject("traces", SERVICE, trace and trace_id(trace), None, True, "start_time: too old", 9, payload)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """Ann has two turns, Bob one and a vote on Ann's; one has no user; another service has an Ann, too."""
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        commit(connection, turn(1, ANN))
        commit(connection, turn(2, BOB, NOW - 3 * DAY))
        commit(connection, turn(3, None))
        commit(connection, turn(4, ANN, NOW - 5 * DAY))
        commit(connection, turn(5, ANN, service="desk"))
        vote = Feedback(NOW - DAY + 20_000_000, "vote-by-bob", trace_id(1), SERVICE, None, "b", BOB, "negative", 1)
        words = Text(*vote[:1], trace_id(1), vote.uid, "Bob says no", None, None)
        lone = Event(NOW - DAY, "lone", None, SERVICE, None, f"session-of-{ANN}", None, None, "seen", None, None, "{}")
        value = b"\n" + bytes([len(ANN)]) + ANN.encode()
        rejects = [reject(b"\x12\x03abc", 4), reject(b"xx" + value), reject(b"no user's"), reject(BOB.encode(), 2)]
        commit(
            connection,
            Batch(feedback=[vote], events=[lone], texts={words[:3]: words}, rejects=rejects),
        )
        yield connection


def erase(database: str, user: str = ANN, services: tuple[str, ...] = (SERVICE,)) -> list[Erased]:
    with audit_database.connect(database, name="forget") as connection:
        return forget.forget(connection, Chain(KEY), user, list(services), NOW + 60_000_000)


def check(database: str) -> list[str]:
    with audit_database.connect(database, name="test") as connection:
        return [str(each) for each in verification.verify(connection, KEY).findings]


def holding(store: Store, *needles: str) -> dict[str, int]:
    """Every table of the store, its rows that hold one of the texts anywhere: text, arrays, JSON, bytes."""
    tables = store.execute(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname IN ('audit', 'content', 'ledger', 'analytics', 'public') AND relkind IN ('r', 'm')"
    ).fetchall()
    found = {}
    for schema, table in tables:
        # A row as text has its bytes in hexadecimal.
        hexed = [needle.encode().hex() for needle in needles]
        patterns = [f"%{each.replace('%', '')}%" for each in (*needles, *hexed)]
        name = sql.Identifier(schema, table)
        row = store.execute(
            sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text LIKE ANY(%s)").format(name), [patterns]
        ).fetchone()
        if row and row[0]:
            found[f"{schema}.{table}"] = row[0]
    return found


TOTALS = """
SELECT count(*), sum(cost_usd), sum(input_tokens), sum(output_tokens), sum(model_calls), sum(tool_calls), sum(runs),
    sum(latency_us), count(rating), sum(rating_score), sum(confidence), array_agg(DISTINCT agent), sum(reasoning_tokens)
FROM audit.turns
"""


def totals(store: Store) -> list[Any]:
    tools = (
        "SELECT service, tool, status, count(*), sum(duration_us) FROM audit.tool_calls GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    events = "SELECT name, count(*), sum(value) FROM audit.events GROUP BY 1 ORDER BY 1"
    return [store.execute(each).fetchall() for each in (TOTALS, tools, events)]


def others(store: Store) -> dict[str, list[Any]]:
    """All rows of Bob, without a user, or of another service."""
    where = {
        "audit.users": "user_id <> %(ann)s OR service <> 'shop'",
        "audit.sessions": "user_id IS DISTINCT FROM %(ann)s OR service <> 'shop'",
        "content.rejects": "payload IN ('no user''s', 'bob@example.org')",
        "content.texts": "trace_id = ANY(%(traces)s) OR record IN ('vote-by-bob', 'event-2', 'event-3', 'event-5')",
        "audit.feedback": "user_id <> %(ann)s OR trace_id = ANY(%(traces)s)",
        "audit.events": "uid IN ('event-2', 'event-3', 'event-5')",
    }
    for table in ("turns", "runs", "model_calls", "tool_calls", "scores"):
        where[f"audit.{table}"] = "trace_id = ANY(%(traces)s)"
    values = {"ann": ANN, "traces": [trace_id(2), trace_id(3), trace_id(5)]}
    return {
        table: store.execute(f"SELECT * FROM {table} t WHERE {each} ORDER BY t::text", values).fetchall()
        for table, each in where.items()
    }


def test_nothing_is_left_of_a_person(database: str, store: Store) -> None:
    before = totals(store)
    assert holding(store, f"I am {ANN}").keys() == {"content.texts_20260610", "content.texts_20260614"}
    assert erase(database, services=(SERVICE, "desk")) == [
        Erased("shop", traces=2, records=17, texts=12, sessions=1, rejects=2),
        Erased("desk", traces=1, records=8, texts=6, sessions=1, rejects=0),
    ]
    assert holding(store, ANN) == {}
    assert totals(store) == before
    assert check(database) == []


def test_another_services_person_of_that_name_stays(database: str, store: Store) -> None:
    kept, before = others(store), totals(store)
    assert [each.service for each in erase(database)] == ["shop"]
    assert others(store) == kept
    assert totals(store) == before
    assert store.execute("SELECT service FROM audit.users WHERE user_id = %s", [ANN]).fetchall() == [("desk",)]
    named = "SELECT DISTINCT service FROM audit.{} WHERE user_id = %s OR session_id = %s"
    for table in ("runs", "model_calls", "feedback", "scores", "events", "turns"):
        found = store.execute(named.format(table), [ANN, f"session-of-{ANN}"]).fetchall()
        assert found == [("desk",)], table
    assert check(database) == []


def test_forget_keeps_turn_without_its_user(database: str, store: Store) -> None:
    erase(database)
    row = store.execute(
        "SELECT user_id, session_id, question_hash, asked_start, asked_record, replied_start, replied_record, agent,"
        " rating, cost_usd > 0, state ?| ARRAY['asked', 'replied', 'user', 'session'] FROM audit.turns"
        " WHERE trace_id = %s",
        [trace_id(1)],
    ).fetchone()
    assert row == (None, None, None, None, None, None, None, "helper", "negative", True, False)


def test_erasing_a_voter_keeps_the_other_users_turn(database: str, store: Store) -> None:
    whole = "SELECT * FROM audit.turns WHERE trace_id = %s"
    before = store.execute(whole, [trace_id(1)]).fetchall()
    assert erase(database, BOB) == [Erased("shop", traces=1, records=9, texts=7, sessions=2, rejects=1)]
    assert holding(store, BOB) == {}
    assert store.execute(whole, [trace_id(1)]).fetchall() == before
    assert check(database) == []


def test_erasure_is_recorded_without_a_name(database: str, store: Store) -> None:
    erase(database)
    rows = store.execute("SELECT services, records, traces FROM audit.erasures").fetchall()
    assert rows == [(["shop"], 17, 2)]


def test_forgetting_twice_does_nothing_more(database: str, store: Store) -> None:
    erase(database)
    assert erase(database) == [Erased("shop")]
    assert check(database) == []


def test_verify_finds_edit_of_anonymous_row(database: str, store: Store) -> None:
    erase(database)
    store.execute("UPDATE audit.tool_calls SET tool = 'refund' WHERE trace_id = %s", [trace_id(1)])
    tool = f"audit.tool_calls {trace_id(1)}/0000000100000002 of 2026-06-14T12:00:00.002000Z"
    (found,) = check(database)
    assert found.startswith(f"{tool}: the row or its words differ from what entry ")


def test_words_that_come_back_are_caught(database: str, store: Store) -> None:
    saved = store.execute("SELECT * FROM content.texts WHERE record = 'vote-1'").fetchall()
    erase(database)
    store.execute("INSERT INTO content.texts VALUES (%s, %s, %s, %s, %s, %s)", saved[0])
    (found,) = check(database)
    assert found.startswith(f"audit.feedback {trace_id(1)}/vote-1 of 2026-06-14T12:00:09.000000Z: ")


def test_tampered_row_is_erased_but_not_reattested(database: str, store: Store) -> None:
    store.execute("UPDATE audit.tool_calls SET duration_us = 1 WHERE trace_id = %s", [trace_id(1)])
    (erased,) = erase(database)
    assert erased.unproven == ["audit.tool_calls 0000000100000002"]
    assert holding(store, f"I am {ANN}, order 1") == {}
    tool = f"audit.tool_calls {trace_id(1)}/0000000100000002 of 2026-06-14T12:00:00.002000Z"
    assert check(database) == [f"{tool}: the key of entry 4 is missing"]


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_killed_in_the_middle_it_goes_on(
    database: str, store: Store, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    before, kept = totals(store), others(store)
    monkeypatch.setattr(erasure, "_TRACES", 1)
    monkeypatch.setattr(erasure, "_RECORDS", 1)
    done = iter(range(after))
    erase_rows, finish = Erasure._erase, Erasure._finish

    def killed(self: Erasure, *given: Any) -> Any:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return erase_rows(self, *given)

    monkeypatch.setattr(Erasure, "_erase", killed)
    with pytest.raises(KeyboardInterrupt):
        erase(database)
    assert check(database) == []
    monkeypatch.setattr(Erasure, "_erase", erase_rows)
    monkeypatch.setattr(Erasure, "_finish", finish)
    erase(database)
    assert holding(store, f"I am {ANN}, order 1", f"I am {ANN}, order 4", f"from {ANN}, order") == {}
    assert (totals(store), others(store)) == (before, kept)
    assert check(database) == []


def test_records_that_come_meanwhile_go_too(database: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Erasure._finish
    late = iter([turn(6, ANN)])

    def disturbed(self: Erasure, seen: int, now_us: int) -> bool:
        for batch in late:
            commit(store, batch, NOW + 61_000_000)
        return finish(self, seen, now_us)

    monkeypatch.setattr(Erasure, "_finish", disturbed)
    (erased,) = erase(database)
    assert (erased.traces, erased.records) == (3, 25)
    assert holding(store, f"I am {ANN}, order 6") == {}
    assert check(database) == []


def test_erasing_a_user_who_keeps_writing_fails(database: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "_ROUNDS", 2)
    monkeypatch.setattr(Erasure, "_finish", lambda self, seen, now_us: False)
    with pytest.raises(erasure.StillWriting) as caught:
        erase(database)
    assert str(caught.value) == "shop: new records of the person kept coming; run it again"


def test_resent_span_restores_nothing_erased(database: str, store: Store) -> None:
    erase(database, services=(SERVICE, "desk"))
    commit(store, turn(1, ANN), NOW + 70_000_000)
    assert holding(store, ANN) == {}
    assert check(database) == []


def test_new_record_after_erasure_is_stored(database: str, store: Store) -> None:
    erase(database, services=(SERVICE, "desk"))
    commit(store, turn(7, ANN), NOW + 70_000_000)
    assert holding(store, ANN)["audit.users"] == 1
    assert check(database) == []
    erase(database)
    assert holding(store, ANN) == {}
    assert check(database) == []


def run(database: str, folder: Path, *arguments: str, **more: str) -> int:
    return forget.run(settings(database, folder, **more), options(forget, *arguments))


def test_forget_command_erases_in_every_service(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(forget.Telemetry, "event", lambda self, name, attributes: told.append((name, attributes)))
    assert run(database, tmp_path, "--user", ANN, "--yes", "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert done["found"] is True
    assert [(each["service"], each["records"]) for each in done["erased"]] == [("desk", 8), ("shop", 17)]
    assert [(name, list(each.values())) for name, each in told] == [
        ("otelgate.audit.erasure", ["desk", 8, 1]),
        ("otelgate.audit.erasure", ["shop", 17, 2]),
    ]
    assert run(database, tmp_path, "--user", BOB, "--yes") == 0
    assert capsys.readouterr().out.splitlines()[-1] == forget.REACHES


NOT_FOUND = (
    "nothing is stored about this user{}, nothing was erased: expected the person's user.id as the application sends"
    " it, a pseudonym of it, or the id of a session or turn of theirs{}\n"
)
NO_KEY = "; without OTELGATE_PSEUDONYM_KEY_FILE pseudonyms of it are not found"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["--user", "unknown@example.org"], ""),
        (["--user", ANN.upper()], ""),
        (["--user", "unknown@example.org", "--service", SERVICE], f" in {SERVICE}"),
        (["--user", ANN, "--service", "shpo"], " in shpo"),
        (["--user", BOB, "--service", "desk"], " in desk"),
        (["--user", "%"], ""),
        (["--user", ""], ""),
    ],
)
@pytest.mark.parametrize("with_key", [False, True])
def test_forget_of_an_unknown_person_fails(
    database: str,
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    where: str,
    with_key: bool,
) -> None:
    """Also of one whom only other applications know, and with the key of pseudonyms; nothing is changed."""
    before, more = holding(store, ANN, BOB), {}
    if with_key:
        (tmp_path / "pseudonym.key").write_text(PSEUDONYM_KEY)
        more["OTELGATE_PSEUDONYM_KEY_FILE"] = str(tmp_path / "pseudonym.key")
    message = NOT_FOUND.format(where, "" if with_key else NO_KEY)
    assert run(database, tmp_path, *arguments, "--yes", **more) == 1
    assert capsys.readouterr() == ("", message)
    assert run(database, tmp_path, *arguments, "--yes", "--json", **more) == 1
    told = capsys.readouterr()
    assert (json.loads(told.out), told.err) == ({"found": False, "erased": []}, message)
    assert holding(store, ANN, BOB) == before
    assert check(database) == []


def test_forget_a_second_time_fails(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget.Telemetry, "event", lambda *_: None)
    arguments = ["--user", ANN, "--yes", "--json"]
    assert [run(database, tmp_path, *arguments) for _ in range(2)] == [0, 1]
    found = [json.loads(line)["found"] for line in capsys.readouterr().out.splitlines()]
    assert found == [True, False]


def test_forget_who_is_only_in_a_reject_succeeds(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No record names them, but what could not be stored does."""
    commit(store, Batch(rejects=[reject(b"xx\n\x0feve@example.com")]))
    assert run(database, tmp_path, "--user", "eve@example.com", "--service", SERVICE, "--yes", "--json") == 0
    assert [each["rejects"] for each in json.loads(capsys.readouterr().out)["erased"]] == [1]
    assert holding(store, "eve@example.com") == {}


def test_forget_finds_person_by_stored_pseudonym(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget.Telemetry, "event", lambda *_: None)
    key = tmp_path / "pseudonym.key"
    key.write_text(PSEUDONYM_KEY)
    pseudonym = "[email:07efee657b59073c]"
    commit(store, turn(8, pseudonym))
    commit(store, turn(9, "[email:0123456789abcdef]"))
    arguments = ["--user", ANN, "--yes", "--json"]
    assert run(database, tmp_path, *arguments, OTELGATE_PSEUDONYM_KEY_FILE=str(key)) == 0
    assert {each["service"] for each in json.loads(capsys.readouterr().out)["erased"]} == {"shop", "desk"}
    assert holding(store, ANN, pseudonym) == {}
    assert holding(store, "[email:0123456789abcdef]")["audit.users"] == 1
    assert check(database) == []


E_MAIL, PHONE, CARD = ("[email:093e3dd9df951c50]", "[phone:9142b1157c1468db]", "[card:7b7e6cb2715c7b1c]")
# Kind of identity -> what the gateway stores as user and as session, and what the person gives.
IDENTITIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "e-mail": (E_MAIL, "s-1", ("ann@example.com",)),
    "e-mail in other spellings": (E_MAIL, "s-1", ("Ann@Example.COM", "\uff21nn@example.com")),
    "phone": (PHONE, "s-1", ("+493012345678", "0049 (30) 1234-5678", "+49 30 12345678", "+49\u00a030\u00a012345678")),
    "card-like number": (CARD, "s-1", ("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111")),
    "user id": ("u-17", "s-1", ("u-17",)),
    "session id": ("u-17", "session-of-17", ("session-of-17",)),
    "turn id": ("u-17", E_MAIL, ("ann@example.com", "Ann@example.com")),
    "pseudonym": (E_MAIL, "s-1", (E_MAIL,)),
}


def identified(batch: Batch, user: str, session: str) -> Batch:
    """The batch with these ids in all records that name a user."""
    for kind in columns.KINDS:
        records = getattr(batch, kind)
        records[:] = [each._replace(user_id=user, session_id=session) if each.user_id else each for each in records]
    return batch


@pytest.mark.parametrize("kind", list(IDENTITIES))
def test_forget_each_kind_of_identity_erases_that_person_alone(
    database: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(forget.Telemetry, "event", lambda *_: None)
    key = tmp_path / "pseudonym.key"
    key.write_text(PSEUDONYM_KEY)
    user, session, given = IDENTITIES[kind]
    near = (
        "[email:0123456789abcdef]",
        "[phone:0123456789abcdef]",
        "[card:0123456789abcdef]",
        "u-170",
        "session-of-170",
    )
    for number, each in enumerate(near):
        commit(store, identified(turn(20 + number, "near"), each, f"near-{each}"))
    before = holding(store, *near, ANN, BOB)
    for number, spelling in enumerate(given):
        commit(store, identified(turn(40 + number, "theirs"), user, session), NOW + number)
        arguments = ["--user", spelling, "--yes"]
        assert run(database, tmp_path, *arguments, OTELGATE_PSEUDONYM_KEY_FILE=str(key)) == 0
        assert holding(store, "I am theirs") == {}, spelling
        (left,) = store.execute("SELECT count(*) FROM audit.sessions WHERE session_id = %s", [session]).fetchall()
        assert left == (0,), spelling
        assert holding(store, *near, ANN, BOB) == before, spelling
    assert check(database) == []


def test_forget_of_an_id_that_is_also_a_session_leaves_the_sessions_person(
    database: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget.Telemetry, "event", lambda *_: None)
    commit(store, identified(turn(20, "asked"), "4711", "s-1"))
    commit(store, identified(turn(21, "other"), "u-17", "4711"))
    before = holding(store, "u-17")
    assert run(database, tmp_path, "--user", "4711", "--yes") == 0
    assert holding(store, "I am asked") == {}
    assert holding(store, "u-17") == before


@pytest.mark.parametrize(
    ("services", "arguments", "users"),
    [
        ((SERVICE, "desk"), [], 2),
        ((SERVICE, SERVICE), [], 2),
        ((SERVICE, SERVICE, "desk"), ["--service", SERVICE], 2),
        ((SERVICE, "desk", "desk"), ["--service", SERVICE], 1),
    ],
)
def test_forget_of_a_session_that_users_share_is_refused(
    database: str,
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    services: tuple[str, ...],
    arguments: list[str],
    users: int,
) -> None:
    """Applications that number their sessions have the same ids; with `--service` only its own count."""
    monkeypatch.setattr(forget.Telemetry, "event", lambda *_: None)
    for number, service in enumerate(services):
        batch = turn(20 + number, f"p{number}", service=service)
        commit(store, identified(batch, f"person-{number}", "1"))
    people = [f"I am p{number}," for number in range(len(services))]
    before = holding(store, *people)
    if users == 1:
        assert run(database, tmp_path, "--user", "1", *arguments, "--yes") == 0
        assert holding(store, people[0]) == {}
        assert holding(store, people[1])
        assert holding(store, people[2])
        return
    message = f"--user='1': expected the id of one user; as a session's it belongs to {users} users\n"
    assert run(database, tmp_path, "--user", "1", *arguments, "--yes", "--json") == 1
    told = capsys.readouterr()
    assert (json.loads(told.out), told.err) == ({"found": False, "erased": []}, message)
    assert holding(store, *people) == before


def test_digest_a_spelling_equals_the_gateways() -> None:
    """The same as in collector/redact/pseudonym_test.go."""
    greek, turkish = "\u039d\u0399\u039a\u039f\u03a3", "\u0130"
    given = {
        "Ann@Example.com": E_MAIL,
        "0049 (30) 1234-5678": PHONE,
        "4111 1111 1111 1111": CARD,
        f"{greek}.{turkish}@example.com": "[email:040c6f0d9c315297]",
    }
    for spelling, pseudonym in given.items():
        assert pseudonym.partition(":")[2].rstrip("]") in pseudonyms.digests(PSEUDONYM_KEY.encode(), spelling)


def test_digests_are_the_gateways() -> None:
    """The same as in collector/redact/pseudonym_test.go."""
    assert pseudonyms.digests(PSEUDONYM_KEY.encode(), "ann@example.com")[:2] == ["093e3dd9df951c50", "834b783b35d9e9b2"]
    assert pseudonyms.patterns(None, ANN) == []


def test_erase_without_confirmation_does_nothing(
    database: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(database, tmp_path, "--user", ANN) == 2
    assert capsys.readouterr().err == "erasing can't be undone: add --yes where there is no terminal\n"
    assert holding(store, ANN)
