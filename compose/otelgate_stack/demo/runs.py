"""One run of the demo's agent: what it left, and the queries by which a person finds it in each store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..clients import READERS, Loki, Prometheus, Span, Tempo, TraceStore
from ..clients.audit_store import AuditStore
from ..service_table import SPECS, STORES, runs
from ..settings import Settings
from .freshness import Arrival, Look, slowest

SERVICE = "bike-shop"
ROOT_SPAN = "invoke_agent bike_shop"
METRIC = "demo_answers_total"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The agent sends questions and answers along: the gateway gives them to the audit store alone."""
ANSWERED = ("answered with", "apologised with")
"""How the agent's last log line of a run begins."""


@dataclass(frozen=True)
class Run:
    """One agent process that did one run: what it said, and when each store had it."""

    instance: str
    seed: int
    question: str
    answer: str
    trace_id: str
    arrivals: Mapping[str, Arrival]

    @property
    def missing(self) -> list[str]:
        """The stores that didn't have all of it by the deadline, with the reason."""
        return [f"{name}: {found.problem}" for name, found in self.arrivals.items() if found.seconds is None]

    @property
    def queryable_s(self) -> float | None:
        """Seconds from the run's end until every store answered with it."""
        return slowest(list(self.arrivals.values()))


@dataclass(frozen=True)
class Stores:
    """The stores of one stack; `traces` by title. Turns go to PostgreSQL, unless that is off."""

    prometheus: Prometheus
    loki: Loki
    traces: Mapping[str, TraceStore]
    audit: AuditStore | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Stores":
        return cls(
            prometheus=Prometheus.of(settings),
            loki=Loki.of(settings),
            traces=trace_stores(settings),
            audit=AuditStore(settings) if settings.audit else None,
        )

    def trace(self, trace_id: str) -> list[Span]:
        """The trace from the first store that has traces."""
        return next(iter(self.traces.values())).trace(trace_id)

    def looks(self, instance: str, trace_id: str) -> dict[str, Callable[[], Look]]:
        """For each store, the query that a person would ask for this run."""
        looks: dict[str, Callable[[], Look]] = {}
        for title, store in self.traces.items():
            looks[f"{title}, by trace id"] = partial(_look_trace, store, trace_id)
            if isinstance(store, Tempo):
                looks[f"{title}, by TraceQL search"] = partial(_look_search, store, instance, trace_id)
        looks["Loki"] = partial(_look_logs, self.loki, trace_id)
        looks["Prometheus"] = partial(_look_metric, self.prometheus, instance)
        if self.audit:
            looks["PostgreSQL"] = partial(_look_row, self.audit, trace_id)
        return looks


def trace_stores(settings: Settings) -> dict[str, TraceStore]:
    """The stores that get traces, by title."""
    used = [name for name in STORES if runs(SPECS[name], settings)]
    readers = {STORES[name].title: READERS[name].of(settings) for name in used}
    return {title: reader for title, reader in readers.items() if isinstance(reader, TraceStore)}


def log_query(trace_id: str) -> str:
    """LogQL for the log lines of one trace."""
    return f'{{service_name="{SERVICE}"}} | trace_id="{trace_id}"'


def trace_query(instance: str) -> str:
    """TraceQL for the runs of one agent process, found by their root span."""
    return f'{{ resource.service.instance.id = "{instance}" && name = "{ROOT_SPAN}" }}'


def _look_trace(store: TraceStore, trace_id: str) -> Look:
    spans = store.trace(trace_id)
    known = {span.span_id for span in spans} | {""}
    whole = any(not span.parent_id for span in spans) and all(span.parent_id in known for span in spans)
    return Look(len(spans), whole)


def _look_search(tempo: Tempo, instance: str, trace_id: str) -> Look:
    found = [trace for trace in tempo.search(trace_query(instance)) if trace.trace_id == trace_id]
    return Look(len(found), bool(found))


def _look_logs(loki: Loki, trace_id: str) -> Look:
    lines = loki.query_range(log_query(trace_id))
    return Look(len(lines), any(line.line.startswith(ANSWERED) for line in lines))


def _look_metric(prometheus: Prometheus, instance: str) -> Look:
    answers = prometheus.value(f'sum({METRIC}{{instance="{instance}"}})') or 0
    return Look(int(answers), answers == 1)


def _look_row(audit: AuditStore, trace_id: str) -> Look:
    """Complete with the run itself, which ends last, and the vote on it."""
    for row in audit.turns([trace_id]):
        items = row["runs"] + row["model_calls"] + row["tool_calls"] + (row["rating"] is not None)
        return Look(items, row["status"] is not None and row["rating"] is not None)
    return Look(0, False)
