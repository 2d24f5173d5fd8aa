"""Hostile OTLP through gRPC into PostgreSQL: the sink goes on, loses nothing else, and says why it took what not."""

import random
import time
from dataclasses import replace
from pathlib import Path

import grpc
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, strategies
from hypothesis import settings as hypothesis_settings
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import server, settings
from otelgate_audit.ingest import receiver
from otelgate_audit.process.telemetry import Telemetry
from protobuf_field import field

from ..decoding import nested, span, traces
from .test_fuzz_decode import broken_spans

EXAMPLES = 150
MESSAGES = [
    b"\x00 NUL in the middle \x00",
    "\U0001f4a3'; DROP TABLE audit.turns; --".encode(),
    b"\xff\xfe no UTF-8 \xed\xa0\x80",
    b"x" * 4_000_000,
    b'{"messages":' * 3_000,
]


def good(number: int) -> bytes:
    """A run that nothing is wrong with, begun just now."""
    now = time.time_ns()
    ids = {"trace_id": number.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big")}
    return span("invoke_agent", **ids, start_time_unix_nano=now - 10**9, end_time_unix_nano=now).SerializeToString()


def hostile(content: bytes, number: int) -> bytes:
    """A run with these bytes as its question and as its agent's name."""
    words = b"".join(
        field(9, field(1, key) + field(2, field(1, content))) for key in (b"input.value", b"gen_ai.agent.name")
    )
    return good(number) + words


def test_hostile_requests_cost_nothing_but_themselves(database: str, tmp_path: Path) -> None:
    key = tmp_path / "chain.key"
    key.write_text("a1" * 32)
    chosen = settings.load({"OTELGATE_DATABASE_URL": database, "OTELGATE_AUDIT_KEY_FILE": str(key)})
    chosen = replace(chosen, audit_port=0, audit_health_port=0)
    sink = server.Sink(
        chosen, Telemetry(chosen, readers=[InMemoryMetricReader()], exporter=InMemoryLogRecordExporter())
    )
    sink.start()
    sent: list[int] = []
    try:
        with grpc.insecure_channel(
            f"127.0.0.1:{sink.receiver.port}", options=[("grpc.max_send_message_length", -1)]
        ) as channel:
            export = channel.unary_unary(f"/{receiver.TRACES}/Export")

            def send(*broken: bytes) -> None:
                sent.append(len(sent) + 1)
                export(traces(*broken, good(sent[-1])), wait_for_ready=True, timeout=60)

            @hypothesis_settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(strategies.lists(broken_spans(), min_size=1, max_size=3))
            def fuzz(broken: list[bytes]) -> None:
                send(*broken)

            while sink.state.closed():
                time.sleep(0.02)
            fuzz()
            for number, content in enumerate(MESSAGES, 10**6):
                send(hostile(content, number))
            send(good(2 * 10**6) + field(9, nested("input.value", 5_000)))
            for raw in (b"\xff" * 100, random.Random(1).randbytes(1_000)):
                with pytest.raises(grpc.RpcError) as refused:
                    export(raw, timeout=60)
                assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert sink.state.closed() is None
    finally:
        sink.stop()
    with psycopg.connect(database) as connection:
        stored = connection.execute(
            "SELECT trace_id FROM audit.runs WHERE trace_id = ANY(%s)", [[f"{number:032x}" for number in sent]]
        ).fetchall()
        assert sorted(int(trace_id, 16) for (trace_id,) in stored) == sent
        unexplained = connection.execute("SELECT count(*) FROM content.rejects WHERE reason = ''").fetchone()
        malformed = connection.execute(
            "SELECT count(*) FROM content.rejects WHERE reason LIKE 'a request of%'"
        ).fetchone()
        rejects = connection.execute("SELECT count(*) FROM content.rejects").fetchone()
    assert (unexplained, malformed) == ((0,), (2,))
    assert rejects is not None
    assert rejects[0] > EXAMPLES / 10
    print(f"\n{len(sent)} hostile requests: every good run is stored; {rejects[0]} rejects, each explained")
