"""Reads Jaeger: traces."""

from .spans import Span, from_otlp_json
from .store import Store


class Jaeger(Store):
    """Jaeger's query API, version 3: OTLP JSON (https://www.jaegertracing.io/docs/latest/architecture/apis/)."""

    service = "jaeger"
    port_setting = "jaeger_port"
    ready_path = "/api/v3/services"

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, earliest first; empty when Jaeger doesn't know it (yet)."""
        answer = self.get_or_none(f"/api/v3/traces/{trace_id}")
        return from_otlp_json(answer.json().get("result") or {}) if answer else []
