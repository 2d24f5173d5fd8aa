"""Records each reading of content as an event in the audit store, before the content is read."""

import time
import uuid
from typing import Final, Protocol

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from otelgate import names
from otelgate_audit.feedback.emit import Emitter, log_event
from starlette.concurrency import run_in_threadpool

from .accounts import Account

SERVICE: Final = "otelgate-console"
EVENT: Final = "content.read"
"""The event's name, `otelgate.event.name`, in audit.events."""


class Recorder(Protocol):
    """Records who reads which content."""

    async def record(self, reader: Account, kind: str, of: str) -> bool:
        """Whether it is recorded; only then may the content be shown. `kind`: turn, session, search or export."""
        ...


class Readings:
    """Sends each reading to the gateway, which has it on disk when this returns."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    async def record(self, reader: Account, kind: str, of: str) -> bool:
        return await run_in_threadpool(self._emitter.export, event(reader, kind, of, time.time_ns()))


def event(reader: Account, kind: str, of: str, time_ns: int) -> ReadableLogRecord:
    """The event of a reading; that of a turn belongs to the turn's trace."""
    attributes = {
        names.OTELGATE_EVENT_NAME: EVENT,
        names.USER_ID: reader.name,
        names.LOG_RECORD_UID: str(uuid.uuid4()),
        "role": reader.role.name.lower(),
        "kind": kind,
        "of": of,
    }
    trace_id = of.partition("@")[0] if kind == "turn" else None
    return log_event(EVENT, attributes, {SERVICE_NAME: SERVICE}, trace_id, time_ns)
