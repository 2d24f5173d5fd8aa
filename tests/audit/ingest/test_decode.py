"""OTLP to rows: every column, what is no record, and what becomes of a record that can't be stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otelgate_audit.ingest.decode import MAX_PAYLOAD, Malformed, decode_logs, decode_traces
from otelgate_audit.model.records import Batch, ModelCall, Run, Text, ToolCall
from protobuf_field import field

from ..decoding import GOLDEN, NOW_US, SPAN_ID, START_NS, TRACE_ID, golden, nested, span, traces

START_US = START_NS // 1000
DAY_NS = 86_400 * 10**9
TRACE, SPAN = TRACE_ID.hex(), SPAN_ID.hex()


def test_decode_run() -> None:
    made = span(
        "invoke_agent",
        parent_span_id=b"\x09" * 8,
        attributes={
            "gen_ai.agent.name": "concierge",
            "session.id": "session-1",
            "gen_ai.conversation.id": "another",
            "user.id": "user-1",
            "otelgate.tier": "pro",
            "otelgate.feature": "search",
            "otelgate.run.received_at": START_NS + 2_000_000_000,
        },
    )
    batch = decode_traces(traces(made, resource={"service.name": "shop", "deployment.environment": "test"}), NOW_US)
    assert batch.runs == [
        Run(
            start_time=START_US,
            trace_id=TRACE,
            span_id=SPAN,
            parent_span_id="09" * 8,
            service="shop",
            environment="test",
            agent="concierge",
            session_id="session-1",
            user_id="user-1",
            tier="pro",
            feature="search",
            duration_us=1_500_000,
            status="ok",
            cancelled=False,
            error_type=None,
            duplicate_of=None,
            operation="invoke_agent",
            received_at=START_US + 2_000_000,
        )
    ]
    assert (batch.texts, batch.rejects, batch.ignored) == ({}, [], 0)


def test_decode_model_call() -> None:
    made = span(
        "chat",
        parent_span_id=bytes(8),
        status=Status(code=2, message="RateLimited('slow down')Traceback (most recent call last):\n ..."),
        attributes={
            "gen_ai.conversation.id": "session-1",
            "otelgate.duplicate_of": "00000000000000aa",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 120,
            "gen_ai.usage.output_tokens": 30.0,
            "gen_ai.usage.cache_read.input_tokens": "64",
            "gen_ai.usage.cache_creation.input_tokens": 0,
            "gen_ai.usage.reasoning.output_tokens": 8,
            "gen_ai.response.time_to_first_chunk": 0.4,
            "gen_ai.response.finish_reasons": ["length", "stop"],
            "otelgate.call.received_at": START_NS + 2_000_000_000,
            "otelgate.cost.usd": 0.0001824,
            "otelgate.cost.status": "priced",
            "otelgate.cost.price_version": "2026-01",
            "error.type": "RateLimited",
        },
    )
    batch = decode_traces(traces(made), NOW_US)
    assert batch.model_calls == [
        ModelCall(
            start_time=START_US,
            trace_id=TRACE,
            span_id=SPAN,
            parent_span_id=None,
            service="shop",
            environment=None,
            agent=None,
            session_id="session-1",
            user_id=None,
            tier=None,
            feature=None,
            duration_us=1_500_000,
            status="error",
            cancelled=False,
            error_type="RateLimited",
            duplicate_of="00000000000000aa",
            operation="chat",
            provider="openai",
            request_model="gpt-4o",
            response_model="gpt-4o-2024-08-06",
            input_tokens=120,
            output_tokens=30,
            cache_read_tokens=64,
            cache_creation_tokens=0,
            reasoning_tokens=8,
            time_to_first_chunk_us=400_000,
            cost_pico=182_400_000,
            cost_status="priced",
            price_version="2026-01",
            finish_reason="length",
            received_at=START_US + 2_000_000,
        )
    ]
    assert batch.texts == {(START_US, TRACE, SPAN): Text(START_US, TRACE, SPAN, None, None, "RateLimited('slow down')")}


def test_decode_tool_call() -> None:
    made = span("execute_tool", attributes={"gen_ai.tool.name": "pay", "gen_ai.tool.call.id": "call-1"})
    event = made.events.add(name="exception")
    event.attributes.extend(span(None, attributes={"exception.type": "E", "exception.message": "refused"}).attributes)
    made.status.code = 2
    batch = decode_traces(traces(made), NOW_US)
    assert batch.tool_calls == [
        ToolCall(
            start_time=START_US,
            trace_id=TRACE,
            span_id=SPAN,
            parent_span_id=None,
            service="shop",
            environment=None,
            agent=None,
            session_id=None,
            user_id=None,
            tier=None,
            feature=None,
            duration_us=1_500_000,
            status="error",
            cancelled=False,
            error_type="E",
            duplicate_of=None,
            tool="pay",
            call_id="call-1",
        )
    ]
    assert [text.error_message for text in batch.texts.values()] == ["refused"]


@pytest.mark.parametrize(("name", "tool"), [("execute_tool pay", "pay"), ("pay", "pay"), ("", "unknown")])
def test_decode_tool_without_name_takes_name_of_span(name: str, tool: str) -> None:
    (call,) = decode_traces(traces(span("execute_tool", name=name)), NOW_US).tool_calls
    assert call.tool == tool


@pytest.mark.parametrize(
    ("case", "operations", "ignored"),
    [
        ("openinference-graph-content", ["invoke_agent"], 6),
        ("openinference-team-content", ["invoke_agent", "invoke_agent", "invoke_agent", "invoke_agent"], 7),
        ("otel-graph-content", ["invoke_workflow"], 1),
        ("traceloop-agent-content", ["invoke_agent", "invoke_workflow"], 3),
        ("openlit-agent", ["invoke_agent"], 2),
    ],
)
def test_which_spans_are_runs(case: str, operations: list[str], ignored: int) -> None:
    batch = decode_traces(golden(case), NOW_US)
    assert (sorted(run.operation for run in batch.runs), batch.ignored) == (operations, ignored)
    # Of runs, the gateway stamps agents' only.
    for run in batch.runs:
        assert run.received_at == (1_800_000_000_000_000 if run.operation == "invoke_agent" else NOW_US)
    assert {call.received_at for call in batch.model_calls} == {1_800_000_000_000_000}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"openinference.span.kind": "CHAIN"}, ["chain"]),
        ({"openinference.span.kind": "CHAIN", "metadata": '{"plan": "langgraph_node"}'}, ["chain"]),
        ({"openinference.span.kind": "CHAIN", "metadata": '{"langgraph_node": "tools"}'}, []),
        ({"openinference.span.kind": "CHAIN", "metadata": '{"langgraph_node'}, []),
        ({"openinference.span.kind": "RETRIEVER"}, []),
        ({"gen_ai.operation.name": "retrieval"}, []),
        ({"gen_ai.operation.name": "chain"}, []),
        ({"gen_ai.operation.name": "retrieval", "openinference.span.kind": "CHAIN"}, []),
        ({"gen_ai.operation.name": 7}, []),
        ({"http.request.method": "GET", "url.query": "gen_ai.operation.name"}, []),
        ({}, []),
    ],
)
def test_chains_and_what_is_ignored(attributes: dict[str, Any], expected: list[str]) -> None:
    batch = decode_traces(traces(span(None, attributes=attributes)), NOW_US)
    assert ([run.operation for run in batch.runs], batch.ignored) == (expected, 1 - len(expected))
    assert batch.rejects == []


@pytest.mark.parametrize(
    ("resource", "service", "environment"),
    [
        ({}, "unknown_service", None),
        (
            {"service.name": "", "deployment.environment.name": "a", "deployment.environment": "b"},
            "unknown_service",
            "a",
        ),
        ({"service.name": "caf\u00e9\0"}, "caf\u00e9\ufffd", None),
        ({"service.name": 7}, "7", None),
    ],
)
def test_resource(resource: dict[str, Any], service: str, environment: str | None) -> None:
    (call,) = decode_traces(traces(span(), resource=resource), NOW_US).model_calls
    assert (call.service, call.environment) == (service, environment)


@pytest.mark.parametrize("end", [0, START_NS - 1, START_NS])
def test_decode_span_ending_before_its_start_has_no_duration(end: int) -> None:
    (call,) = decode_traces(traces(span(end_time_unix_nano=end)), NOW_US).model_calls
    assert call.duration_us == 0


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((GOLDEN / "numbers.json").read_text())["rows"]
    return rows


def _written(row: dict[str, Any]) -> int | float | str:
    return int(row["int"]) if "int" in row else float(row["double"]) if "double" in row else str(row["string"])


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['attribute']} {_written(row)!r}")
def test_numbers_that_cannot_be_are_none(row: dict[str, Any]) -> None:
    """The same table is the gateway's (collector/genai/numbers_test.go), which removes them and keeps the call."""
    took = {row["attribute"]: _written(row)}
    batch = decode_traces(traces(span(end_time_unix_nano=START_NS + 2 * 10**9, attributes=took)), NOW_US)
    counts = [
        value
        for call in batch.model_calls
        for value in (*call[call._fields.index("input_tokens") :][:5], call.time_to_first_chunk_us)
        if value is not None
    ]
    assert len(counts) == (1 if row["kept"] else 0)
    assert len(batch.model_calls) + len(batch.rejects) == 1


@pytest.mark.parametrize(("mark", "cancelled"), [(True, True), (False, False), ("true", False)])
def test_cancelled_span_is_not_an_error(mark: object, cancelled: bool) -> None:
    (call,) = decode_traces(traces(span(attributes={"otelgate.cancelled": mark})), NOW_US).model_calls
    assert (call.status, call.cancelled) == ("ok", cancelled)
    failed = span(attributes={"otelgate.cancelled": mark}, status=Status(code=2))
    (call,) = decode_traces(traces(failed), NOW_US).model_calls
    assert (call.status, call.cancelled) == ("error", False)


TIME = "expected a time between 2000 and one day from now"
WHOLE = "expected a whole number, 0 to 1000000000"
USD = "expected a number, 0 to 1000000"


def _ns(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"start_time_unix_nano": _ns(2191)}, f"start_time 2191-01-01T00:00:00Z: {TIME}"),
    ({"start_time_unix_nano": 0}, f"start_time 1970-01-01T00:00:00Z: {TIME}"),
    ({"start_time_unix_nano": _ns(2000) - 1}, f"start_time 1999-12-31T23:59:59Z: {TIME}"),
    ({"start_time_unix_nano": 2**64 - 1}, f"start_time 2554-07-21T23:34:33Z: {TIME}"),
    ({"end_time_unix_nano": _ns(2191)}, f"end_time 2191-01-01T00:00:00Z: {TIME}"),
    ({"trace_id": b""}, "trace_id of 0 bytes: expected 16"),
    ({"trace_id": bytes(16)}, f"trace_id {'0' * 32}: expected one that is not all zeros"),
    ({"span_id": b"1234567"}, "span_id of 7 bytes: expected 8"),
    ({"span_id": bytes(8)}, f"span_id {'0' * 16}: expected one that is not all zeros"),
    ({"parent_span_id": b"123"}, "parent_span_id of 3 bytes: expected 8"),
    ({"attributes": {"gen_ai.usage.input_tokens": -1}}, f"gen_ai.usage.input_tokens -1: {WHOLE}"),
    ({"attributes": {"gen_ai.usage.input_tokens": 2**62}}, f"gen_ai.usage.input_tokens {2**62}: {WHOLE}"),
    ({"attributes": {"gen_ai.usage.output_tokens": 1.5}}, f"gen_ai.usage.output_tokens 1.5: {WHOLE}"),
    ({"attributes": {"gen_ai.usage.output_tokens": float("nan")}}, f"gen_ai.usage.output_tokens nan: {WHOLE}"),
    ({"attributes": {"gen_ai.usage.output_tokens": "many"}}, f"gen_ai.usage.output_tokens 'many': {WHOLE}"),
    ({"attributes": {"gen_ai.usage.output_tokens": True}}, f"gen_ai.usage.output_tokens True: {WHOLE}"),
    ({"attributes": {"gen_ai.usage.output_tokens": [1]}}, f"gen_ai.usage.output_tokens [1]: {WHOLE}"),
    ({"attributes": {"otelgate.cost.usd": float("nan")}}, f"otelgate.cost.usd nan: {USD}"),
    ({"attributes": {"otelgate.cost.usd": float("inf")}}, f"otelgate.cost.usd inf: {USD}"),
    ({"attributes": {"otelgate.cost.usd": -0.1}}, f"otelgate.cost.usd -0.1: {USD}"),
    ({"attributes": {"otelgate.cost.usd": 1e300}}, f"otelgate.cost.usd 1e+300: {USD}"),
    (
        {"attributes": {"gen_ai.response.time_to_first_chunk": "x" * 100}},
        f"gen_ai.response.time_to_first_chunk '{'x' * 60}...: expected a number, 0 to 2678400",
    ),
    ({"attributes": {"user.id": "x" * 513}}, "user.id of 513 bytes: expected at most 512"),
    ({"attributes": {"user.id": "\0" * 200}}, "user.id: expected UTF-8 of at most 512 bytes"),
    ({"attributes": {"session.id": ["a"]}}, "session.id: expected a string"),
    ({"attributes": {"gen_ai.agent.name": {"a": "b"}}}, "gen_ai.agent.name: expected a string"),
]


@pytest.mark.parametrize(("fields", "reason"), UNFIT, ids=[reason.split(":")[0][:40] for _, reason in UNFIT])
def test_invalid_record_is_rejected_with_a_reason_and_others_are_kept(fields: dict[str, Any], reason: str) -> None:
    bad, good = span(**fields), span(span_id=b"\x02" * 8)
    batch = decode_traces(traces(good, bad, good), NOW_US)
    (reject,) = batch.rejects
    assert reject.reason == reason
    assert (reject.signal, reject.service, reject.run) == ("traces", "shop", False)
    assert (reject.trace_id or "", reject.record or "") == (bad.trace_id.hex(), bad.span_id.hex())
    assert (reject.size, reject.payload) == (bad.ByteSize(), bad.SerializeToString())
    assert [call.span_id for call in batch.model_calls] == ["02" * 8] * 2
    assert batch.texts == {}


@pytest.mark.parametrize("over", [-1, 0, 1], ids=["below", "at", "above"])
@pytest.mark.parametrize(
    "field",
    [
        lambda over: {"start_time_unix_nano": _ns(2000) - over, "end_time_unix_nano": _ns(2000)},
        lambda over: dict.fromkeys(("start_time_unix_nano", "end_time_unix_nano"), NOW_US * 1000 + DAY_NS + over),
        lambda over: {"attributes": {"user.id": "x" * (512 + over)}},
    ],
    ids=["2000", "a day ahead", "an id"],
)
def test_decode_keeps_limit_below_at_and_above_it(field: Callable[[int], dict[str, Any]], over: int) -> None:
    batch = decode_traces(traces(span(**field(over))), NOW_US)
    assert (len(batch.model_calls), len(batch.rejects)) == ((0, 1) if over > 0 else (1, 0)), batch.rejects


def test_rejected_run_is_marked_as_run() -> None:
    tokens = {"otelgate.run.received_at": 7}
    once, twice = (
        span("invoke_agent", attributes=tokens),
        span("invoke_agent", attributes={**tokens, "otelgate.duplicate_of": "a"}),
    )
    batch = decode_traces(traces(once, twice), NOW_US)
    assert [(reject.run, reject.call, reject.received_at) for reject in batch.rejects] == [
        (True, False, None),
        (False, False, None),
    ]
    assert batch.rejects[0].reason == f"otelgate.run.received_at 1970-01-01T00:00:00Z: {TIME}"


def test_rejected_call_has_receipt_time_and_cost() -> None:
    told = {"otelgate.call.received_at": START_NS, "otelgate.cost.usd": 0.25, "gen_ai.usage.input_tokens": -1}
    once, twice, unreadable = (
        span(attributes=told),
        span(attributes={**told, "otelgate.duplicate_of": "a"}),
        span(attributes={**told, "otelgate.call.received_at": 7, "otelgate.cost.usd": "much"}),
    )
    batch = decode_traces(traces(once, twice, unreadable), NOW_US)
    assert [(reject.call, reject.cost_pico, reject.received_at) for reject in batch.rejects] == [
        (True, 250_000_000_000, START_US),
        (False, None, None),
        (True, None, None),
    ]
    assert not any(reject.run for reject in batch.rejects)


def test_decode_call_without_receipt_time_has_none() -> None:
    (call,) = decode_traces(traces(span()), NOW_US).model_calls
    assert call.received_at is None


@pytest.mark.parametrize("over", [-1, 0, 1, 4_000_000])
def test_reject_payload_is_cut_above_its_limit(over: int) -> None:
    def made(text: int) -> Any:
        return span(trace_id=b"", attributes={"input.value": "x" * text})

    size = MAX_PAYLOAD + over
    raw = made(2 * size - made(size).ByteSize())
    (reject,) = decode_traces(traces(raw), NOW_US).rejects
    assert (reject.size, len(reject.payload)) == (size, min(size, MAX_PAYLOAD))


def test_strings_that_postgresql_cant_store_are_cleaned() -> None:
    raw = span(attributes={"user.id": "ab", "input.value": "NUL \0"}).SerializeToString()
    raw = raw.replace(b"ab", b"\xed\xa0").replace(b"NUL", b"N\xffL")
    batch = decode_traces(traces(raw), NOW_US)
    assert [call.user_id for call in batch.model_calls] == ["\ufffd\ufffd"]
    assert [text.input for text in batch.texts.values()] == ["N\ufffdL \ufffd"]


def test_unread_attributes_may_be_nested_deeply() -> None:
    raw = span().SerializeToString() + field(9, nested("app.tree", 5000))
    batch = decode_traces(traces(raw), NOW_US)
    assert (len(batch.model_calls), batch.rejects) == (1, [])


def test_content_that_is_nested_too_deep_is_rejected_alone() -> None:
    good = span().SerializeToString()
    batch = decode_traces(traces(good, good + field(9, nested("gen_ai.input.messages", 200)), good), NOW_US)
    assert [reject.reason for reject in batch.rejects] == ["gen_ai.input.messages: nested deeper than 64"]
    assert len(batch.model_calls) == 2


def test_4_megabytes_of_content_are_taken_whole() -> None:
    words = "\u00e9" * 2_000_000
    batch = decode_traces(traces(span(attributes={"input.value": words})), NOW_US)
    assert [text.input for text in batch.texts.values()] == [words]


def test_of_two_attributes_with_one_key_the_last_counts() -> None:
    made = span(attributes={"user.id": "first"})
    made.attributes.extend(span(None, attributes={"user.id": "last"}).attributes)
    (call,) = decode_traces(traces(made), NOW_US).model_calls
    assert call.user_id == "last"


def test_decode_rejects_broken_span_alone() -> None:
    good = span().SerializeToString()
    batch = decode_traces(traces(good, b"\xff\xff\xff", good), NOW_US)
    assert len(batch.model_calls) == 2
    (reject,) = batch.rejects
    assert (reject.reason, reject.payload, reject.service) == ("not readable as OTLP", b"\xff\xff\xff", "shop")


def test_decode_rejects_broken_scope_or_resource_alone() -> None:
    good = field(2, field(2, span().SerializeToString()))
    request = field(1, good + field(2, b"\xff")) + field(1, b"\xff") + field(1, field(1, b"\xff") + good)
    batch = decode_traces(request, NOW_US)
    assert len(batch.model_calls) == 1
    assert [(reject.reason, reject.payload) for reject in batch.rejects] == [
        ("scope: not readable as OTLP", b"\xff"),
        ("resource: not readable as OTLP", b"\xff"),
        ("resource: not readable as OTLP", span().SerializeToString()),
    ]


def test_records_of_a_service_without_a_usable_name_are_rejected_the_others_ignored() -> None:
    resource = {"service.name": "x" * 600}
    batch = decode_traces(traces(span("invoke_agent"), span(None), resource=resource), NOW_US)
    (reject,) = batch.rejects
    assert reject.reason == "resource: service.name of 600 bytes: expected at most 512"
    assert (reject.service, reject.trace_id, reject.run, batch.ignored) == (None, TRACE, True, 1)


@pytest.mark.parametrize("request_bytes", [b"\xff", b"no OTLP at all", field(1, b"abc")[:-1]])
def test_decode_malformed_request_fails(request_bytes: bytes) -> None:
    for decode in (decode_traces, decode_logs):
        with pytest.raises(Malformed, match=rf"^a request of {len(request_bytes)} bytes: expected OTLP as protobuf$"):
            decode(request_bytes, NOW_US)


def test_decode_empty_request_gives_empty_batch() -> None:
    assert decode_traces(b"", NOW_US) == decode_logs(b"", NOW_US) == Batch()


def test_decoder_needs_no_database() -> None:
    program = "import sys; sys.modules['psycopg'] = None; import otelgate_audit.ingest.decode"
    subprocess.run([sys.executable, "-c", program], check=True)
