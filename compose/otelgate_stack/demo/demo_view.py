"""The output of `make demo`: one run's trace, logs and metrics, all runs' turns and freshness, next steps."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from otelgate.names import OTELGATE_TIER, SESSION_ID, USER_ID

from .. import access, addresses
from ..clients import LogLine, Sample, Span, StoreError, Tempo
from ..clients.audit_store import Row
from ..report import Report
from ..service_table import STORES
from ..settings import Settings
from ..target import Target
from . import trace_view, turn_view
from .freshness import ASK_EVERY_S, median_and_p95
from .runs import CAPTURE, METRIC, SERVICE, Run, Stores, log_query, trace_query, trace_stores

GATEWAY_METRICS = (
    "otelcol_receiver_accepted_spans_total",
    "otelcol_receiver_accepted_log_records_total",
    "otelcol_receiver_accepted_metric_points_total",
)
# Metrics that the gateway derives from spans and log events, in words.
DERIVED_METRICS = {
    "otelgate_run_count_total": "runs",
    "otelgate_llm_cost_total": "US dollars",
    "otelgate_feedback_count_total": "votes",
}


@dataclass(frozen=True)
class Found:
    """The stores' answers after the last run: one run in full, the metrics and the turns of all."""

    run: Run
    spans: Sequence[Span]
    lines: Sequence[LogLine]
    answers: Sequence[Sample]
    gateway: Sequence[Sample]
    derived: Sequence[Sample]
    turns: Sequence[Row]
    tools: Mapping[str, Sequence[Row]]

    @property
    def leaks(self) -> list[str]:
        """The stores other than the audit store that hold content of that run, its question or its answer."""
        return turn_view.leaks([self.run.question, self.run.answer], self.spans, self.lines)

    @classmethod
    def read(cls, stores: Stores, runs: Sequence[Run], prefix: str) -> "Found":
        """Read the first run with an error in its trace, else the first; what a store can't answer is empty."""
        chosen, spans = runs[0], _read_or_empty(stores.trace, runs[0].trace_id)
        for run in runs:
            trace = _read_or_empty(stores.trace, run.trace_id)
            if any(span.status == "error" for span in trace):
                chosen, spans = run, trace
                break
        names = "|".join(GATEWAY_METRICS)
        own = f'sum by (__name__) ({{__name__=~"{names}", service_name="otelgate-gateway"}})'
        derived = "|".join(DERIVED_METRICS)
        ids = [run.trace_id for run in runs]
        turns = _read_or_empty(stores.audit.turns, ids) if stores.audit else []
        return cls(
            run=chosen,
            spans=spans,
            lines=_read_or_empty(stores.loki.query_range, log_query(chosen.trace_id)),
            answers=_read_or_empty(stores.prometheus.query, f'sum by (outcome) ({METRIC}{{instance=~"{prefix}-.*"}})'),
            gateway=_read_or_empty(stores.prometheus.query, own),
            derived=_read_or_empty(
                stores.prometheus.query, f'sum by (__name__) ({{__name__=~"{derived}", service_name="{SERVICE}"}})'
            ),
            turns=turns,
            tools={
                row["trace_id"]: _read_or_empty(stores.audit.tool_calls, row["trace_id"])
                for row in turns
                if stores.audit
            },
        )


def _read_or_empty(read: Any, query: Any) -> Any:
    """An empty answer instead of an error: which store is away, the runs' arrivals say already."""
    try:
        return read(query)
    except StoreError:
        return []


def opening(where: Target, runs: int, report: Report) -> None:
    """An introduction to the run that follows."""
    report.line()
    report.line(
        f"{runs} runs of a LangGraph agent (examples/demo/agent.py) under opentelemetry-instrument, each in a process"
        " of its own;\nno API key, no network, fixed seeds; the fake model goes by the name of one that has a price"
    )
    for name, value in {"OTEL_SERVICE_NAME": SERVICE, CAPTURE: "true", **where.environment()}.items():
        report.line(f"  {name}={'…' if name.endswith('HEADERS') else value}", "dim")


def progress(run: Run, report: Report) -> None:
    """One line for each run."""
    when = "not all arrived" if run.queryable_s is None else f"in all stores after {run.queryable_s:.2f} s"
    mark = report.style("✘", "red") if run.missing else report.style("✔", "green")
    report.line(f"{mark} {run.question} … {when}")
    report.line(f"  {run.answer}", "dim")


def show(runs: Sequence[Run], found: Found, settings: Settings, report: Report) -> None:
    """Everything, for people."""
    _show_trace(found, settings, report)
    _show_logs(found, report)
    _show_metrics(found, report)
    if settings.audit:
        _show_turns(found, settings, report)
    _show_freshness(runs, report)
    if missing := [(run, text) for run in runs for text in run.missing]:
        _title("not everything arrived", report)
        for run, text in missing:
            report.line(f"  trace {run.trace_id}: {text}", "red")
        report.line("\nnext: " + report.style("make doctor", "bold") + " finds the hop that lost it")
    else:
        _show_next(found, settings, report)


def _title(text: str, report: Report) -> None:
    report.line()
    report.line(text, "bold")


def _show_trace(found: Found, settings: Settings, report: Report) -> None:
    store = next(iter(trace_stores(settings)))
    _title(f"trace {found.run.trace_id} in {store}: {len(found.spans)} spans", report)
    who = next((span.attributes for span in found.spans if SESSION_ID in span.attributes), {})
    if who:
        report.line(f"  session {who[SESSION_ID]}, user {who.get(USER_ID)}, tier {who.get(OTELGATE_TIER)}", "dim")
    for line in trace_view.lines(found.spans, report.style):
        report.line("  " + line)


def _show_logs(found: Found, report: Report) -> None:
    _title(f"logs of this trace in Loki: {len(found.lines)} lines", report)
    rows = []
    for line in found.lines:
        clock = time.strftime("%H:%M:%S", time.localtime(line.time_ns / 1e9)) + f".{line.time_ns // 10**6 % 1000:03d}"
        level, logger = line.metadata.get("severity_text", ""), line.metadata.get("scope_name", "")
        vote = line.metadata.get("otelgate_feedback_rating")
        rows.append((clock, level, logger, f"{line.line} ({vote})" if vote else line.line))
    if rows:
        report.table(rows)


def _show_metrics(found: Found, report: Report) -> None:
    _title("metrics in Prometheus", report)
    rows = [
        (f'{METRIC}{{outcome="{sample.labels.get("outcome")}"}}', f"{sample.value:g}", "by these runs")
        for sample in found.answers
    ]
    rows += [
        (sample.labels["__name__"], f"{sample.value:g}", "by the gateway since its start") for sample in found.gateway
    ]
    rows += [
        (name, f"{sample.value:g}", f"{DERIVED_METRICS[name]} of the bike shop so far, derived by the gateway")
        for sample in found.derived
        if (name := sample.labels["__name__"])
    ]
    if not found.gateway:
        rows += [("otelcol_*", "", "the gateway sends its own every 15 s; the first are on their way")]
    report.table(rows)


def _show_turns(found: Found, settings: Settings, report: Report) -> None:
    _title(f"turns on record in PostgreSQL: {len(found.turns)} rows", report)
    for row in found.turns:
        for line in turn_view.lines(row, found.tools[row["trace_id"]], report.style):
            report.line("  " + line)
    shown = {"traces": settings.content_traces, "logs": settings.content_logs}
    for store in ("traces", "logs"):
        where = "Loki" if store == "logs" else next(iter(trace_stores(settings)))
        if store not in found.leaks:
            report.line(f"  {where} has none of these words", "green")
        elif shown[store] == "none":
            report.line(f"  {where} has words of them, and should not", "red")
        else:
            report.line(f"  {where} has them too: OTELGATE_CONTENT_{store.upper()}={shown[store]}", "yellow")


def _show_freshness(runs: Sequence[Run], report: Report) -> None:
    _title("from the end of a run to queryable", report)
    figures = freshness(runs)
    rows = [
        (name, f"{value['median_s']:.2f} s", f"{value['p95_s']:.2f} s") if value else (name, "never", "never")
        for name, value in figures.items()
    ]
    report.table(rows, ("store", "median", "p95"))
    few = " Of fewer than 20 runs, p95 is the slowest." if len(runs) < 20 else ""
    for line in (
        f"Measured over {len(runs)} short processes, from the end of the agent's run, before the flush at exit, until",
        f"all of it was there; each store was asked every {ASK_EVERY_S * 1e3:.0f} ms.{few}",
        "In a process that goes on, spans and logs leave within 1 s and metrics every 15 s.",
    ):
        report.line("  " + line, "dim")


def freshness(runs: Sequence[Run]) -> dict[str, dict[str, float] | None]:
    """Median and p95 in seconds for each store and for all together; None where a run never arrived."""
    columns: dict[str, list[float | None]] = {
        name: [run.arrivals[name].seconds for run in runs] for name in runs[0].arrivals
    }
    columns["all stores"] = [run.queryable_s for run in runs]
    figures: dict[str, dict[str, float] | None] = {}
    for name, column in columns.items():
        seconds = [value for value in column if value is not None]
        if len(seconds) < len(runs):
            figures[name] = None
        else:
            median, p95 = median_and_p95(seconds)
            figures[name] = {"median_s": round(median, 3), "p95_s": round(p95, 3)}
    return figures


def _show_next(found: Found, settings: Settings, report: Report) -> None:
    _title("where to look next", report)
    trace_id, curl = found.run.trace_id, f"curl -sK {access.curl_config(settings)}"
    where = {name: access.url(settings, name) for name in STORES}
    rows = list(addresses.pages(settings))
    rows += [("metrics", f'make promtool ARGS="query instant {where["prometheus"]} {METRIC}"')]
    for store in trace_stores(settings).values():
        rows += [("the trace", f"{curl} {store.url}{store.trace_path(trace_id)}")]
        if isinstance(store, Tempo):
            rows += [("a search", f"{curl} '{store.url}/api/search?q={quote(trace_query(found.run.instance))}'")]
    loki = f"{where['loki']}/loki/api/v1/query_range"
    rows += [
        ("its logs", f"{curl} '{loki}?query={quote(log_query(trace_id))}'"),
        ("the agent", "examples/demo/agent.py"),
        ("the stack", "make status, make logs, make doctor"),
    ]
    if settings.own_database:
        url, password = settings.database, settings.database_password
        rows.insert(-2, ("all of it", f"PGPASSWORD=$(cat {password}) psql {url}"))
    report.table(rows)
    report.line(access.how_to_log_in(settings), "dim")


def as_json(runs: Sequence[Run], found: Found) -> dict[str, Any]:
    """Everything, for scripts."""
    return {
        "ok": not any(run.missing for run in runs),
        "runs": [{**asdict(run), "queryable_s": run.queryable_s} for run in runs],
        "freshness": freshness(runs),
        "trace": {"trace_id": found.run.trace_id, "spans": [asdict(span) for span in found.spans]},
        "logs": [asdict(line) for line in found.lines],
        "metrics": [asdict(sample) for sample in [*found.answers, *found.gateway, *found.derived]],
        "turns": [turn_view.as_json(row, found.tools[row["trace_id"]]) for row in found.turns],
        "content_elsewhere": found.leaks,
    }
