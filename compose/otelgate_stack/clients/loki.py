"""Reads Loki: log lines."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .store import Reader, StoreError


@dataclass(frozen=True)
class LogLine:
    """One log line: Unix time in nanoseconds, its text, stream labels, structured metadata (`trace_id`, …)."""

    time_ns: int
    line: str
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Loki(Reader):
    """Loki's HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

    service = "loki"

    def query_range(
        self, logql: str, start_ns: int | None = None, end_ns: int | None = None, limit: int = 1000
    ) -> list[LogLine]:
        """Log lines between two Unix times in nanoseconds (the last hour when left out), oldest first."""
        now = time.time_ns()
        params: dict[str, str | int] = {
            "query": logql,
            "start": start_ns if start_ns is not None else now - 3600 * 10**9,
            # Loki's end is exclusive, and a clock may be a little ahead.
            "end": end_ns if end_ns is not None else now + 10**9,
            "limit": limit,
            "direction": "forward",
        }
        # With this header Loki keeps stream labels and structured metadata apart.
        headers = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
        data = self.get("/loki/api/v1/query_range", params, headers).json()["data"]
        if data["resultType"] != "streams":
            raise StoreError(self.url, f"query {logql!r} gives a {data['resultType']}, expected log lines")
        lines = [
            LogLine(int(when), line, stream["stream"], (extra[0] if extra else {}).get("structuredMetadata", {}))
            for stream in data["result"]
            for when, line, *extra in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.time_ns)

    def count(self, question: str) -> int:
        """The number of lines that a LogQL query finds within the last hour."""
        return len(self.query_range(question))
