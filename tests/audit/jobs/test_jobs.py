"""Periodic jobs: one sink does each, an error ends nothing, and the ledger's head leaves when it has moved."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import settings
from otelgate_audit.jobs import announcer, schedule
from otelgate_audit.jobs.schedule import Job, Jobs
from otelgate_audit.process.telemetry import Meters, Telemetry
from waiting import until


@contextmanager
def working(database: str, *some: Job, meters: Meters | None = None, ready: bool = True) -> Iterator[None]:
    chosen = replace(settings.load({}), database_url=database)
    running = Jobs(chosen, meters or Meters(), some, lambda: ready)
    running.start()
    try:
        yield
    finally:
        running.stop()


def test_failed_job_is_counted_and_runs_again(database: str, caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    rested = threading.Semaphore(0)
    succeeded = threading.Event()
    calls: list[int] = []

    def run(connection: psycopg.Connection, now_us: int) -> None:
        calls.append(now_us)
        if len(calls) < 3:
            connection.execute("INSERT INTO audit.tiers VALUES ('half', 'done', 1)")
            raise ValueError("what a user wrote")
        connection.execute("INSERT INTO audit.tiers VALUES ('all', 'done', 1)")
        succeeded.set()

    meters = Meters(MeterProvider([reader]))
    with working(database, Job("twice", 0.01, 1, run, rested.release), meters=meters):
        assert succeeded.wait(60)
        assert rested.acquire(timeout=60)
        assert rested.acquire(timeout=60)
        with psycopg.connect(database) as connection:
            assert until(lambda: connection.execute("SELECT service FROM audit.tiers").fetchall() == [("all",)])
    data = reader.get_metrics_data()
    assert data
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    assert metric.name == "otelgate.audit.job.failures"
    assert dict(point.attributes) == {"otelgate.audit.job": "twice"}
    assert point.value >= 2
    assert "twice failed: ValueError" in caplog.text
    assert "what a user wrote" not in caplog.text


def test_of_two_sinks_one_does_the_job_until_it_is_gone(database: str) -> None:
    turns: list[str] = []
    changed = threading.Condition()

    def turn(text: str) -> None:
        with changed:
            turns.append(text)
            changed.notify_all()

    def job(name: str) -> Job:
        return Job("same", 0.01, 7, lambda connection, now_us: turn(name), lambda: turn(f"{name} rests"))

    def wait_for(text: str) -> None:
        with changed:
            assert changed.wait_for(lambda: text in turns, 60)

    with working(database, job("second"), ready=False):
        wait_for("second rests")  # nothing is done before the database is ready
    assert "second" not in turns
    with working(database, job("first")):
        wait_for("first")
        turns.clear()
        with working(database, job("second")):
            wait_for("second rests")
            wait_for("first")
        assert "second" not in turns
    with working(database, job("second")):
        wait_for("second")


def test_stopping_ends_a_job_that_waits(database: str) -> None:
    """It waits for a lock that is never given; what it had done is rolled back."""
    waiting = threading.Event()

    def run(connection: psycopg.Connection, now_us: int) -> None:
        connection.execute("INSERT INTO audit.tiers VALUES ('half', 'done', 1)")
        waiting.set()
        connection.execute("LOCK ledger.head")

    with psycopg.connect(database) as holder:
        holder.execute("LOCK ledger.head")
        with working(database, Job("stuck", 60, 1, run)):
            assert waiting.wait(60)
            assert until(lambda: holder.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
        assert holder.execute("SELECT count(*) FROM audit.tiers").fetchone() == (0,)
        assert not [each for each in threading.enumerate() if each.name == "stuck"]


def test_announcer_sends_head_that_moved(database: str) -> None:
    exporter = InMemoryLogRecordExporter()
    telemetry = Telemetry(settings.load({}), readers=[], exporter=exporter)
    announce = announcer.HeadAnnouncer(telemetry, b"k" * 32)
    with psycopg.connect(database) as connection:
        announce(connection, 0)  # nothing was committed yet
        connection.execute("UPDATE ledger.head SET seq = 5, link = %s", [b"l" * 32])
        announce(connection, 0)
        announce(connection, 3_599_999_999)
        counted = connection.execute("SELECT announced FROM ledger.head").fetchone()
    telemetry.shutdown()
    assert counted == (1,)
    (sent,) = exporter.get_finished_logs()
    assert sent.log_record.event_name == "otelgate.audit.head"
    attributes = dict(sent.log_record.attributes or {})
    assert (attributes["otelgate.audit.head.seq"], attributes["otelgate.audit.head.count"]) == (5, 1)
    assert set(attributes) == {f"otelgate.audit.head.{part}" for part in ("seq", "link", "count", "signature")}
    assert set(str(attributes["otelgate.audit.head.signature"])) <= set("abcdefghijklmnop")
    assert sent.resource.attributes["service.name"] == "otelgate-audit"


def test_announce_again_sends_the_same_head_each_hour(database: str) -> None:
    """Counted in the database, so that another sink, or this one after a restart, goes on from there."""
    exporter = InMemoryLogRecordExporter()
    telemetry = Telemetry(settings.load({}), readers=[], exporter=exporter)
    hour = 3_600_000_000
    with psycopg.connect(database) as connection:
        for now_us in (0, 2 * hour):  # a store without an entry has none to announce
            announcer.HeadAnnouncer(telemetry, b"k" * 32)(connection, now_us)
        connection.execute("UPDATE ledger.head SET seq = 5, link = %s", [b"l" * 32])
        announce = announcer.HeadAnnouncer(telemetry, b"k" * 32)
        for now_us in (0, hour - 1, hour, 2 * hour - 1, 2 * hour):
            announce(connection, now_us)
        announcer.HeadAnnouncer(telemetry, b"k" * 32)(connection, 2 * hour)
    telemetry.shutdown()
    sent = [dict(each.log_record.attributes or {}) for each in exporter.get_finished_logs()]
    heads = [(each["otelgate.audit.head.seq"], each["otelgate.audit.head.count"]) for each in sent]
    assert heads == [(5, 1), (5, 2), (5, 3), (5, 4)]


def test_keeper_has_the_standard_jobs(tmp_path: object) -> None:
    key = tmp_path / "key"  # type: ignore[operator]
    key.write_text("00" * 32)
    chosen = settings.load({"OTELGATE_AUDIT_KEY_FILE": str(key)})
    telemetry = Telemetry(chosen, readers=[], exporter=InMemoryLogRecordExporter())
    work = schedule.standard(chosen, telemetry)
    telemetry.shutdown()
    assert {job.name: job.every_s for job in work} == {
        "gauges": 15,
        "head": 60,
        "reconcile": 300,
        "retention": 3600,
        "partitions": 3600,
    }
    assert len({job.lock for job in work}) == len(work)


def test_lines_about_a_gateway_that_is_away_are_few() -> None:
    from otelgate_audit.process.telemetry import _Sparse

    now = [0.0]
    sparse = _Sparse(lambda: now[0])

    def passes(logger: str) -> bool:
        return bool(sparse.filter(logging.LogRecord(logger, logging.ERROR, "", 0, "", (), None)))

    exporter = "opentelemetry.exporter.otlp.proto.grpc.exporter"
    assert [passes(exporter), passes(exporter), passes("otelgate_audit.server")] == [True, False, True]
    now[0] = 60.0
    assert passes(exporter)
