"""The writer while the database fails, hangs, ends connections or is away."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from otelgate_audit.model import clock
from otelgate_audit.model.records import Run
from otelgate_audit.store import insert
from otelgate_audit.store.writer import Unavailable, Writer
from psycopg import sql
from waiting import until

from ..records import DAY, NOW, TRACE, batch, event, run, words
from ..store_check import Counts, check, deliver, made_up_run, split


@pytest.fixture
def switch(server, database: str) -> Iterator[Callable[[bool], None]]:
    """Has the database refuse connections and ends those that are there; or has it take them again."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server.get_uri(), autocommit=True) as superuser:

        def switch(on: bool) -> None:
            superuser.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), sql.Literal(on))
            )
            if not on:
                superuser.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name]
                )

        yield switch
        switch(True)


def test_unavailable_database_is_named(
    make_writer: Callable[..., Writer], switch: Callable[[bool], None], database: str
) -> None:
    writer = make_writer()
    writer.commit(batch(run("01")), 30)
    switch(False)
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    refused = f'database "{name}" is not currently accepting connections'
    with pytest.raises(Unavailable):
        writer.commit(batch(run("02")), 30)
    with pytest.raises(Unavailable, match=refused):  # at once, and from a sink that starts
        writer.commit(batch(run("02")), 30)
    with pytest.raises(Unavailable, match=refused):
        make_writer().commit(batch(run("02")), 30)
    assert writer.down is not None
    assert refused in writer.down
    switch(True)
    deliver([writer], [batch(run("02"))], until_taken=True)
    assert writer.down is None
    with psycopg.connect(database) as connection:
        check(connection, [(run("01"), None), (run("02"), None)])


def test_closed_connection_is_reopened_transparently(
    writer: Writer, switch: Callable[[bool], None], database: str
) -> None:
    writer.commit(batch(run("01")), 30)
    switch(False)
    switch(True)
    writer.commit(batch(run("02")), 30)
    with psycopg.connect(database) as connection:
        check(connection, [(run("01"), None), (run("02"), None)])


def test_connections_that_end_while_they_write(make_writer: Callable[..., Writer], server, database: str) -> None:
    """Unanswered batches are resent; nothing is lost and nothing is stored twice."""
    chance = random.Random(11)
    items = [item for number in range(60) for item in made_up_run(number, chance)]
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    done = threading.Event()

    def disturb() -> int:
        ended = 0
        with psycopg.connect(server.get_uri(), autocommit=True) as superuser:
            while not done.is_set():
                ended += superuser.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = %s AND application_name = 'otelgate-audit' AND query LIKE ANY (%s)",
                    [name, [chance.choice(["COPY%", "%COMMIT%", "SELECT%", "MERGE%", "UPDATE%"])]],
                ).rowcount
                done.wait(0.02)
        return ended

    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(disturb)
        deliver([make_writer(), make_writer()], split(items, chance, copies=2), until_taken=True)
        done.set()
        assert ended.result() > 0
    with psycopg.connect(database) as connection:
        check(connection, items)


def test_wait_is_bounded_and_second_delivery_is_harmless(writer: Writer, database: str) -> None:
    assert until(lambda: writer._connection is not None)
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM ledger.head FOR UPDATE")
        with pytest.raises(Unavailable, match="not committed within 1 s"):
            writer.commit(batch(run("01")), 1)
        assert writer.queue_age() > 0
    writer.commit(batch(run("01")), 30)
    with psycopg.connect(database) as connection:
        check(connection, [(run("01"), None)])
    assert writer.queue_age() == 0


def test_many_batches_are_one_transaction(make_writer: Callable[..., Writer], database: str) -> None:
    """Batches that queue up while the database is busy are committed together."""
    counts = Counts()
    writer = make_writer(counts)
    with psycopg.connect(database) as other, ThreadPoolExecutor(10) as threads:
        other.execute("SELECT FROM ledger.head FOR UPDATE")
        sent = [threads.submit(writer.commit, batch(run(f"{n:02}")), 30) for n in range(9)]
        assert until(lambda: len(writer._writing) + len(writer._waiting) == 9, every_s=0.001)
        other.rollback()
        for each in sent:
            each.result()
    assert counts.sums["committed", "runs"] == 9
    assert counts.sums["write", ""] <= 3


def test_empty_batch_opens_no_transaction(make_writer: Callable[..., Writer]) -> None:
    counts = Counts()
    make_writer(counts).commit(batch(), 30)
    assert not counts.sums


def test_stopping_commits_what_waits(make_writer: Callable[..., Writer], database: str) -> None:
    writer = make_writer()
    with psycopg.connect(database) as other, ThreadPoolExecutor(10) as threads:
        other.execute("SELECT FROM ledger.head FOR UPDATE")
        sent = [threads.submit(writer.commit, batch(run(f"{n:02}")), 30) for n in range(9)]
        assert until(lambda: len(writer._writing) + len(writer._waiting) == 9, every_s=0.001)
        stopping = threads.submit(writer.stop)
        assert until(lambda: writer._stopping, every_s=0.001)
        other.rollback()
        stopping.result()
        for each in sent:
            each.result()
    with pytest.raises(Unavailable, match="the sink is stopping"):
        writer.commit(batch(run("10")), 30)
    with psycopg.connect(database) as connection:
        check(connection, [(run(f"{n:02}"), None) for n in range(9)])


def test_internal_error_loses_nothing(
    make_writer: Callable[..., Writer], connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer()
    with monkeypatch.context() as broken:
        broken.setattr(insert.Store, "add", lambda *_: {}["a secret"])
        with pytest.raises(Unavailable, match=r"^internal error: KeyError$"):
            writer.commit(batch(run("01")), 30)
    writer.commit(batch(run("01")), 30)
    check(connection, [(run("01"), None)])


def test_tampered_row_does_not_stop_the_writer(writer: Writer, connection: psycopg.Connection) -> None:
    """Its late spans are rejects; what comes with them is committed."""
    writer.commit(batch(run("01")), 30)
    connection.execute("UPDATE audit.turns SET state = '{}'")
    other = run("03", trace_id="b" * 32)
    writer.commit(batch(run("02"), other), 30)
    rejects = connection.execute("SELECT record, reason FROM content.rejects").fetchall()
    assert rejects == [("02", "internal error: KeyError")]
    assert connection.execute("SELECT span_id FROM audit.runs ORDER BY 1").fetchall() == [("01",), ("03",)]


def test_lookups_use_an_index_of_one_partition(writer: Writer) -> None:
    """Also while the tables are new and have no statistics."""
    writer.commit(batch(*(run(f"{day:02}", NOW - day * DAY) for day in range(5))), 30)
    times = [clock.from_us(NOW)]
    bounds = [clock.from_us(NOW // DAY * DAY), clock.from_us(NOW // DAY * DAY + DAY)]
    assert writer._connection is not None
    plan = writer._connection.execute(
        sql.SQL("EXPLAIN {}").format(insert._STORED[Run]), [times, [TRACE], ["01"], *bounds]
    ).fetchall()
    named = [line for (line,) in plan if " runs_2026" in line]
    assert named
    assert all("runs_20261120" in line for line in named)
    assert any("Index Cond" in line and "trace_id = given.trace_id" in line for (line,) in plan), plan


def test_readers_do_not_hold_up_a_new_day(writer: Writer, database: str, connection: psycopg.Connection) -> None:
    """A long export must not keep the sink from making a partition."""
    writer.commit(batch(run("01")), 30)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM audit.runs, audit.events, content.texts, ledger.entries LIMIT 1")
        tomorrow = [words(run("02", NOW + DAY), "Q"), (event("e1", NOW - 40 * DAY), None)]
        writer.commit(batch(*tomorrow), 30)
        check(connection, [(run("01"), None), *tomorrow])


def test_commits_are_durable(make_writer: Callable[..., Writer], server, database: str) -> None:
    """Also where the role's default is otherwise."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server.get_uri(), autocommit=True) as superuser:
        superuser.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
    writer = make_writer()
    writer.commit(batch(run("01")), 30)
    assert writer._connection is not None
    assert writer._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_writer_refuses_schema_of_another_version(
    make_writer: Callable[..., Writer], connection: psycopg.Connection
) -> None:
    (version,) = connection.execute("SELECT version_num FROM audit.alembic_version").fetchone()
    connection.execute("UPDATE audit.alembic_version SET version_num = '9999'")
    writer = make_writer()
    expected = (
        f"the database's schema is at 9999: expected {version}; `otelgate-audit keep` brings it there, or `migrate`"
    )
    assert until(lambda: writer.down == expected, every_s=0.001)
    with pytest.raises(Unavailable, match=f"^{expected}$"):
        writer.commit(batch(run("01")), 30)
    connection.execute("UPDATE audit.alembic_version SET version_num = %s", [version])
    deliver([writer], [batch(run("01"))], until_taken=True)
    check(connection, [(run("01"), None)])
