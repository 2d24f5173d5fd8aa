"""Ask every query of every dashboard as Grafana would, and tell which fail, which are empty and how long they take.

    python -m otelgate_grafana.ask --window 7d                    every dashboard, against the stack that runs
    python -m otelgate_grafana.ask --dashboard ai-cost --empty    only what returns nothing

Addresses come from the stack's settings. Exit code 1: a query failed, or one was empty that should not be.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

import click
import psycopg
from grafana_foundation_sdk.models.dashboard import VariableModel
from otelgate_stack import settings
from otelgate_stack.clients import Loki, Prometheus, Store, StoreError, Tempo

from . import main, render, uids
from .layout import POINTS, Dashboard
from .queries import Query

_SCRAPE_S: Final = 15
_PARALLEL: Final = 6
"""Requests that a browser sends to one host at a time."""
TIMEOUT_S: Final = 60
"""Seconds that a query may take."""


@dataclass(frozen=True)
class Window:
    """The range of a dashboard, in Unix seconds."""

    start: float
    end: float

    @property
    def interval(self) -> int:
        """Grafana's `$__interval`, in seconds."""
        return max(_SCRAPE_S, round((self.end - self.start) / POINTS))


@dataclass(frozen=True)
class Stores:
    """Whom to ask: clients, and a database connection string for the role that Grafana has. None: do not ask there."""

    prometheus: Prometheus | None = None
    loki: Loki | None = None
    tempo: Tempo | None = None
    database: str | None = None


class Result(NamedTuple):
    """The result of one query. `rows`: series, lines, traces or table rows with a value; 0 is empty.

    `zero`: every number was 0, for example where a query fills in missing values.
    """

    rows: int
    seconds: float
    error: str = ""
    zero: bool = False


@dataclass(frozen=True)
class Answer:
    """The result of a panel's query, as in `Result`."""

    dashboard: str
    panel: str
    query: Query
    rows: int
    seconds: float
    error: str = ""
    zero: bool = False
    normally_empty: str = ""

    @property
    def good(self) -> bool:
        """It did not fail, and is not empty without a reason."""
        return not self.error and (self.rows > 0 or bool(self.normally_empty))


class Everything(str):
    """The value of "All", which Grafana puts into a query unchanged in every format."""


Value = str | tuple[str, ...]
"""The choice of a variable: one value, or several."""


def ask(dashboard: Dashboard, stores: Stores, window: Window, **chosen: Value) -> list[Answer]:
    """Every query of a dashboard, six at a time. `chosen`: values of variables; the others are as when it opens."""
    values = defaults(dashboard) | chosen
    asked = [(panel, query) for panel in dashboard.panels() for query in panel.queries if _where(query, stores)]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        results = pool.map(lambda pair: run(pair[1], values, stores, window), asked)
        return [
            Answer(dashboard.name, panel.title, query, *result, normally_empty=panel.normally_empty)
            for (panel, query), result in zip(asked, results, strict=True)
        ]


def run(query: Query, values: Mapping[str, Value], stores: Stores, window: Window) -> Result:
    """One query, its variables and macros replaced."""
    text = interpolate(query.text, values, window)
    asked = _where(query, stores)
    assert asked is not None
    started = time.monotonic()
    error, rows = "", list[Sequence[object]]()
    try:
        if isinstance(asked, str):
            rows = _sql(asked, text)
        elif query.datasource == uids.PROMETHEUS:
            rows = _prometheus(asked, text, dict(query.fields), window)
        elif query.datasource == uids.LOKI:
            rows = _loki(asked, text, dict(query.fields), window)
        else:
            rows = _tempo(asked, text, window)
    except psycopg.errors.InsufficientPrivilege as refused:
        # Content is read by who was granted it: for others those panels are empty, and say why.
        error = "" if "schema content" in str(refused) else str(refused)
    except (StoreError, psycopg.Error, ValueError) as failure:
        error = f"{failure}\n{text}"
    numbers = [number for row in rows for number in map(_number, row) if number is not None]
    zero = bool(numbers) and not any(numbers)
    return Result(len(rows), time.monotonic() - started, error, zero)


def defaults(dashboard: Dashboard) -> dict[str, Value]:
    """The variables' values when a dashboard is opened."""
    return {variable.name: _value(variable) for variable in _variables(dashboard)}


def everything(dashboard: Dashboard) -> dict[str, Value]:
    """The variables' values when "All" is chosen wherever it can be."""
    return {
        variable.name: Everything(variable.all_value) if variable.include_all else _value(variable)
        for variable in _variables(dashboard)
    }


def interpolate(text: str, values: Mapping[str, Value], window: Window) -> str:
    """The query with macros and variables replaced; a value that reads like one of them stays a value."""
    interval = window.interval
    start, end = (time.strftime("'%Y-%m-%dT%H:%M:%SZ'", time.gmtime(moment)) for moment in (window.start, window.end))
    text = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN {start} AND {end}", text)
    for macro, replacement in (
        ("$__timeFrom()", start),
        ("$__timeTo()", end),
        ("$__rate_interval", f"{max(4 * _SCRAPE_S, interval + _SCRAPE_S)}s"),
        ("$__range_s", f"{window.end - window.start:.0f}"),
        ("$__range", f"{window.end - window.start:.0f}s"),
        ("$__interval", f"{interval}s"),
    ):
        text = text.replace(macro, replacement)

    def written(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return _formatted(values[name], match[2]) if name in values else match[0]

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", written, text)


def beside_panels(dashboard: Dashboard, stores: Stores, window: Window, **chosen: Value) -> Iterator[tuple[str, str]]:
    """Name and error of each variable's query and of each annotation that fails."""
    values = defaults(dashboard) | chosen
    queries = [(f"variable {variable.name}", variable.query) for variable in _variables(dashboard)]
    queries += [
        (f"annotation {annotation['name']}", annotation["target"]["rawSql"])
        for annotation in render.as_json(dashboard)["annotations"]["list"]
    ]
    for name, query in queries:
        try:
            if isinstance(query, dict) and stores.prometheus:
                _label_values(stores.prometheus, interpolate(str(query["query"]), values, window))
            elif isinstance(query, str) and query.lstrip().upper().startswith("SELECT") and stores.database:
                _sql(stores.database, interpolate(query, values, window))
        except (StoreError, psycopg.Error, ValueError) as failure:
            yield name, str(failure)


def _variables(dashboard: Dashboard) -> list[VariableModel]:
    return [variable.build() for variable in dashboard.variables]


def _formatted(value: Value, kind: str | None) -> str:
    """A value as Grafana writes it in a format; without one, as its data source of Prometheus does.

    There quotes are escaped by the feature toggle `prometheusSpecialCharsInLabelValues`, which the stack sets.
    """
    if isinstance(value, Everything):
        return value
    values = (value,) if isinstance(value, str) else value
    if kind == "sqlstring":
        return ",".join("'" + each.replace("'", "''") + "'" for each in values)
    if kind == "regex":
        return _either([re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", each) for each in values])
    quoted = (each.replace("\\", r"\\\\").replace('"', r"\\\"") for each in values)
    return _either([re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", each) for each in quoted])


def _either(patterns: Sequence[str]) -> str:
    return patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"


def _value(variable: VariableModel) -> str:
    value = variable.current.value if variable.current else ""
    first = value[0] if isinstance(value, list) else value
    return Everything(variable.all_value or "") if first == "$__all" else first or ""


def _where(query: Query, stores: Stores) -> Store | str | None:
    return {
        uids.PROMETHEUS: stores.prometheus,
        uids.LOKI: stores.loki,
        uids.TEMPO: stores.tempo,
        uids.POSTGRES: stores.database,
    }.get(query.datasource)


def _prometheus(store: Store, text: str, fields: dict[str, Any], window: Window) -> list[Sequence[object]]:
    """Values of each series that has any."""
    if fields.get("instant"):
        answer = _get(store, "/api/v1/query", query=text, time=window.end)
    else:
        step = max(window.interval, _seconds(fields.get("interval", "")))
        answer = _get(store, "/api/v1/query_range", query=text, start=window.start, end=window.end, step=step)
    result = answer["data"]["result"]
    if answer["data"]["resultType"] in ("scalar", "string"):
        return [[float(result[1])]]
    return _values(result)


def _values(result: list[dict[str, Any]]) -> list[Sequence[object]]:
    points = [series.get("values") or [series["value"]] for series in result]
    rows = [[float(value) for _, value in series if value != "NaN"] for series in points]
    return [row for row in rows if row]


def _label_values(store: Store, text: str) -> None:
    matched = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
    if not matched:
        raise ValueError(f"{text}: expected label_values(series, label)")
    _get(store, f"/api/v1/label/{matched[2]}/values", **{"match[]": matched[1]})


def _loki(store: Store, text: str, fields: dict[str, Any], window: Window) -> list[Sequence[object]]:
    """Lines of each stream, or values of each series."""
    nanoseconds = {"start": round(window.start * 1e9), "end": round(window.end * 1e9)}
    if fields.get("queryType") == "instant":
        answer = _get(store, "/loki/api/v1/query", query=text, time=nanoseconds["end"], limit=fields["maxLines"])
    else:
        options = {"limit": fields["maxLines"], "step": window.interval, **nanoseconds}
        answer = _get(store, "/loki/api/v1/query_range", query=text, **options)
    found = answer["data"]["result"]
    return [stream["values"] for stream in found] if answer["data"]["resultType"] == "streams" else _values(found)


def _tempo(store: Store, text: str, window: Window) -> list[Sequence[object]]:
    if not text:  # the service graph, whose series are in Prometheus
        return [[text]]
    answer = _get(store, "/api/search", q=text, start=round(window.start), end=round(window.end), limit=20)
    return [[trace["traceID"]] for trace in answer.get("traces") or []]


def _sql(database: str, text: str) -> list[Sequence[object]]:
    with psycopg.connect(database, autocommit=True, options="-c default_transaction_read_only=on") as connection:
        rows = connection.execute(text.encode()).fetchall()
    return [row for row in rows if any(value is not None for value in row)]


def _number(value: object) -> float | None:
    """None for values that are not numbers: text, times, lines."""
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _get(store: Store, path: str, **parameters: Any) -> Any:
    return store.get(path, parameters).json()


def _seconds(duration: str) -> int:
    if not duration:
        return 0
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def stores(loaded: settings.Settings) -> Stores:
    """A running stack's, with Grafana's own role in the database."""
    password = loaded.grafana_database_password_file
    # psycopg takes what a URL leaves out from keywords; the role is Grafana's, not the owner's.
    given = {"user": "otelgate_grafana"} | ({"password": password.read_text().strip()} if password else {})
    return Stores(
        Prometheus.of(loaded, TIMEOUT_S),
        Loki.of(loaded, TIMEOUT_S),
        Tempo.of(loaded, TIMEOUT_S),
        psycopg.conninfo.make_conninfo(loaded.database, **given),
    )


@click.command(help="Ask every query of the dashboards of the running stack: errors, empty answers, times.")
@click.option("--window", default="6h", show_default=True, help="how far back: 30m, 6h, 7d")
@click.option("--dashboard", "chosen", multiple=True, help="only this one, by its name; repeatable")
@click.option("--empty", is_flag=True, help="also show what is normally empty, and is")
def run_all(window: str, chosen: tuple[str, ...], empty: bool) -> None:
    now, where, bad = time.time(), stores(settings.load()), 0
    span = Window(now - _seconds(window), now)
    for dashboard in main.DASHBOARDS:
        if chosen and dashboard.name not in chosen:
            continue
        started = time.monotonic()
        answers = ask(dashboard, where, span)
        took = time.monotonic() - started
        slowest = max(answers, key=lambda answer: answer.seconds)
        bad += sum(not answer.good for answer in answers)
        print(
            f"{dashboard.name:20} {len(answers):3} queries {took:6.2f} s  "
            f"slowest {slowest.seconds:.2f} s: {slowest.panel}"
        )
        for answer in answers:
            if not answer.good or (empty and not answer.rows):
                reason = answer.error or (f"empty: {answer.normally_empty}" if answer.normally_empty else "empty")
                print(f"    {answer.panel} {answer.query.ref_id}: {reason}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    run_all(prog_name="python -m otelgate_grafana.ask")
