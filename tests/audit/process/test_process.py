"""The sink and the keeper against a real PostgreSQL: from a recorded request to its rows, and without a database."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import keeper, server, settings
from otelgate_audit.ingest import receiver
from otelgate_audit.model import clock, partitions
from otelgate_audit.process import lifecycle
from otelgate_audit.process.telemetry import Telemetry
from psycopg import sql
from waiting import until

# The values of tests/golden/openinference-graph-content.
WORDS = ("When is the flight to Oslo?", "The flight to Oslo leaves at nine . ")
NO_SCHEMA = "the database's schema is at nothing: expected 0006; `otelgate-audit keep` brings it there, or `migrate`"
TOOL = ("search_flights", "ok", "to Oslo", "SK1 to Oslo, SK2 to Oslo")


@pytest.fixture
def sink_settings(database: str, tmp_path: Path) -> settings.Settings:
    key = tmp_path / "chain.key"
    key.write_text("a1" * 32)
    env = {"OTELGATE_DATABASE_URL": database, "OTELGATE_AUDIT_KEY_FILE": str(key)}
    return replace(settings.load(env), audit_port=0, audit_health_port=0, keeper_port=0)


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_LOOK_S", 0.05)


@contextmanager
def running(chosen: settings.Settings) -> Iterator[server.Sink]:
    with _started(lambda telemetry: server.Sink(chosen, telemetry), chosen) as sink:
        yield sink


@contextmanager
def keeping(chosen: settings.Settings, migrate: bool = True) -> Iterator[keeper.Keeper]:
    with _started(lambda telemetry: keeper.Keeper(chosen, telemetry, migrate=migrate), chosen) as kept:
        yield kept


@contextmanager
def _started(make: Callable[[Telemetry], Any], chosen: settings.Settings) -> Iterator[Any]:
    telemetry = Telemetry(chosen, readers=[InMemoryMetricReader()], exporter=InMemoryLogRecordExporter())
    part = make(telemetry)
    part.start()
    try:
        yield part
    finally:
        part.stop()
        telemetry.shutdown()


def get(port: int, path: str = "/health") -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()) if path == "/health" else None


def export(port: int, request: bytes) -> bytes:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer: bytes = channel.unary_unary(f"/{receiver.TRACES}/Export")(request, wait_for_ready=True)
        return answer


def recorded(root: Path, case: str) -> bytes:
    """A golden case as the gateway sends it, with its times moved to a minute ago."""
    request = json.loads((root / f"tests/golden/{case}/expected.json").read_text())
    spans = [span for each in request["resourceSpans"] for scope in each["scopeSpans"] for span in scope["spans"]]
    moved = time.time_ns() - 60_000_000_000 - min(int(span["startTimeUnixNano"]) for span in spans)
    for span in spans:
        for moment in (span, *span.get("events", ())):
            for name in ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano"):
                if name in moment:
                    moment[name] = str(int(moment[name]) + moved)
        for attribute in span["attributes"]:
            if attribute["key"].endswith(".received_at"):
                attribute["value"]["intValue"] = str(time.time_ns())
        # OTLP's JSON has ids in hexadecimal, protobuf's in base64.
        for name in {"traceId", "spanId", "parentSpanId"} & set(span):
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(request, ExportTraceServiceRequest()).SerializeToString()


def test_recorded_run_sent_repeatedly_is_stored_once(
    root: Path, database: str, sink_settings: settings.Settings
) -> None:
    request = recorded(root, "openinference-graph-content")
    with running(sink_settings) as sink:
        assert until(lambda: get(sink.health.port)[0] == 200)
        assert export(sink.receiver.port, request) == b""
        assert export(sink.receiver.port, request) == b""
    with psycopg.connect(database) as connection:
        turn = connection.execute(
            "SELECT service, agent, session_id, user_id, status, runs, model_calls, tool_calls, input_tokens,"
            " output_tokens, cache_read_tokens, reasoning_tokens, cost_usd, user_message, reply"
            " FROM content.turns"
        ).fetchall()
        assert turn == [
            ("travel", "travel", "thread-7", "user-1", "ok", 1, 2, 1, 240, 60, 128, 16, Decimal("0.0003648"), *WORDS)
        ]
        tools = connection.execute("SELECT tool, status, arguments, result FROM content.tool_calls").fetchall()
        assert tools == [TOOL]
        counted = "SELECT service, user_id, turns FROM audit.users"
        assert connection.execute(counted).fetchall() == [("travel", "user-1", 1)]
        chain = connection.execute("SELECT kind FROM ledger.entries ORDER BY kind").fetchall()
        assert [kind for (kind,) in chain] == ["model_calls", "model_calls", "runs", "tool_calls"]
        assert connection.execute("SELECT count(*) FROM content.rejects").fetchone() == (0,)


def exported(port: int, request: bytes) -> bool:
    """Whether the sink took it; False where it asks to be sent the same again, as the gateway then does."""
    try:
        return export(port, request) == b""
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
        return False


def test_sink_started_before_database_and_keeper_loses_nothing(
    root: Path, server: Any, template: str, sink_settings: settings.Settings
) -> None:
    name = "audit_later"
    url = server.get_uri(database=name).replace("postgres:@", "otelgate@", 1)
    chosen = replace(sink_settings, database_url=url)
    request = recorded(root, "openinference-graph-content")
    try:
        with running(chosen) as sink:
            assert until(lambda: "does not exist" in sink.state.database)
            code, report = get(sink.health.port)
            assert (code, report["schema"], report["queue"]) == (503, "not asked yet", {"requests": 0, "oldest_s": 0.0})
            assert f'database "{name}" does not exist' in report["status"]
            assert not exported(sink.receiver.port, request)
            admin(server, "CREATE DATABASE {} OWNER otelgate", name)
            assert until(lambda: get(sink.health.port)[1]["status"] == f"schema: {NO_SCHEMA}")
            assert not exported(sink.receiver.port, request)
            with keeping(chosen) as kept:
                assert until(lambda: get(kept.health.port)[0] == 200)
                assert get(kept.health.port)[1] == {"status": "ok", "database": "ok", "schema": "ok"}
                assert until(lambda: exported(sink.receiver.port, request))
            assert sink.failure is None
            assert get(sink.health.port)[1]["status"] == "ok"
            assert get(sink.health.port, "/other")[0] == 404
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT service, runs FROM audit.turns").fetchall() == [("travel", 1)]
            admin(server, "ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
            end_connections(server, name)
            assert until(lambda: get(sink.health.port)[0] == 503)
            admin(server, "ALTER DATABASE {} ALLOW_CONNECTIONS true", name)
            assert until(lambda: get(sink.health.port)[0] == 200)
    finally:
        admin(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def admin(server: Any, statement: str, name: str) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def end_connections(server: Any, name: str) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_sink_without_its_role_names_its_creator(sink_settings: settings.Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr(server.database, "WRITER", "otelgate_writer_none")
    with running(sink_settings) as sink:
        assert until(lambda: "otelgate_writer_none" in sink.state.database)
        assert sink.state.database.endswith("does not exist; `otelgate-audit keep` makes this role")


def test_keeper_creates_partitions_of_coming_days(
    database: str, sink_settings: settings.Settings, connection: psycopg.Connection[Any]
) -> None:
    today = time.time_ns() // 1000
    wanted = {
        partitions.covering(table, today + day * clock.DAY_US).name
        for table in (*partitions.DAILY, *partitions.MONTHLY)
        for day in (1, 2)
    }
    made = "SELECT count(*) FROM unnest(%s::text[]) AS wanted WHERE to_regclass(wanted) IS NOT NULL"
    with keeping(sink_settings):
        assert until(lambda: connection.execute(made, [list(wanted)]).fetchone() == (len(wanted),))


def test_keeper_refuses_schema_it_may_not_migrate(database: str, sink_settings: settings.Settings) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM audit.alembic_version")
    with keeping(sink_settings, migrate=False) as sink:
        assert until(lambda: sink.failure)
        assert (
            sink.failure
            == "the database's schema is at nothing: expected 0006; `otelgate-audit keep` brings it there, or `migrate`"
        )
        assert sink.state.closed() == f"schema: {sink.failure}"


@contextmanager
def served(chosen: settings.Settings, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """`otelgate-audit serve` as a process of its own, and its two ports. Its gateway is away."""
    grpc_port, health_port, unused = free_ports(3)
    env = {
        **os.environ,
        "OTELGATE_DATABASE_URL": chosen.database_url,
        "OTELGATE_AUDIT_KEY_FILE": str(chosen.audit_key_file),
        "OTELGATE_AUDIT_PORT": str(grpc_port),
        "OTELGATE_AUDIT_HEALTH_PORT": str(health_port),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{unused}",
    }
    with log.open("wb") as output:
        started = subprocess.Popen([sys.executable, "-m", "otelgate_audit", "serve"], env=env, stderr=output)
    try:
        assert until(lambda: started.poll() is not None or f"/health on 127.0.0.1:{health_port}" in log.read_text())
        assert started.poll() is None, log.read_text()
        assert until(lambda: get(health_port)[0] == 200)
        yield started, grpc_port, health_port
    finally:
        started.kill()
        started.wait()


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_sigterm_commits_what_is_in_flight(
    root: Path, database: str, sink_settings: settings.Settings, tmp_path: Path
) -> None:
    """The writer waits for a lock that this test holds while the process is told to end."""
    log = tmp_path / "serve.log"
    with served(sink_settings, log) as (started, port, health_port), psycopg.connect(database) as holder:
        holder.execute("SELECT * FROM ledger.head FOR UPDATE")
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = channel.unary_unary(f"/{receiver.TRACES}/Export").future(
                recorded(root, "openinference-graph-content")
            )
            assert until(lambda: get(health_port)[1]["queue"]["requests"] == 1)
            started.send_signal(signal.SIGTERM)
            assert until(lambda: get(health_port)[1]["status"] == "the process is stopping")
            assert not answer.done()
            holder.rollback()
            assert answer.result() == b""
        assert started.wait(60) == 0
        assert holder.execute("SELECT count(*) FROM audit.turns").fetchone() == (1,)
    lines = log.read_text()
    assert "stopped" in lines
    assert "Traceback" not in lines


def test_no_thread_but_the_main_one_can_be_given_the_signal(sink_settings: settings.Settings, tmp_path: Path) -> None:
    """The kernel may hand a signal to any thread that does not block it, and only the main one looks."""
    log = tmp_path / "serve.log"
    with served(sink_settings, log) as (started, _, _):
        taking = [
            thread
            for thread in map(int, os.listdir(f"/proc/{started.pid}/task"))
            if thread != started.pid and signal.SIGTERM not in _blocked(started.pid, thread)
        ]
        assert not taking
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
    assert "stopped" in log.read_text()


def _blocked(pid: int, thread: int) -> set[signal.Signals]:
    """The signals that a thread blocks; every signal if it has ended since."""
    try:
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return set(signal.Signals)
    mask = int(next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1], 16)
    return {each for each in signal.Signals if mask >> (each - 1) & 1}
