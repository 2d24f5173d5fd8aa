"""The part of OTLP that the sink reads.

Requests are decoded level by level, and every record separately, so that a malformed record does not affect the others.
Strings are bytes here, and lists and maps are decoded on demand: neither invalid UTF-8 nor deep nesting makes a record
unreadable. Attributes are declared as a protobuf map, which has the same encoding: a look-up then does not decode
the other attributes. If several attributes have one key, the last counts.

Source of the field numbers: opentelemetry-proto 1.x (trace.proto, logs.proto, common.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError as DecodeError  # type: ignore[import-untyped]

_SCHEMA: Final[dict[str, tuple[str, ...]]] = {
    # message: fields as `name number type`; `*` for repeated, `map` for attributes
    "Request": ("resources 1 bytes*",),
    "ResourceRecords": ("resource 1 bytes", "scopes 2 bytes*"),
    "ScopeRecords": ("records 2 bytes*",),
    "Resource": ("attributes 1 map",),
    "Span": (
        "trace_id 1 bytes",
        "span_id 2 bytes",
        "parent_span_id 4 bytes",
        "name 5 bytes",
        "start_time 7 fixed64",
        "end_time 8 fixed64",
        "attributes 9 map",
        "events 11 bytes*",
        "status 15 Status",
    ),
    "Status": ("message 2 bytes", "code 3 int32"),
    "Event": ("name 2 bytes", "attributes 3 map"),
    "LogRecord": (
        "time 1 fixed64",
        "attributes 6 map",
        "trace_id 9 bytes",
        "span_id 10 bytes",
        "observed_time 11 fixed64",
        "event_name 12 bytes",
    ),
    "LogAttributes": ("attributes 6 KeyValue*",),  # of a LogRecord, with keys of any bytes
    "KeyValue": ("key 1 bytes", "value 2 AnyValue"),
    "AnyValue": (
        "string_value 1 bytes",
        "bool_value 2 bool",
        "int_value 3 int64",
        "double_value 4 double",
        "array_value 5 bytes",
        "kvlist_value 6 bytes",
        "bytes_value 7 bytes",
    ),
    "ArrayValue": ("values 1 AnyValue*",),
    "KeyValueList": ("values 1 KeyValue*",),
}
_PACKAGE: Final = "otelgate_audit"
_ONEOF: Final = "AnyValue"


class Malformed(ValueError):
    """Not an OTLP request: its outermost level can't be read."""


class Group(NamedTuple):
    """The records of one resource, each as received.

    If the levels between request and record can't be read, `broken` names the level, and `records` has its bytes.
    """

    resource: bytes
    records: list[bytes]
    broken: str = ""


def _classes() -> dict[str, Any]:
    # proto2: its map keys need not be UTF-8.
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        if name == _ONEOF:
            message.oneof_decl.add(name="value")
        for written in fields:
            field_name, number, kind = written.split()
            if kind == "map":
                entry = message.nested_type.add(name=f"{field_name.title()}Entry")
                entry.options.map_entry = True
                _add(entry, "key", 1, "string")
                _add(entry, "value", 2, "AnyValue")
                kind = f"{name}.{entry.name}*"
            field = _add(message, field_name, int(number), kind)
            if name == _ONEOF:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()  # a separate pool: names can't collide with others
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _SCHEMA}


def _add(message: Any, name: str, number: int, kind: str) -> Any:
    types = descriptor_pb2.FieldDescriptorProto
    label = types.LABEL_REPEATED if kind.endswith("*") else types.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    kind = kind.rstrip("*")
    if kind[0].islower():
        field.type = types.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = types.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    return field


_CLASSES: Final = _classes()
Resource: Final = _CLASSES["Resource"]
Span: Final = _CLASSES["Span"]
Event: Final = _CLASSES["Event"]
LogRecord: Final = _CLASSES["LogRecord"]
LogAttributes: Final = _CLASSES["LogAttributes"]
AnyValue: Final = _CLASSES["AnyValue"]
ArrayValue: Final = _CLASSES["ArrayValue"]
KeyValueList: Final = _CLASSES["KeyValueList"]
_Request: Final = _CLASSES["Request"]
_ResourceRecords: Final = _CLASSES["ResourceRecords"]
_ScopeRecords: Final = _CLASSES["ScopeRecords"]


def groups(request: bytes) -> Iterator[Group]:
    """The records of an ExportTraceServiceRequest or an ExportLogsServiceRequest: their outer levels are the same.

    Raises Malformed before the first group.
    """
    try:
        resources = _Request.FromString(request).resources
    except DecodeError:
        raise Malformed(f"a request of {len(request)} bytes: expected OTLP as protobuf") from None
    return _opened(resources)


def _opened(resources: Any) -> Iterator[Group]:
    for raw in resources:
        try:
            opened = _ResourceRecords.FromString(raw)
        except DecodeError:
            yield Group(b"", [raw], "resource")
            continue
        resource = opened.resource
        for scope in opened.scopes:
            try:
                yield Group(resource, list(_ScopeRecords.FromString(scope).records))
            except DecodeError:
                yield Group(resource, [scope], "scope")
