"""The feedback endpoint in a thread of the test, and a gateway that keeps what it gets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from otelgate_audit import settings as audit_settings
from otelgate_audit.feedback import app as feedback_app
from otelgate_audit.feedback.emit import Emitter
from otelgate_audit.ingest.decode import decode_logs
from otelgate_audit.model.records import Batch
from waiting import until

SECRET = "a secret of thirty-two bytes, or more"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
START_S = 30.0


class Gateway(logs_service_pb2_grpc.LogsServiceServicer):
    """Takes log records by OTLP over gRPC; with `status` it refuses them."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.status: grpc.StatusCode | None = None
        self.refused = 0
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.status is not None:
            self.refused += 1
            context.abort(self.status, "as the test wants it")
        self.requests.append(request)
        return logs_service_pb2.ExportLogsServiceResponse()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def stored(self) -> list[Batch]:
        """The audit sink's records of each request."""
        return [decode_logs(each.SerializeToString(), time.time_ns() // 1000) for each in self.requests]


def token(trace_id: str = TRACE_ID, secret: str = SECRET, expires_s: float = 86_400, **claims: Any) -> str:
    """Good for a day, as the SDK makes them: those of parameters are made when the tests are collected."""
    payload = {"aud": "otelgate-feedback", "trace_id": trace_id, "exp": time.time() + expires_s, **claims}
    return jwt.encode({name: value for name, value in payload.items() if value is not None}, secret, "HS256")


def settings(folder: Path, gateway: str, **env: str) -> audit_settings.Settings:
    """Those of an endpoint; its secret is a file in `folder`."""
    file = folder / "feedback_secret"
    file.write_text(f"{SECRET}\n")
    given = {"OTELGATE_FEEDBACK_SECRET_FILE": str(file), "OTEL_EXPORTER_OTLP_ENDPOINT": gateway, **env}
    return audit_settings.load(given)


@contextmanager
def serving(loaded: audit_settings.Settings) -> Iterator[str]:
    """The URL of an endpoint that answers, on a free port."""
    emitter = Emitter.to_gateway(loaded.otlp_endpoint)
    server = feedback_app.server(feedback_app.application(loaded, emitter))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert until(lambda: server.started), "uvicorn's start"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(START_S)
    emitter.shutdown()
