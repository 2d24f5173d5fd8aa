"""Rules for every dashboard. Each problem names the dashboard, the panel and the expectation."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from . import datasources, identity, render, uids
from .alerts.rules import ALERTS
from .layout import Dashboard, Panel
from .links import runbook

_ROOT: Final = Path(__file__).resolve().parents[2]
_NO_UNIT: Final = {"logs", "text", "nodeGraph"}
_BUILT_IN: Final = {uids.MIXED}
_VARIABLE: Final = re.compile(r"\$(?!__|\d)(?:(\w+)|\{(\w+)[^}]*\})")


@dataclass(frozen=True)
class Problem:
    dashboard: str
    panel: str
    what: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.what}"


def lint(dashboards: Sequence[Dashboard]) -> list[Problem]:
    """All problems of all dashboards."""
    known = {dashboard.uid for dashboard in dashboards}
    problems = []
    for dashboard in dashboards:
        problems += [Problem(dashboard.name, "", what) for what in _whole(dashboard, dashboards)]
        tree = render.as_json(dashboard)
        variables = {variable["name"] for variable in tree["templating"]["list"]}
        problems += [Problem(dashboard.name, "", what) for what in _grid(tree)]
        problems += [Problem(dashboard.name, "links", what) for what in _links(tree, known, variables)]
        problems += [Problem(dashboard.name, where, what) for where, text in _beside(tree) for what in _sql(text)]
        for panel in dashboard.panels():
            problems += [Problem(dashboard.name, panel.title, what) for what in _panel(panel, variables)]
    return problems


def promql(query: str) -> list[str]:
    """Violations of the rules by a PromQL query; its syntax is left to Prometheus."""
    return list(_promql(query))


def selectors(query: str) -> list[tuple[str, set[str]]]:
    """Each `metric{label=…}` of a query: the metric's name and the labels that are asked for."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    return [(name, set(re.findall(r"(\w+)\s*[=!]", inside))) for name, inside in re.findall(r"(\w+)\{([^{}]*)\}", bare)]


def _whole(dashboard: Dashboard, others: Sequence[Dashboard]) -> Iterator[str]:
    if not re.fullmatch(r"otelgate(-[a-z0-9]+)+", dashboard.uid):
        yield f"uid {dashboard.uid!r}: expected otelgate- and words in lower case, such as otelgate-ai-cost"
    if sum(other.uid == dashboard.uid for other in others) > 1:
        yield f"uid {dashboard.uid!r} is used twice"
    if dashboard.folder not in uids.FOLDER_UIDS:
        yield f"folder {dashboard.folder!r}: expected one of {', '.join(uids.FOLDER_UIDS)}"
    if not dashboard.title or not dashboard.description:
        yield "a dashboard needs a title and a description"
    titles = [panel.title for panel in dashboard.panels()]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield f"two panels are called {title!r}"
    ids = [panel.id for panel in dashboard.panels()] + [row.id for row in dashboard.rows]
    if len(ids) != len(set(ids)):
        yield "two panels have the same id: rename one"


def _panel(panel: Panel, variables: set[str]) -> Iterator[str]:
    kind, tree = panel.model.type_val, panel.model
    if not panel.title.strip():
        yield "empty title"
    if len((tree.description or "").strip()) < 20:
        yield "a description that says how to read it is missing"
    unit = tree.field_config.defaults.unit if tree.field_config and tree.field_config.defaults else None
    if kind not in _NO_UNIT and not unit:
        yield "no unit"
    if kind != "text" and not panel.queries:
        yield "no query"
    for alert in panel.alerts:
        if not any(known.name == alert for known in ALERTS):
            yield f"unknown alert {alert!r}"
        elif not (_ROOT / runbook(alert)).exists():
            yield f"alert {alert!r}: {runbook(alert)} is missing"
    for query in panel.queries:
        if query.datasource not in datasources.TYPES:
            yield f"data source {query.datasource!r}: expected one of {', '.join(datasources.TYPES)}"
        for name in sorted(render.variables_used(query.text) - variables):
            yield f"query {query.ref_id}: variable ${name} is not one of the dashboard's"
        if query.datasource == uids.PROMETHEUS:
            yield from (f"query {query.ref_id}: {what}" for what in promql(query.text))
        if query.datasource == uids.LOKI:
            yield from (f"query {query.ref_id}: {what}" for what in _logql(query.text))
        if query.datasource == uids.POSTGRES:
            yield from (f"query {query.ref_id}: {what}" for what in _sql(query.text))


def _beside(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The SQL of annotations and variables."""
    for annotation in tree["annotations"]["list"]:
        if sql := annotation.get("target", {}).get("rawSql"):
            yield f"annotation {annotation['name']}", sql
    for variable in tree["templating"]["list"]:
        if variable.get("datasource", {}).get("uid") == uids.POSTGRES:
            yield f"variable {variable['name']}", variable["query"]


def _logql(query: str) -> Iterator[str]:
    """Grafana escapes a name for a regular expression, and its double quotes not at all."""
    for found in _VARIABLE.finditer(query):
        name = found[1] or found[2]
        if query[found.start() - 3 : found.end() + 1] != f"=~`${{{name}:regex}}`":
            yield f"{found[0]}: expected =~`${{{name}:regex}}`"


def _sql(query: str) -> Iterator[str]:
    """Names come from applications: Grafana must quote them, and the same quotes may hold nothing else."""
    for found in _VARIABLE.finditer(query):
        name = found[1] or found[2]
        if found[0] != f"${{{name}:sqlstring}}":
            yield f"{found[0]}: expected ${{{name}:sqlstring}}"
        elif query.count("'", 0, found.start()) % 2:
            yield f"{found[0]} stands between quotes"


def _promql(query: str) -> Iterator[str]:
    for found in _VARIABLE.finditer(query):
        name = found[1] or found[2]
        if query[found.start() - 3 : found.end() + 1] != f'=~"${name}"':
            yield f'{found[0]}: expected =~"${name}"'
    for label in sorted(_labels(query)):
        if identity.refused(label):
            yield f"label {label!r}: people, sessions and traces are never labels; ask PostgreSQL"
    for arguments in _calls(query, "histogram_quantile"):
        if not re.search(r"^[^,]+,\s*sum by \((?=[^)]*\ble\b)[^)]*\) \((rate|increase)\(", arguments):
            yield "histogram_quantile: expected histogram_quantile(q, sum by (le, …) (rate(…)))"
    if re.search(r"(?<!sum by )\b(rate|increase)\([^()]*\)\s*/\s*\(?\s*(rate|increase)\(", query):
        yield "a ratio of series: expected sum(…) / sum(…)"
    if re.search(r"==\s*0\b", query) and "vector(0)" not in query:
        yield "a test for zero without `or vector(0)` returns nothing where there is no series"


def _labels(query: str) -> set[str]:
    """Names of labels in matchers and in by, without, on, ignoring, group_left, group_right."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    matchers = {
        name for inside in re.findall(r"\{([^{}]*)\}", bare) for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)
    }
    groups = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare)
    return matchers | {name.strip() for group in groups for name in group.split(",") if name.strip()}


def _calls(query: str, function: str) -> Iterator[str]:
    """The arguments of each call of a function, as written."""
    for match in re.finditer(rf"\b{function}\(", query):
        depth, end = 1, match.end()
        while depth and end < len(query):
            depth += {"(": 1, ")": -1}.get(query[end], 0)
            end += 1
        yield query[match.end() : end - 1]


def _grid(tree: dict[str, Any]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in tree["panels"]:
        position = panel["gridPos"]
        cells = [
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        ]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"panel {panel['title']!r} lies over {other!r}"
        taken |= dict.fromkeys(cells, panel["title"])


def _links(tree: dict[str, Any], known: set[str], variables: set[str]) -> Iterator[str]:
    """Every dashboard, data source and variable that a link names must be there."""
    for url in sorted(set(_urls(tree))):
        uid = re.match(r"/d/([^?/]+)", url)
        if uid and uid[1] not in known:
            yield f"{url}: unknown dashboard {uid[1]!r}"
        for source in re.findall(r'"datasource":"([^"]+)"', unquote(url)):
            if source not in datasources.TYPES:
                yield f"{url}: unknown data source {source!r}"
        if not re.match(r"/(d|explore)\b|\$\{__value", url):
            yield f"{url}: expected /d/… or /explore…"
        for name in sorted(render.variables_used(unquote(url)) - variables):
            yield f"{url}: variable ${name} is not one of the dashboard's"


def _urls(tree: Any) -> Iterable[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("url"), str) and tree.get("url"):
            yield tree["url"]
        for value in tree.values():
            yield from _urls(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _urls(value)
