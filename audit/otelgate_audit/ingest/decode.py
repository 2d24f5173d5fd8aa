"""Decodes OTLP requests of the gateway's audit branch to a Batch of rows.

Each record is decoded separately. A record that can't be stored becomes a Reject with the reason and does not affect
the others. Needs no database.
"""

from __future__ import annotations

import functools
from typing import Protocol

from ..model.records import MAX_PAYLOAD, UNKNOWN_SERVICE, Batch, Identity, Reject
from . import log_events, spans, wire
from .spans import Source
from .values import InvalidValue, name
from .wire import Malformed

__all__ = ["Malformed", "decode_logs", "decode_traces"]


def decode_traces(request: bytes, now_us: int) -> Batch:
    """The records in an ExportTraceServiceRequest. `now_us` is the sink's clock, microseconds since 1970.

    Raises Malformed if the bytes are not OTLP, and no other error.
    """
    return _decode(request, now_us, "traces", spans)


def decode_logs(request: bytes, now_us: int) -> Batch:
    """The records in an ExportLogsServiceRequest; see decode_traces."""
    return _decode(request, now_us, "logs", log_events)


class _Signal(Protocol):
    """The modules `spans` and `log_events`."""

    def take(self, raw: bytes, source: Source, now_us: int, batch: Batch) -> bool: ...
    def identity(self, raw: bytes, now_us: int) -> Identity: ...


def _decode(request: bytes, now_us: int, signal: str, module: _Signal) -> Batch:
    batch = Batch()
    for group in wire.groups(request):
        if group.broken:
            for raw in group.records:
                reason = f"{group.broken}: not readable as OTLP"
                batch.rejects.append(_reject(signal, raw, None, Identity(), reason))
            continue
        source = _source(group.resource)
        if isinstance(source, str):
            _refuse_all(group.records, source, now_us, signal, module, batch)
            continue
        for raw in group.records:
            try:
                if not module.take(raw, source, now_us, batch):
                    batch.ignored += 1
            except (InvalidValue, wire.DecodeError) as problem:
                reason = str(problem) if isinstance(problem, InvalidValue) else "not readable as OTLP"
                identity = module.identity(raw, now_us)
                batch.rejects.append(_reject(signal, raw, source.service, identity, reason))
    return batch


def _refuse_all(records: list[bytes], reason: str, now_us: int, signal: str, module: _Signal, batch: Batch) -> None:
    """Reject the records of a resource that can't be stored; the rest is ignored as usual."""
    for raw in records:
        try:
            wanted = module.take(raw, Source(UNKNOWN_SERVICE, None), now_us, Batch())
        except (InvalidValue, wire.DecodeError):
            wanted = True
        if wanted:
            batch.rejects.append(_reject(signal, raw, None, module.identity(raw, now_us), reason))
        else:
            batch.ignored += 1


@functools.lru_cache(maxsize=1024)
def _source(raw: bytes) -> Source | str:
    """The sender of the records, or the reason why none can be stored. Cached: many requests have the same resource."""
    try:
        attributes = wire.Resource.FromString(raw).attributes
        service = name(attributes, "service.name") or UNKNOWN_SERVICE
        environment = name(attributes, "deployment.environment.name") or name(attributes, "deployment.environment")
        application = name(attributes, "otelgate.application")
    except InvalidValue as unfit:
        return f"resource: {unfit}"
    except wire.DecodeError:
        return "resource: not readable as OTLP"
    return Source(service, environment, application)


def _reject(signal: str, raw: bytes, service: str | None, identity: Identity, reason: str) -> Reject:
    return Reject(
        signal,
        service,
        identity.trace_id,
        identity.record,
        identity.run,
        reason,
        len(raw),
        raw[:MAX_PAYLOAD],
        identity.call,
        identity.cost_pico,
        identity.received_at,
    )
