"""Hostile OTLP: no crash, every record accounted for, and the good ones beside a bad one all there."""

from __future__ import annotations

import struct
from datetime import timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otelgate_audit.ingest import messages
from otelgate_audit.ingest.decode import MAX_PAYLOAD, Malformed, decode_logs, decode_traces
from otelgate_audit.model import records
from otelgate_audit.model.records import Batch, Text
from protobuf_field import field

from ..decoding import NOW_US, SPAN_ID, START_NS, TRACE_ID, golden, golden_logs, log, logs, nested, span, traces

fuzz = settings(
    derandomize=True,
    database=None,
    max_examples=80,
    deadline=timedelta(seconds=30),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SPAN_KEYS = (
    *("gen_ai.operation.name", "openinference.span.kind", "metadata", "gen_ai.agent.name", "session.id", "user.id"),
    *("gen_ai.conversation.id", "otelgate.tier", "otelgate.feature", "error.type", "otelgate.duplicate_of"),
    *("otelgate.run.received_at", "otelgate.call.received_at"),
    *("gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.reasoning.output_tokens"),
    *("gen_ai.response.time_to_first_chunk", "otelgate.cost.usd", "otelgate.cost.status"),
    *("gen_ai.response.finish_reasons", "gen_ai.tool.name", "gen_ai.tool.call.id"),
    *("gen_ai.input.messages", "gen_ai.output.messages", "input.value", "output.value", "gen_ai.prompt"),
    *("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "traceloop.entity.input", "traceloop.entity.output"),
    *("llm.input_messages.0.message.role", "llm.input_messages.0.message.content"),
    *("llm.input_messages.7.message.role", "llm.input_messages.x", "llm.output_messages.0.message.role"),
)
LOG_KEYS = (
    *("event.name", "otelgate.event.name", "otelgate.event.value", "otelgate.event.unit", "otelgate.tier"),
    *("otelgate.feedback.rating", "otelgate.feedback.score", "otelgate.feedback.comment", "log.record.uid"),
    *("gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"),
    *("gen_ai.evaluation.explanation", "user.id", "session.id", "gen_ai.conversation.id", "plan", "note"),
)
JSON_KEYS = (
    *("messages", "role", "content", "parts", "type", "text", "data", "kwargs", "lc", "id", "update", "args"),
    *("inputs", "outputs", "input", "output", "generations", "choices", "message", "input_str", "tool_call_id"),
)
WORDS = (
    *("chat", "invoke_agent", "execute_tool", "retrieval", "CHAIN", "user", "human", "assistant", "ai", "tool"),
    *("positive", "otelgate.feedback", "gen_ai.evaluation.result", "x", "7", "1e400", "nan", "-1", ""),
)

hostile = st.one_of(
    st.sampled_from([word.encode() for word in WORDS]),
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda words: words.encode("utf-8", "replace")),
    st.sampled_from([b"\0", b"\xed\xa0\x80", b"\xff" * 600, b"\\ud800", b"[" * 3000, b'{"a":' * 300, b"user: \0"]),
)
json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.sampled_from(WORDS), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(JSON_KEYS),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
documents = json_like.map(lambda found: orjson.dumps(found))
numbers = st.sampled_from([0, 1, 5, 2**31, 2**62, 2**63, 2**64 - 1, START_NS])
doubles = st.floats().map(lambda number: struct.pack("<d", number))


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> bytes:
    """An AnyValue as bytes: of any type, right or wrong for its place."""
    kind = draw(st.integers(0, 8))
    if kind <= 2:
        return field(1, draw(st.one_of(hostile, documents)))
    if kind == 3:
        return bytes([2 << 3, draw(st.integers(0, 1))])
    if kind == 4:
        return bytes([3 << 3]) + _varint(draw(numbers))
    if kind == 5:
        return bytes([4 << 3 | 1]) + draw(doubles)
    if kind == 6 and depth:
        return field(5, b"".join(field(1, each) for each in draw(st.lists(values(depth - 1), max_size=3))))
    if kind == 7 and depth:
        pairs = draw(st.lists(st.tuples(hostile, values(depth - 1)), max_size=3))
        return field(6, b"".join(field(1, field(1, key) + field(2, each)) for key, each in pairs))
    return draw(st.sampled_from([b"", field(7, b"\xff"), field(5, b"\xff\xff"), field(6, b"\x0a")]))


@st.composite
def attributes(draw: st.DrawFn, number: int, keys: tuple[str, ...]) -> bytes:
    """Some attributes, known and unknown, a few of them twice."""
    names = st.one_of(st.sampled_from(keys).map(str.encode), st.sampled_from(keys[:3]).map(str.encode), hostile)
    pairs = draw(st.lists(st.tuples(names, values()), max_size=12))
    return b"".join(field(number, field(1, key) + field(2, each)) for key, each in pairs)


@st.composite
def broken_spans(draw: st.DrawFn) -> bytes:
    """A span that says what it is, and is wrong in some way, or not."""
    operation = draw(st.sampled_from(["chat", "invoke_agent", "execute_tool", None]))
    made = span(
        operation,
        trace_id=draw(st.sampled_from([TRACE_ID, b"", b"\0" * 16, b"x" * 40])),
        span_id=draw(st.sampled_from([b"broken!!", b"", b"\0" * 8])),
        parent_span_id=draw(st.sampled_from([b"", SPAN_ID, b"abc"])),
        start_time_unix_nano=draw(st.sampled_from([START_NS, 0, 2**64 - 1])),
        end_time_unix_nano=draw(st.sampled_from([START_NS, 0, 2**64 - 1])),
    )
    events = draw(st.lists(st.one_of(hostile, st.just(field(2, b"exception") + field(3, field(1, b"a")))), max_size=3))
    status = draw(st.sampled_from([b"", field(15, b"\x18\x02"), field(15, b"\x18\x02" + field(2, b"\xed\xa0\0"))]))
    raw = made.SerializeToString() + b"".join(field(11, each) for each in events) + status
    return (
        raw
        + draw(attributes(9, SPAN_KEYS))
        + draw(st.sampled_from([b"", b"\xff", field(9, nested("input.value", 100))]))
    )


@st.composite
def broken_logs(draw: st.DrawFn) -> bytes:
    made = log(
        draw(st.sampled_from(["", "otelgate.feedback", "gen_ai.evaluation.result", "x"])),
        trace_id=draw(st.sampled_from([TRACE_ID, b"", b"x"])),
        time_unix_nano=draw(st.sampled_from([START_NS, 0, 2**64 - 1])),
    )
    return made.SerializeToString() + draw(attributes(6, LOG_KEYS)) + draw(st.sampled_from([b"", b"\xff"]))


GOOD_SPANS = [span(name, span_id=bytes([number] * 8)) for number, name in enumerate(("chat", "invoke_agent"), 1)]
GOOD_LOG = log("x", attributes={"otelgate.event.name": "good"})


@fuzz
@given(st.lists(broken_spans(), max_size=3))
def test_hostile_spans(broken: list[bytes]) -> None:
    batch = decode_traces(traces(GOOD_SPANS[0], *broken, GOOD_SPANS[1]), NOW_US)
    assert "01" * 8 in [call.span_id for call in batch.model_calls]
    assert "02" * 8 in [run.span_id for run in batch.runs]
    _accounted_for(batch, len(broken) + 2)


@fuzz
@given(st.lists(broken_logs(), max_size=3))
def test_hostile_log_records(broken: list[bytes]) -> None:
    batch = decode_logs(logs(GOOD_LOG, *broken, GOOD_LOG), NOW_US)
    assert [event.name for event in batch.events].count("good") >= 2
    _accounted_for(batch, len(broken) + 2)


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "swap"]), st.integers(0, 10**6), st.binary(min_size=1, max_size=4)
    ),
    min_size=1,
    max_size=6,
)
GOLDEN = [golden("openinference-failures-content"), golden("otel-team-content"), golden("traceloop-older")]


@fuzz
@given(st.integers(0, len(GOLDEN) - 1), MUTATIONS)
def test_mutated_requests(case: int, mutations: list[tuple[str, int, bytes]]) -> None:
    _survives(_mutated(GOLDEN[case], mutations))


@fuzz
@given(MUTATIONS)
def test_mutated_log_requests(mutations: list[tuple[str, int, bytes]]) -> None:
    _survives(_mutated(golden_logs("logs"), mutations))


@fuzz
@given(st.binary(max_size=200))
def test_random_bytes(raw: bytes) -> None:
    _survives(raw)


@pytest.mark.parametrize("case", range(len(GOLDEN)))
def test_requests_that_end_early(case: int) -> None:
    raw = GOLDEN[case]
    for end in range(0, len(raw), len(raw) // 200):
        _survives(raw[:end])


@fuzz
@given(json_like)
def test_any_json_is_content(document: object) -> None:
    written = orjson.dumps(document).decode()
    understood = messages.parsed(written)
    if understood is not None:
        for words in (messages.asked(understood, written), messages.answered(understood, written)):
            assert words is None or _storable(words)
    for words in (messages.arguments(written), *messages.result(written)):
        assert words is None or _storable(words)


@pytest.mark.parametrize("key", ["user.id", "input.value", "app.blob", "gen_ai.usage.input_tokens", "metadata"])
@pytest.mark.parametrize("filling", ["x", "[", '{"a":', "\0", "\u00e9", '["user",'])
def test_4_megabytes_in_one_attribute(key: str, filling: str) -> None:
    big = span("chat", span_id=b"big.big.", attributes={key: filling * (4_000_000 // len(filling))})
    batch = decode_traces(traces(*GOOD_SPANS, big), NOW_US)
    assert len(batch.runs) == 1
    assert len(batch.model_calls) + len(batch.rejects) == 2
    _accounted_for(batch, 3)


def _survives(request: bytes) -> None:
    for decode in (decode_traces, decode_logs):
        try:
            batch = decode(request, NOW_US)
        except Malformed:
            continue
        _accounted_for(batch)


def _accounted_for(batch: Batch, count: int | None = None) -> None:
    """Every record is in one place, and PostgreSQL takes every string."""
    rows = [row for kind in records.TABLES.values() for row in getattr(batch, kind)]
    if count is not None:
        assert len(rows) + len(batch.rejects) + batch.ignored == count
    for row in (*rows, *batch.texts.values()):
        assert all(_storable(column) for column in row)
        assert isinstance(row, Text) or all(len(column.encode()) <= 512 for column in _names(row))
    for reject in batch.rejects:
        assert reject.reason
        assert all(_storable(column) for column in reject[:-1])
        assert len(reject.payload) <= MAX_PAYLOAD
    known = {
        (row.start_time, row.trace_id or "", getattr(row, "span_id", "") or getattr(row, "uid", "")) for row in rows
    }
    assert set(batch.texts) <= known


def _names(row: tuple[object, ...]) -> list[str]:
    columns = row[:-1] if isinstance(row, records.Event) else row
    return [column for column in columns if isinstance(column, str)]


def _storable(column: object) -> bool:
    if isinstance(column, str):
        column.encode()  # raises at a lone surrogate
        return "\0" not in column
    return not isinstance(column, int) or -(2**63) <= column < 2**63


def _mutated(raw: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    changed = bytearray(raw)
    for how, where, what in mutations:
        at = where % (len(changed) + 1)
        if how == "set":
            changed[at : at + len(what)] = what
        elif how == "cut":
            del changed[at : at + what[0]]
        elif how == "insert":
            changed[at:at] = what
        else:
            changed[at : at + 20] = changed[at + 20 : at + 40] + changed[at : at + 20]
    return bytes(changed)


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
