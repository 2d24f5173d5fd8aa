"""OTLP over gRPC: one request in, one answer out, and OK only after COMMIT.

Requests stay bytes until decode.py reads them. The gateway (the Collector's OTLP exporter) reacts to the answers as
follows. It keeps the data and retries after UNAVAILABLE and every other answer that is not about the request itself.
It drops the data for good after INVALID_ARGUMENT. It only logs partial success, so the sink counts rejected records.
Python's gRPC supports neither snappy nor zstd; gzip and none work.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..model import clock
from ..model.records import MAX_PAYLOAD, Batch, Reject
from ..process.telemetry import Meters, brief
from ..settings import Settings
from ..store.writer import Unavailable
from .decode import Malformed, decode_logs, decode_traces

_LOGGER = logging.getLogger(__name__)

TRACES: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
LOGS: Final = "opentelemetry.proto.collector.logs.v1.LogsService"
METRICS: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"

_OTLP: Final = (f"/{TRACES}/", f"/{LOGS}/")

REQUESTS: Final = 32
"""Maximum number of requests in flight; the answer to further ones is to retry."""
_MESSAGES: Final = 8
"""Limit on their total bytes, as a multiple of the largest message."""
_SPARE_THREADS: Final = 4
"""Threads that answer the requests that have to be retried."""
_RETRY_S: Final = 2
_COMMIT_S: Final = 30.0
"""Seconds that a request may wait for its COMMIT if its sender sets no deadline."""
_REJECTED: Final = "content.rejects says why"
"""The gateway logs this, so it must not quote the record as a reason does."""


class Committer(Protocol):
    """The part of writer.Writer that the receiver uses."""

    def commit(self, batch: Batch, timeout_s: float) -> None: ...


class Gate:
    """Limits the requests in flight, by number and by bytes. A request larger than the limit is accepted only alone."""

    def __init__(self, requests: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests, self._size, self._clock = requests, size, clock
        self._lock = threading.Lock()
        self._inside: dict[int, tuple[float, int]] = {}
        self._numbers = 0

    def enter(self, size: int) -> int | None:
        """A ticket, or None if the limit is reached."""
        with self._lock:
            taken = sum(each for _, each in self._inside.values())
            if self._inside and (len(self._inside) >= self._requests or taken + size > self._size):
                return None
            self._numbers += 1
            self._inside[self._numbers] = (self._clock(), size)
            return self._numbers

    def leave(self, ticket: int) -> None:
        with self._lock:
            del self._inside[ticket]

    def state(self) -> tuple[int, float]:
        """How many requests are in flight, and for how many seconds the oldest one has been."""
        with self._lock:
            oldest = min((since for since, _ in self._inside.values()), default=None)
            return len(self._inside), 0.0 if oldest is None else self._clock() - oldest


class _Guard(grpc.ServerInterceptor):
    """Refuses OTLP requests without the token, by their headers alone. Health checks need no token."""

    def __init__(self, token: bytes) -> None:
        self._expected = b"Bearer " + token
        # Handled as a stream, so that gRPC does not read a stranger's message. UNAVAILABLE, because the gateway drops
        # data after a final answer, and a wrong token can be corrected.
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(
            lambda _, context: _refuse(
                context, grpc.StatusCode.UNAVAILABLE, "authorization: expected the token in OTELGATE_AUDIT_TOKEN_FILE"
            )
        )

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        if details.method.startswith(_OTLP) and not self._knows(details):
            return self._refusal
        return continuation(details)

    def _knows(self, details: grpc.HandlerCallDetails) -> bool:
        given = [str(value) for name, value in details.invocation_metadata if name == "authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0].encode(), self._expected)


class Receiver:
    """The gRPC server. `closed()` gives the reason why nothing can be committed, or None; then `writer` is called.

    Raises SettingsError for a token that cannot be read.
    """

    def __init__(self, settings: Settings, writer: Committer, meters: Meters, closed: Callable[[], str | None]) -> None:
        self._writer, self._meters, self._closed = writer, meters, closed
        self._largest = settings.max_message_mib * 1024 * 1024
        self.gate = Gate(REQUESTS, _MESSAGES * self._largest)
        self._health = health.HealthServicer()
        self.serving(False)
        threads = REQUESTS + _SPARE_THREADS
        connections = settings.max_connections_per_address
        self._server = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="otlp"),
            interceptors=[_Guard(settings.audit_token)] if settings.audit_token else [],
            options=[
                ("grpc.max_receive_message_length", self._largest),
                # Further streams of one connection wait at the sender, which queues on disk.
                ("grpc.max_concurrent_streams", threads),
                ("grpc.max_metadata_size", 32 << 10),
                ("grpc.server_handshake_timeout_ms", 10_000),
                ("grpc.max_connection_idle_ms", 600_000),
                # For all addresses together: gRPC has no limit by address, and the gateway is one client.
                *([("grpc.max_allowed_incoming_connections", connections)] if connections else []),
                # Else a second sink on this port would silently get half of the connections.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._server.add_generic_rpc_handlers((_service(TRACES, self.traces), _service(LOGS, self.logs)))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        host = f"[{settings.audit_host}]" if ":" in settings.audit_host else settings.audit_host
        self._address = f"{host}:{settings.audit_port}"
        self.port = 0

    def start(self) -> None:
        """Listen. Raises OSError if the port is in use."""
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError:
            raise OSError(f"{self._address}: can't listen there; is another process on that port?") from None
        self._server.start()

    def serving(self, yes: bool) -> None:
        """Set the status of the gRPC health service."""
        state = health_pb2.HealthCheckResponse.SERVING if yes else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", TRACES, LOGS):
            self._health.set(service, state)

    def stop(self, grace_s: float) -> None:
        """Accept no more requests; wait until those in flight are answered, at most `grace_s`."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace_s).wait()

    def traces(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        batch = self._export("traces", decode_traces, request, context)
        answer = ExportTraceServiceResponse()
        if batch.rejects:
            answer.partial_success.rejected_spans = len(batch.rejects)
            answer.partial_success.error_message = _REJECTED
        return bytes(answer.SerializeToString())

    def logs(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        batch = self._export("logs", decode_logs, request, context)
        answer = ExportLogsServiceResponse()
        if batch.rejects:
            answer.partial_success.rejected_log_records = len(batch.rejects)
            answer.partial_success.error_message = _REJECTED
        return bytes(answer.SerializeToString())

    def _export(
        self, signal: str, decode: Callable[[bytes, int], Batch], request: bytes, context: grpc.ServicerContext
    ) -> Batch:
        if reason := self._closed():
            _refuse(context, grpc.StatusCode.UNAVAILABLE, reason)
        if len(request) > self._largest:  # gRPC checks the size before it decompresses
            # gRPC's own text, by which the gateway recognises that a retry can never succeed.
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"received message larger than max ({len(request)} vs. {self._largest})",
            )
        ticket = self.gate.enter(len(request))
        if ticket is None:
            _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests in flight")
        try:
            return self._commit(signal, decode, request, context)
        finally:
            self.gate.leave(ticket)

    def _commit(
        self, signal: str, decode: Callable[[bytes, int], Batch], request: bytes, context: grpc.ServicerContext
    ) -> Batch:
        refusal = None
        try:
            batch = decode(request, clock.now_us())
        except Malformed as error:
            refusal = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except Exception as error:  # a bug in the sink: after any other answer the gateway would retry forever
            _LOGGER.error("a request of %s could not be read: %s", signal, brief(error))
            refusal = grpc.StatusCode.INVALID_ARGUMENT, f"internal error: {type(error).__name__}"
        if refusal:
            reject = Reject(signal, None, None, None, False, refusal[1], len(request), request[:MAX_PAYLOAD])
            batch = Batch(rejects=[reject])
        for kind, number in counts(batch).items():
            self._meters.accepted(kind, number)
        self._write(batch, context)
        if refusal:
            context.abort(*refusal)
        return batch

    def _write(self, batch: Batch, context: grpc.ServicerContext) -> None:
        if not batch.rejects and not any(counts(batch).values()):
            return
        left = context.time_remaining()
        try:
            self._writer.commit(batch, _COMMIT_S if left is None else min(left, _COMMIT_S))
        except Unavailable as error:
            _refuse(context, grpc.StatusCode.UNAVAILABLE, str(error))
        except Exception as error:
            _LOGGER.error("a batch could not be committed: %s", brief(error))
            _refuse(context, grpc.StatusCode.UNAVAILABLE, f"internal error: {type(error).__name__}")


def counts(batch: Batch) -> dict[str, int]:
    """The number of records of each kind."""
    return {
        "runs": len(batch.runs),
        "model_calls": len(batch.model_calls),
        "tool_calls": len(batch.tool_calls),
        "feedback": len(batch.feedback),
        "scores": len(batch.scores),
        "events": len(batch.events),
    }


def _service(name: str, export: Callable[[bytes, grpc.ServicerContext], bytes]) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(name, {"Export": grpc.unary_unary_rpc_method_handler(export)})


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> NoReturn:
    """Ask the sender to retry in `_RETRY_S`: the Collector reads the RetryInfo in the status' details."""
    retry = AnyMessage()
    retry.Pack(RetryInfo(retry_delay=Duration(seconds=_RETRY_S)))
    status = Status(code=code.value[0], message=reason, details=[retry])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason)
    raise AssertionError("abort returned")
