"""Every query of every panel, asked of real stores with data: it must be understood, and give what it should."""

import re

import dashboard_series
import psycopg
import pytest
from dashboard_stores import DASHBOARDS, Filled
from otelgate_console.asking import panels, stores, variables
from otelgate_console.asking.dashboards import Dashboard
from otelgate_console.asking.interpolation import Value, formatted
from otelgate_console.asking.window import Window
from otelgate_grafana import promql, render

_AUDIT = DASHBOARDS["conversation-audit"]
EACH = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
_CONTENT = {"Questions and answers", "Texts"}


@EACH
def test_every_query_is_understood_and_gives_data(filled: Filled, dashboard: Dashboard) -> None:
    answers = panels.ask(dashboard, filled.stores, filled.window)
    assert answers
    assert [f"{answer.panel.title}: {answer.result.error}" for answer in answers if answer.result.error] == []
    empty = [
        f"{answer.panel.title} {answer.query.ref_id}: {answer.query.text}" for answer in answers if not answer.good
    ]
    # Metrics of applications that were not running when the series were recorded are only parsed here.
    assert [what for what in empty if promql.metrics(what.partition(": ")[2]) <= dashboard_series.names()] == []


@EACH
def test_variables_and_annotations_are_understood(filled: Filled, dashboard: Dashboard) -> None:
    assert list(panels.beside(dashboard, filled.stores, filled.window)) == []


@EACH
def test_a_choice_is_understood_in_every_language(filled: Filled, dashboard: Dashboard) -> None:
    chosen = {"service": "estate-bot", "agent": "Bob's agent", "environment": "test", "tier": "pro", "user": "u-1"}
    known = variables.defaults(dashboard)
    answers = panels.ask(
        dashboard, filled.stores, filled.window, **{name: value for name, value in chosen.items() if name in known}
    )
    assert [f"{answer.panel.title}: {answer.result.error}" for answer in answers if answer.result.error] == []


HOSTILE = (
    "x$q$ OR (SELECT 1 / 0) = 1 OR trace_id <> $q$x",
    "x' OR (SELECT 1 / 0) = 1 OR trace_id <> 'x",
    "x', NULL]::text[], NULL), (SELECT 1 / 0)) --",
    "x'; SELECT 1 / 0; --",
    "x*/ || (SELECT 1 / 0) /*",
    "x\\'; SELECT 1 / 0; --",
    "${trace:raw} $service $__timeFrom()",
)
"""Names as applications may send them: what divides by zero was run."""


@EACH
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name_in_sql(filled: Filled, dashboard: Dashboard, name: str) -> None:
    database = stores.Stores(database=filled.stores.database)
    chosen = _all_chosen(dashboard, name)
    answers = panels.ask(dashboard, database, filled.window, **chosen)
    assert [f"{answer.panel.title}: {answer.result.error}" for answer in answers if answer.result.error] == []
    assert list(panels.beside(dashboard, database, filled.window, **chosen)) == []


HOSTILE_PATTERNS = (
    'x"} or vector(1) or up{job=~"x',
    'x\\"} or vector(1) or up{job=~"x',
    'x"} |~ ".*" or {service_name=~".+',
    "x', up) or vector(1) #",
    "x|.+",
    ".*",
    "$service ${environment:raw} $__range",
)
"""Names as applications may send them: any number, line or error shows that more than a name was read."""


@EACH
@pytest.mark.parametrize("name", HOSTILE_PATTERNS)
def test_a_hostile_name_is_only_a_name_in_promql_and_logql(filled: Filled, dashboard: Dashboard, name: str) -> None:
    both = stores.Stores(filled.stores.prometheus, filled.stores.loki)
    chosen = _all_chosen(dashboard, name)
    answers = panels.ask(dashboard, both, filled.window, **chosen)
    assert [f"{answer.panel.title}: {answer.result.error}" for answer in answers if answer.result.error] == []
    asked = [answer for answer in answers if "service" in render.variables_used(answer.query.text)]
    assert [
        f"{each.panel.title}: {each.query.text}" for each in asked if each.result.rows and not each.result.zero
    ] == []
    assert list(panels.beside(dashboard, both, filled.window, **chosen)) == []


def test_a_backtick_stays_in_a_name_in_logql() -> None:
    """It would end a raw string, so variables in raw strings offer no name with one, and a typed one is escaped."""
    used = set()
    for dashboard in DASHBOARDS.values():
        offered = {each.name: re.compile(each.offered) for each in dashboard.variables}
        texts = [query.text for panel in dashboard.panels for query in panel.queries if query.source == stores.LOKI]
        strings = [string for text in texts for string in re.findall("`[^`]*`", text)]
        for name in {name for string in strings for name in render.variables_used(string)}:
            used.add(name)
            assert not offered[name].search("x` | json #"), f"{dashboard.name}: {name}"
            assert offered[name].search("shop-1"), f"{dashboard.name}: {name}"
    assert used == {"service", "environment"}
    assert formatted("x` | json #", "regex") == r"x\x60 \| json #"


def _all_chosen(dashboard: Dashboard, name: str) -> dict[str, Value]:
    """Every variable but `window`, which is an interval: PostgreSQL refuses any other text."""
    return dict.fromkeys(variables.defaults(dashboard).keys() - {"window"}, name)


def test_content_is_shown_to_who_was_granted_it_only(filled: Filled) -> None:
    granted = stores.Stores(database=filled.owner)
    (trace_id,) = _newest(filled)
    day = _day(filled)
    for reader, rows in ((filled.stores, {0}), (granted, range(1, 51))):
        answers = panels.ask(_AUDIT, reader, day, trace=trace_id)
        found = [answer for answer in answers if answer.panel.title in _CONTENT]
        assert len(found) == len(_CONTENT)
        assert all(answer.result.rows in rows for answer in found), found
        assert {bool(answer.result.refused) for answer in found} == {reader is filled.stores}


def test_one_turn_is_shown_by_its_trace_id(filled: Filled) -> None:
    (trace_id,) = _newest(filled)
    answers = panels.ask(_AUDIT, filled.stores, filled.window, trace=trace_id)
    rows = {answer.panel.title: answer.result.rows for answer in answers}
    assert rows["The turn"] == 1
    assert rows["Spans"] >= 2


@pytest.mark.shows("K44")
def test_filters_of_the_audit_filter(filled: Filled) -> None:
    panel = next(panel for panel in _AUDIT.panels if panel.title == "Turns of the range")
    values = variables.defaults(_AUDIT)
    day = _day(filled)

    def rows(**chosen: Value) -> int:
        result = stores.run(panel.queries[0], values | chosen, filled.stores, day)
        assert not result.error
        return result.rows

    assert rows() == 50
    assert rows(service="unknown") == rows(user="unknown") == rows(session="unknown") == 0
    assert 0 < rows(status="error") < 50
    assert rows(feedback=("positive", "negative", "none")) == 50
    assert rows(feedback="positive") > 0
    assert rows(status="cancelled") == 0
    change = "UPDATE audit.turns SET cancelled = %s WHERE trace_id = %s AND status = 'ok'"
    with psycopg.connect(filled.owner, autocommit=True) as connection:
        (trace_id,) = connection.execute(
            "SELECT trace_id FROM audit.turns WHERE status = 'ok' ORDER BY started_at DESC LIMIT 1"
        ).fetchall()[0]
        connection.execute(change, [True, trace_id])
        try:
            assert rows(status="cancelled") == 1
        finally:
            connection.execute(change, [False, trace_id])


@pytest.mark.shows("F21", "K47")
def test_a_deployment_is_drawn_and_compared(filled: Filled) -> None:
    answers = panels.ask(DASHBOARDS["agent-performance"], filled.stores, filled.window)
    rows = {answer.panel.title: answer.result.rows for answer in answers}
    assert rows["Versions"] == 1


def _day(filled: Filled) -> Window:
    """At night there may be no user for an hour."""
    return Window(filled.window.end - 86400, filled.window.end)


def _newest(filled: Filled) -> tuple[str]:
    with psycopg.connect(filled.owner) as connection:
        row = connection.execute(
            "SELECT trace_id FROM audit.turns WHERE tool_calls > 0 ORDER BY started_at DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    return (row[0],)
