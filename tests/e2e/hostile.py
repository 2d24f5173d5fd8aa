"""Good and hostile items of all three signals, each with what has to become of it: what test_limits.py sends.

Python's protobuf writes no text that is not UTF-8, so `BAD` stands for it until the bytes are made.
"""

import base64
import gzip
import json
import math
import random
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BAD: Final = "~bad~"
_BYTES: Final = b"\xff\xc3(\x00\xfe"
_BYTES_IN_JSON: Final = _BYTES.replace(b"\0", b"\\u0000")
PROTOCOLS: Final = ("grpc", "http", "json")
"""The last is HTTP with JSON and gzip."""
HOUR: Final = 3600 * 10**9
TRACES: Final = 16
GOOD: Final = "good"


@dataclass(frozen=True)
class Kind:
    """How an item is spoiled, whether it is stored all the same, and what the gateway counts."""

    spoil: Callable[[Any, int], None]
    counted: tuple[str, ...]
    weight: int = 3

    @property
    def stored(self) -> bool:
        return not any(each.startswith("refused") for each in self.counted)


def pair(key: str, value: Any) -> KeyValue:
    kind = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}[type(value)]
    return KeyValue(key=key, value=AnyValue(**{kind: value}))


def _attribute(key: str, value: Any) -> Callable[[Any, int], None]:
    return lambda item, now: item.attributes.append(pair(key, value))


def _deep(item: Any, now: int) -> None:
    value = item.attributes.add(key="deep").value
    for _ in range(40):
        value = value.array_value.values.add()
    value.int_value = 1


def _twice(item: Any, now: int) -> None:
    item.attributes.extend([pair("twice", 1), pair("twice", 2)])


def _times(start: Callable[[int], int], end: Callable[[int], int]) -> Callable[[Any, int], None]:
    def spoil(item: Span, now: int) -> None:
        item.start_time_unix_nano, item.end_time_unix_nano = start(now), end(now)

    return spoil


def _set(**fields: Any) -> Callable[[Any, int], None]:
    def spoil(item: Any, now: int) -> None:
        for name, value in fields.items():
            setattr(item, name, value(now) if callable(value) else value)

    return spoil


SHARED: Final = {
    GOOD: Kind(lambda item, now: None, (), weight=60),
    "bytes": Kind(_attribute("note", f"a{BAD}b"), ("corrected/text",)),
    "key of bytes": Kind(_attribute(f"note{BAD}", "a"), ("corrected/text",)),
    "no key": Kind(_attribute("", "a"), ("corrected/key",)),
    "key twice": Kind(_twice, ("corrected/key",)),
    "not a number": Kind(_attribute("ratio", math.nan), ("corrected/number",)),
    "long id": Kind(_attribute("thing.id", "i" * 600), ("cut/name",)),
    "deep": Kind(_deep, ("cut/depth",)),
}
LARGE: Final = Kind(
    _attribute("some.prompt", "the words of a user, again and again, " * 40_000), ("cut/size",), weight=1
)

SPANS: Final = {
    **SHARED,
    "large": LARGE,
    "no trace id": Kind(_set(trace_id=b""), ("refused/trace_id",)),
    "trace id of zeros": Kind(_set(trace_id=bytes(16)), ("refused/trace_id",)),
    "span id of zeros": Kind(_set(span_id=bytes(8)), ("refused/span_id",)),
    "a short trace id": Kind(_set(trace_id=b"short"), ("corrected/id", "refused/trace_id")),
    "a long parent id": Kind(_set(parent_span_id=b"a long id" * 20), ("corrected/id",)),
    "a short id of a link": Kind(lambda item, now: item.links.add(trace_id=b"short"), ("corrected/id",)),
    "an end before its start": Kind(_times(lambda now: now, lambda now: now - 1), ("corrected/duration",)),
    "no times": Kind(_times(lambda now: 0, lambda now: 0), ("corrected/time",)),
    "no end": Kind(_times(lambda now: now, lambda now: 0), ("corrected/time",)),
    "microseconds": Kind(_times(lambda now: now // 1000 - 1000, lambda now: now // 1000), ("corrected/time",)),
    "36 hours ahead": Kind(_times(lambda now: now + 36 * HOUR, lambda now: now + 36 * HOUR + 1), ("corrected/time",)),
}
LINES: Final = {
    **SHARED,
    "large": LARGE,
    "large body": Kind(
        lambda item, now: setattr(item.body, "string_value", item.body.string_value + " and more" * 200_000),
        ("cut/size",),
        weight=1,
    ),
    "a short span id": Kind(_set(span_id=b"short"), ("corrected/id",)),
    "no label": Kind(_attribute("日本", "a"), ("corrected/key",)),
    "an hour ahead": Kind(_set(time_unix_nano=lambda now: now + HOUR), ("corrected/time",)),
    "of 1970": Kind(_set(time_unix_nano=1, observed_time_unix_nano=1), ("corrected/time",)),
    "too old": Kind(_set(time_unix_nano=lambda now: now - 800 * HOUR), ("corrected/time",)),
    "many fields": Kind(
        lambda item, now: item.attributes.extend(pair(f"n{i}", i) for i in range(900)), ("cut/attributes",)
    ),
}


def _point(change: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    return lambda item, now: change(getattr(item, item.WhichOneof("data")).data_points[0], now)


def _exemplar(item: Any, now: int) -> None:
    item.exemplars.add(time_unix_nano=now, as_double=1, trace_id=b"a long id" * 20)


def _counter_of_nan(item: Metric, now: int) -> None:
    item.sum.Clear()
    item.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    item.sum.is_monotonic = True
    item.sum.data_points.add(time_unix_nano=now, as_double=math.nan)


def _does_not_add_up(item: Metric, now: int) -> None:
    item.exponential_histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    point = item.exponential_histogram.data_points.add(time_unix_nano=now, count=17)
    point.positive.bucket_counts.extend([1, 2])


POINTS: Final = {
    **{name: Kind(_point(kind.spoil), kind.counted, kind.weight) for name, kind in SHARED.items()},
    "two hours ahead": Kind(_point(_set(time_unix_nano=lambda now: now + 2 * HOUR)), ("corrected/time",)),
    "no time": Kind(_point(_set(time_unix_nano=0)), ("corrected/time",)),
    "a long id of an exemplar": Kind(_point(_exemplar), ("corrected/id",)),
    "five hours old": Kind(_point(_set(time_unix_nano=lambda now: now - 5 * HOUR)), ("refused/old",)),
    "no name": Kind(_set(name=""), ("refused/metric_name",)),
    "an address as its name": Kind(_set(name="mails to ann@example.com"), ("refused/metric_secret",)),
    "a counter of NaN": Kind(_counter_of_nan, ("refused/value",)),
    "does not add up": Kind(_does_not_add_up, ("refused/value",)),
}


RESOURCES: Final[list[tuple[tuple[str, ...], KeyValue | None]]] = [
    *[((), None)] * 20,
    (("corrected/text",), pair("service.namespace", f"space{BAD}")),
    (("corrected/text",), pair("host.note", BAD)),
    (("corrected/key",), pair("", "nameless")),
    (("cut/name",), pair("deployment.environment.name", "e" * 3000)),
    (("cut/size",), pair("process.command_line", "many words " * 20_000)),
]


@dataclass
class Request:
    """One request, and what has to come of it. `numbers` are those of the items that are stored, by their kind."""

    signal: str
    protocol: str
    body: bytes = b""
    numbers: dict[int, str] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def refused(self) -> int:
        return sum(n for each, n in self.counted.items() if each.startswith("refused"))


class Maker:
    """Makes requests; the same ones for the same seed, but for their times. Without `hostile` all items are good."""

    def __init__(self, service: str, seed: int, hostile: bool = True) -> None:
        self.service, self._random, self._number = service, random.Random(seed), 0
        self._hostile = hostile
        self.traces = [self._random.randbytes(16) for _ in range(TRACES)]

    def request(self, signal: str, now: int) -> Request:
        kinds, make, message = {
            "traces": (SPANS, self._span, ExportTraceServiceRequest()),
            "logs": (LINES, self._line, ExportLogsServiceRequest()),
            "metrics": (POINTS, self._metric, ExportMetricsServiceRequest()),
        }[signal]
        found = Request(signal, self._random.choice(PROTOCOLS))
        names = list(kinds) if self._hostile else [GOOD]
        weights = [kinds[name].weight for name in names]
        items = []
        for name in self._random.choices(names, weights, k=self._random.randint(1, 5)):
            self._number += 1
            item = make(self._number, now)
            kinds[name].spoil(item, now)
            items.append(item)
            found.counted.update(kinds[name].counted)
            if kinds[name].stored:
                found.numbers[self._number] = name
        counted, spoiled = self._random.choice(RESOURCES if self._hostile else RESOURCES[:1])
        found.counted.update(counted)
        self._fill(message, signal, items, spoiled)
        found.body = self._json(message) if found.protocol == "json" else self._protobuf(message)
        return found

    def torn(self, signal: str, now: int) -> Request:
        """One that ends too early, or is noise: it can't be decoded."""
        found = self.request(signal, now)
        cut = found.body[: self._random.randrange(1, len(found.body))]
        return Request(signal, found.protocol, self._random.choice((cut, b"\xff" + self._random.randbytes(len(cut)))))

    def _fill(self, message: Any, signal: str, items: list[Any], spoiled: KeyValue | None) -> None:
        if signal == "traces":
            of_resource = message.resource_spans.add()
            of_resource.scope_spans.add().spans.extend(items)
        elif signal == "logs":
            of_resource = message.resource_logs.add()
            of_resource.scope_logs.add().log_records.extend(items)
        else:
            of_resource = message.resource_metrics.add()
            of_resource.scope_metrics.add().metrics.extend(items)
        of_resource.resource.attributes.append(pair("service.name", self.service))
        if spoiled:
            of_resource.resource.attributes.append(spoiled)

    def _protobuf(self, message: Any) -> bytes:
        return bytes(message.SerializeToString()).replace(BAD.encode(), _BYTES)

    def _json(self, message: Any) -> bytes:
        text = json.dumps(self._members(message), ensure_ascii=False).encode()
        return gzip.compress(text.replace(BAD.encode(), _BYTES_IN_JSON), 1)

    def _members(self, message: Any) -> dict[str, Any]:
        """OTLP's JSON as many write it: with nulls, members of their own, numbers as text and as numbers."""
        members: dict[str, Any] = {}
        there = {each.name for each, _ in message.ListFields()}
        for each in message.DESCRIPTOR.fields:
            found = getattr(message, each.name)
            if each.name not in there:
                if self._random.random() < 0.1:
                    members[each.json_name] = None
            elif each.is_repeated:
                members[each.json_name] = [self._member(each, one) for one in found]
            else:
                members[each.json_name] = self._member(each, found)
        if self._random.random() < 0.1:
            members["acme"] = {"asInt": None, "attributes": [{"key": "k"}, 1.5, "null"], "name": "of another schema"}
        return members

    def _member(self, of: FieldDescriptor, value: Any) -> Any:
        as_text = self._random.random() < 0.5
        if of.message_type:
            return self._members(value)
        if isinstance(value, bytes):
            return value.hex() if of.name.endswith("_id") else base64.b64encode(value).decode()
        if isinstance(value, float) and (as_text or not math.isfinite(value)):
            return "NaN" if math.isnan(value) else str(value)
        if of.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64) and as_text:
            return str(value)
        return value

    def _span(self, number: int, now: int) -> Span:
        return Span(
            trace_id=self._random.choice(self.traces),
            span_id=struct.pack(">Q", number),
            name="invoke_agent hostile",
            start_time_unix_nano=now - 10**9,
            end_time_unix_nano=now,
            attributes=[pair("gen_ai.operation.name", "invoke_agent"), pair("gen_ai.agent.name", "hostile")],
        )

    def _line(self, number: int, now: int) -> LogRecord:
        return LogRecord(
            time_unix_nano=now, observed_time_unix_nano=now, body=AnyValue(string_value=f"line {number} of many")
        )

    def _metric(self, number: int, now: int) -> Metric:
        name = metric_of(number)
        metric = Metric(name=f"hostile.{name}")
        times: dict[str, Any] = {"start_time_unix_nano": now - 10**6, "time_unix_nano": now}
        labels = [pair("place", f"p{number}")]
        if name == "level":
            metric.gauge.data_points.add(as_int=number, attributes=labels, **times)
        elif name == "orders":
            metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            metric.sum.is_monotonic = True
            metric.sum.data_points.add(as_int=number, attributes=labels, **times)
        else:
            metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            buckets: dict[str, Any] = {"explicit_bounds": [1], "bucket_counts": [1, number], "count": number + 1}
            metric.histogram.data_points.add(sum=2 * number, attributes=labels, **buckets, **times)
        return metric


def metric_of(number: int) -> str:
    """A gauge, a counter or a histogram."""
    return ("level", "orders", "size")[number % 3]


ANSWERS: Final[dict[str, tuple[Any, str]]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}


def rejected(request: Request, answer: bytes) -> int:
    """How many items an answer says were refused."""
    kind, count = ANSWERS[request.signal]
    said = json_format.Parse(answer, kind()) if request.protocol == "json" else kind.FromString(answer)
    return int(getattr(said.partial_success, count))
