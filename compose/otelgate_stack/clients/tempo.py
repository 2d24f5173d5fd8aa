"""Reads Tempo: traces, and searches for them."""

from dataclasses import dataclass

from .spans import Span, from_otlp_json
from .store import TraceStore


@dataclass(frozen=True)
class TraceSummary:
    """One trace that a search found. `duration_ms` is 0 while the trace's root isn't known."""

    trace_id: str
    root_service: str
    root_name: str
    start_ns: int
    duration_ms: int


class Tempo(TraceStore):
    """Tempo's HTTP API (https://grafana.com/docs/tempo/latest/api_docs/)."""

    service = "tempo"

    def trace_path(self, trace_id: str) -> str:
        return f"/api/v2/traces/{trace_id}"

    def trace(self, trace_id: str) -> list[Span]:
        answer = self.get_or_none(self.trace_path(trace_id))
        return from_otlp_json(answer.json().get("trace") or {}) if answer else []

    def search(
        self, traceql: str, start_s: int | None = None, end_s: int | None = None, limit: int = 20
    ) -> list[TraceSummary]:
        """Traces that a TraceQL query finds, between two Unix times in whole seconds where given."""
        params: dict[str, str | int] = {"q": traceql, "limit": limit}
        if start_s is not None and end_s is not None:
            params |= {"start": start_s, "end": end_s}
        return [
            TraceSummary(
                trace_id=item["traceID"].rjust(32, "0"),
                root_service=item.get("rootServiceName", ""),
                root_name=item.get("rootTraceName", ""),
                start_ns=int(item.get("startTimeUnixNano", 0)),
                duration_ms=int(item.get("durationMs", 0)),
            )
            for item in self.get("/api/search", params).json().get("traces") or []
        ]
