"""Small typed read clients for what answers HTTP: four stores, the gateway's own metrics, the audit sink's health.

Each has `ready()`, reads with one HTTP request per call, and raises `StoreError` with the URL, the status and the first
line of the answer. `None` or an empty list means that the store answered and holds nothing.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from . import access, web
from .settings import Settings
from .spans import Event, Span, from_otlp_json

__all__ = [
    "AuditSink",
    "Event",
    "GatewayMetrics",
    "Jaeger",
    "LogLine",
    "Loki",
    "Prometheus",
    "Sample",
    "Span",
    "StoreError",
    "Tempo",
    "TraceSummary",
]

_LINE = re.compile(r"^(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'([\w.]+|"[^"]*")="((?:[^"\\]|\\.)*)"')


class StoreError(Exception):
    """A store could not be reached or refused the request; the text names the URL and the reason.

    `status` is the HTTP status, None where there was no answer at all.
    """

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"{url}: {reason}")
        self.status = status


@dataclass(frozen=True)
class Sample:
    """One value of one series: its labels (`__name__` included), the value, and its Unix time in seconds."""

    labels: Mapping[str, str]
    value: float
    time_s: float = 0.0


@dataclass(frozen=True)
class LogLine:
    """One log line: Unix time in nanoseconds, its text, stream labels, structured metadata (`trace_id`, …)."""

    time_ns: int
    line: str
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TraceSummary:
    """One trace that a search found. `duration_ms` is 0 while the trace's root isn't known."""

    trace_id: str
    root_service: str
    root_name: str
    start_ns: int
    duration_ms: int


class _Store(AbstractContextManager["_Store"]):
    """What the clients share: one HTTP connection pool, errors that tell, `ready()`. More options are httpx's own."""

    service: str
    port_setting: str
    ready_path = "/ready"

    @classmethod
    def of(cls, settings: Settings, timeout_s: float = 10.0) -> Self:
        """This stack's client, with what the service wants of one (access.py); `timeout_s` in seconds."""
        url = f"{access.scheme(cls.service)}://127.0.0.1:{getattr(settings, cls.port_setting)}"
        return cls(url, timeout_s, **access.options(settings, cls.service))

    def __init__(self, url: str, timeout_s: float = 10.0, **options: Any) -> None:
        self.url = url.rstrip("/")
        # For what has no method here, too.
        self.http = web.client(**{"base_url": self.url, "timeout": timeout_s, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def ready(self) -> bool:
        """Whether the store says that it is ready; False when nothing answers."""
        try:
            return self.http.get(self.ready_path).is_success
        except httpx.HTTPError:
            return False

    def reachable(self) -> bool:
        """Whether anything answers HTTP at the store's address, ready or not."""
        try:
            self.http.get(self.ready_path)
        except httpx.HTTPError:
            return False
        return True

    def _get(
        self, path: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        try:
            response = self.http.get(path, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise StoreError(f"{self.url}{path}", str(error) or type(error).__name__) from error
        if not response.is_success:
            line = next(iter(response.text.strip().splitlines()), "empty answer")
            raise StoreError(str(response.url), f"HTTP {response.status_code}: {line[:300]}", response.status_code)
        return response

    def _get_or_none(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response | None:
        try:
            return self._get(path, headers=headers)
        except StoreError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise


class Prometheus(_Store):
    """Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    service = "prometheus"
    port_setting = "prometheus_port"
    ready_path = "/-/ready"

    def query(self, promql: str, time_s: float | None = None) -> list[Sample]:
        """An instant query's vector (or scalar) at `time_s`, Unix seconds; now when left out."""
        params: dict[str, str | int] = {"query": promql}
        if time_s is not None:
            params["time"] = f"{time_s:.3f}"
        data = self._get("/api/v1/query", params).json()["data"]
        if data["resultType"] == "scalar":
            return [_sample({}, data["result"])]
        if data["resultType"] != "vector":
            raise StoreError(self.url, f"query {promql!r} gives a {data['resultType']}, expected a vector or a scalar")
        return [_sample(item["metric"], item["value"]) for item in data["result"]]

    def value(self, promql: str) -> float | None:
        """The one value that `promql` gives; None when it gives none.

        Raises StoreError when it gives several: aggregate them in the query.
        """
        samples = self.query(promql)
        if len(samples) > 1:
            raise StoreError(self.url, f"query {promql!r} gives {len(samples)} series, expected one")
        return samples[0].value if samples else None

    def exemplars(self, promql: str, start_s: float, end_s: float) -> list[Sample]:
        """The exemplars of the series in `promql` between two Unix times in seconds; labels hold `trace_id`."""
        params: dict[str, str | int] = {"query": promql, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}"}
        series = self._get("/api/v1/query_exemplars", params).json()["data"]
        return [
            Sample(item["labels"], float(item["value"]), float(item["timestamp"]))
            for one in series
            for item in one["exemplars"]
        ]


def _sample(labels: Mapping[str, str], pair: tuple[float, str]) -> Sample:
    return Sample(labels, float(pair[1]), float(pair[0]))


class Loki(_Store):
    """Loki's HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

    service = "loki"
    port_setting = "loki_port"

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
        data = self._get("/loki/api/v1/query_range", params, headers).json()["data"]
        if data["resultType"] != "streams":
            raise StoreError(self.url, f"query {logql!r} gives a {data['resultType']}, expected log lines")
        lines = [
            LogLine(int(when), line, stream["stream"], (extra[0] if extra else {}).get("structuredMetadata", {}))
            for stream in data["result"]
            for when, line, *extra in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.time_ns)


class Tempo(_Store):
    """Tempo's HTTP API (https://grafana.com/docs/tempo/latest/api_docs/)."""

    service = "tempo"
    port_setting = "tempo_port"

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, earliest first; empty when Tempo doesn't know it (yet)."""
        answer = self._get_or_none(f"/api/v2/traces/{trace_id}")
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
            for item in self._get("/api/search", params).json().get("traces") or []
        ]


class Jaeger(_Store):
    """Jaeger's query API, version 3: OTLP JSON (https://www.jaegertracing.io/docs/latest/architecture/apis/)."""

    service = "jaeger"
    port_setting = "jaeger_port"
    ready_path = "/api/v3/services"

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, earliest first; empty when Jaeger doesn't know it (yet)."""
        answer = self._get_or_none(f"/api/v3/traces/{trace_id}")
        return from_otlp_json(answer.json().get("result") or {}) if answer else []


class GatewayMetrics(_Store):
    """The gateway's own metrics, as Prometheus text at `/metrics`."""

    service = "gateway"
    port_setting = "metrics_port"
    ready_path = "/metrics"

    def samples(self) -> list[Sample]:
        """All samples of one scrape."""
        return list(parse_text(self._get("/metrics").text))


class AuditSink(_Store):
    """The audit sink's health; what it stored is in PostgreSQL (audit_store.py)."""

    service = "audit"
    port_setting = "audit_health_port"
    ready_path = "/health"

    def problem(self) -> str:
        """Why it can't commit now; empty when it can. Raises StoreError when nothing answers."""
        try:
            status = self.http.get(self.ready_path).json()["status"]
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise StoreError(f"{self.url}{self.ready_path}", str(error) or type(error).__name__) from error
        return "" if status == "ok" else str(status)


def parse_text(text: str) -> Iterator[Sample]:
    """The samples in Prometheus' text format (exemplars and timestamps are left out)."""
    for line in text.splitlines():
        if found := _LINE.match(line):
            labels = {key.strip('"'): _unescape(value) for key, value in _LABEL.findall(found["labels"] or "")}
            yield Sample({"__name__": found["name"], **labels}, float(found["value"]))


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)
