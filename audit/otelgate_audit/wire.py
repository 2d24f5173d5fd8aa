"""The shape of OTLP that the sink reads: enough of it, and nothing deeper.

Requests are opened level by level, and every record is read on its own, so that a broken one costs no other. Strings
are bytes here, and lists and maps stay closed until somebody wants them: neither invalid UTF-8 nor deep nesting keeps
a record from being read. Source of the field numbers: opentelemetry-proto 1.x (trace.proto, logs.proto, common.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError as DecodeError  # type: ignore[import-untyped]

DOUBLE: Final = 1
INT64: Final = 3
FIXED64: Final = 6
BOOL: Final = 8
BYTES: Final = 12
ENUM_NUMBER: Final = 5  # int32 on the wire, as an enum is

_SCHEMA: Final[dict[str, tuple[str, ...]]] = {
    # message: fields as `name number type`, `*` for repeated
    "Request": ("resources 1 bytes*",),
    "ResourceRecords": ("resource 1 bytes", "scopes 2 bytes*"),
    "ScopeRecords": ("records 2 bytes*",),
    "Resource": ("attributes 1 KeyValue*",),
    "Span": (
        "trace_id 1 bytes",
        "span_id 2 bytes",
        "parent_span_id 4 bytes",
        "name 5 bytes",
        "start_time 7 fixed64",
        "end_time 8 fixed64",
        "attributes 9 KeyValue*",
        "events 11 bytes*",
        "status 15 Status",
    ),
    "Status": ("message 2 bytes", "code 3 int32"),
    "Event": ("name 2 bytes", "attributes 3 KeyValue*"),
    "LogRecord": (
        "time 1 fixed64",
        "attributes 6 KeyValue*",
        "trace_id 9 bytes",
        "span_id 10 bytes",
        "observed_time 11 fixed64",
        "event_name 12 bytes",
    ),
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
_TYPES: Final = {
    "double": DOUBLE,
    "int64": INT64,
    "int32": ENUM_NUMBER,
    "fixed64": FIXED64,
    "bool": BOOL,
    "bytes": BYTES,
}
_ONEOF: Final = "AnyValue"


class Malformed(ValueError):
    """Not an OTLP request: not even its outermost level can be read."""


class Group(NamedTuple):
    """The records of one resource, each as it came.

    Where the levels between request and record can't be read, `broken` says which, and `records` has the one piece.
    """

    resource: bytes
    records: list[bytes]
    broken: str = ""


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="otelgate_audit.proto", package="otelgate_audit", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        if name == _ONEOF:
            message.oneof_decl.add(name="value")
        for written in fields:
            field_name, number, kind = written.split()
            field = message.field.add(name=field_name, number=int(number), label=3 if kind.endswith("*") else 1)
            kind = kind.rstrip("*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".otelgate_audit.{kind}"
            if name == _ONEOF:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()  # of its own: no name meets another's
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"otelgate_audit.{name}")) for name in _SCHEMA
    }


_CLASSES: Final = _classes()
Resource: Final = _CLASSES["Resource"]
Span: Final = _CLASSES["Span"]
Event: Final = _CLASSES["Event"]
LogRecord: Final = _CLASSES["LogRecord"]
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
