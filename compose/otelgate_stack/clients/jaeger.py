"""Reads Jaeger: traces."""

from .spans import Span, from_otlp_json
from .store import TraceStore


class Jaeger(TraceStore):
    """Jaeger's query API, version 3: OTLP JSON (https://www.jaegertracing.io/docs/latest/architecture/apis/)."""

    service = "jaeger"
    ready_path = "/api/v3/services"

    def trace_path(self, trace_id: str) -> str:
        return f"/api/v3/traces/{trace_id}"

    def trace(self, trace_id: str) -> list[Span]:
        answer = self.get_or_none(self.trace_path(trace_id))
        return from_otlp_json(answer.json().get("result") or {}) if answer else []
