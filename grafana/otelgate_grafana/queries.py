"""The queries of a panel, one function for each language.

prom("sum(rate(x[$__rate_interval]))", "{{gen_ai_agent_name}}")
sql("SELECT …")                      a table
sql("SELECT time, …", series=True)   a time series: a column `time`, numbers, at most one text column for the name
logql("{service_name=~`${service:regex}`}")
traceql('{resource.service.name=~"$service"}')
"""

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.cog.variants import Dataquery

from . import datasources, uids
from .variables import chosen

TRACE = "split_part(trace_id, '@', 1) AS trace_id"
"""The id by which all stores know the trace, without the application that follows it in the audit."""


@dataclass(frozen=True)
class Query(Dataquery):
    """One query: to which data source, and what the panel's JSON says of it (`refId` is added by the panel)."""

    datasource: str
    fields: tuple[tuple[str, Any], ...]
    ref_id: str = "A"

    @property
    def text(self) -> str:
        """The query in its own language."""
        fields = dict(self.fields)
        return str(fields.get("expr") or fields.get("rawSql") or fields.get("query", ""))

    def to_json(self) -> dict[str, Any]:
        """As Grafana stores it."""
        return {"refId": self.ref_id, "datasource": datasources.as_json(self.datasource), **dict(self.fields)}


def prom(
    expr: str, legend: str = "", *, instant: bool = False, table: bool = False, heatmap: bool = False, step: str = ""
) -> Query:
    """PromQL. `instant`: the value at the end of the range only, for numbers, bars and tables.

    Ranges fetch exemplars too: the dots of a graph, each of which opens its trace. `step`: the smallest step, where a
    query is heavy.
    """
    fields: dict[str, Any] = {"expr": _tidy(expr), "editorMode": "code", "legendFormat": legend or "__auto"}
    fields |= {"instant": True, "range": False} if instant or table else {"range": True, "instant": False}
    if not (instant or table or heatmap) and "_bucket" in expr:
        fields["exemplar"] = True
    if table or heatmap:
        fields["format"] = "table" if table else "heatmap"
    if step:
        fields["interval"] = step
    return Query(uids.PROMETHEUS, tuple(fields.items()))


def sql(text: str, *, series: bool = False) -> Query:
    """SQL on the audit database; `$__timeFrom()` and `$__timeTo()` are the dashboard's range."""
    fields = {
        "rawSql": _tidy(text),
        "rawQuery": True,
        "editorMode": "code",
        "format": "time_series" if series else "table",
    }
    return Query(uids.POSTGRES, tuple(fields.items()))


def analytics(function: str, *variables: str, arguments: str = "", ranged: bool = True) -> str:
    """A call of one of schema analytics' functions (or `content.…`), for `FROM`.

    With the dashboard's range, service and environment, and the other variables that the function has parameters for;
    `arguments`: more of them, as `top => 10`.
    """
    parts = [arguments] if arguments else []
    if ranged:
        parts += ["from_time => $__timeFrom()::timestamptz", "to_time => $__timeTo()::timestamptz"]
    parts += [f"{name}s => {chosen(name)}" for name in ("service", "environment", *variables)]
    schema = "" if "." in function else "analytics."
    return f"{schema}{function}({', '.join(parts)})"


def logql(expr: str, legend: str = "", *, instant: bool = False, lines: int = 200) -> Query:
    """LogQL: log lines (at most `lines`), or numbers over them."""
    kind = "instant" if instant else "range"
    fields: dict[str, Any] = {"expr": _tidy(expr), "editorMode": "code", "queryType": kind, "maxLines": lines}
    if legend:
        fields["legendFormat"] = legend
    return Query(uids.LOKI, tuple(fields.items()))


def traceql(query: str, *, limit: int = 20) -> Query:
    """TraceQL: a table of traces."""
    fields = {"query": _tidy(query), "queryType": "traceql", "tableType": "traces", "limit": limit}
    return Query(uids.TEMPO, tuple(fields.items()))


def service_graph() -> Query:
    """Tempo's service graph (from the metrics that it keeps in Prometheus), for a node graph."""
    fields = {"query": "", "queryType": "serviceMap", "serviceMapQuery": ""}
    return Query(uids.TEMPO, tuple(fields.items()))


def _tidy(text: str) -> str:
    """Without the indentation that the Python code gives it."""
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    indent = min(
        (len(line) - len(line.lstrip()) for line in lines[0 if lines[0][:1].isspace() else 1 :] if line), default=0
    )
    return "\n".join(line[indent:] if line[:indent].isspace() else line for line in lines).strip()
