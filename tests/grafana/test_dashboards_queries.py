"""Every query of every panel, asked of real stores with data: it must be understood, and give what it should."""

import re

import dashboard_series
import psycopg
import pytest
from dashboard_stores import Filled
from otelgate_grafana import ask, main, promql, render, uids
from otelgate_grafana.layout import Dashboard

DASHBOARDS = pytest.mark.parametrize("dashboard", main.DASHBOARDS, ids=lambda dashboard: dashboard.name)
_CONTENT = {"Questions and answers", "Texts"}


@DASHBOARDS
def test_every_query_is_understood_and_gives_data(filled: Filled, dashboard: Dashboard) -> None:
    answers = ask.ask(dashboard, filled.stores, filled.window)
    assert answers
    assert [f"{answer.panel}: {answer.error}" for answer in answers if answer.error] == []
    empty = [f"{answer.panel} {answer.query.ref_id}: {answer.query.text}" for answer in answers if not answer.good]
    # Metrics of applications that were not running when the series were recorded are only parsed here.
    assert [what for what in empty if promql.metrics(what.partition(": ")[2]) <= dashboard_series.names()] == []


@DASHBOARDS
def test_variables_and_annotations_are_understood(filled: Filled, dashboard: Dashboard) -> None:
    assert list(ask.beside_panels(dashboard, filled.stores, filled.window)) == []


@DASHBOARDS
def test_a_choice_is_understood_in_every_language(filled: Filled, dashboard: Dashboard) -> None:
    chosen = {"service": "estate-bot", "agent": "Bob's agent", "environment": "test", "tier": "pro", "user": "u-1"}
    known = ask.defaults(dashboard)
    answers = ask.ask(
        dashboard, filled.stores, filled.window, **{name: value for name, value in chosen.items() if name in known}
    )
    assert [f"{answer.panel}: {answer.error}" for answer in answers if answer.error] == []


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


@DASHBOARDS
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name_in_sql(filled: Filled, dashboard: Dashboard, name: str) -> None:
    database = ask.Stores(database=filled.stores.database)
    chosen = _all_chosen(dashboard, name)
    answers = ask.ask(dashboard, database, filled.window, **chosen)
    assert [f"{answer.panel}: {answer.error}" for answer in answers if answer.error] == []
    assert list(ask.beside_panels(dashboard, database, filled.window, **chosen)) == []


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


@DASHBOARDS
@pytest.mark.parametrize("name", HOSTILE_PATTERNS)
def test_a_hostile_name_is_only_a_name_in_promql_and_logql(filled: Filled, dashboard: Dashboard, name: str) -> None:
    stores = ask.Stores(filled.stores.prometheus, filled.stores.loki)
    chosen = _all_chosen(dashboard, name)
    answers = ask.ask(dashboard, stores, filled.window, **chosen)
    assert [f"{answer.panel}: {answer.error}" for answer in answers if answer.error] == []
    asked = [answer for answer in answers if "service" in render.variables_used(answer.query.text)]
    assert [f"{answer.panel}: {answer.query.text}" for answer in asked if answer.rows and not answer.zero] == []
    assert list(ask.beside_panels(dashboard, stores, filled.window, **chosen)) == []


def test_variables_exclude_names_with_backticks() -> None:
    """Grafana escapes no backtick in LogQL: the regex of each variable in a raw string excludes it."""
    used = set()
    for dashboard in main.DASHBOARDS:
        regexes = {each["name"]: each.get("regex", "") for each in render.as_json(dashboard)["templating"]["list"]}
        queries = [
            query.text for panel in dashboard.panels() for query in panel.queries if query.datasource == uids.LOKI
        ]
        strings = [string for text in queries for string in re.findall("`[^`]*`", text)]
        for name in {name for string in strings for name in render.variables_used(string)}:
            used.add(name)
            offered = re.compile(regexes[name].strip("/"))
            assert not offered.search("x` | json #"), f"{dashboard.name}: {name}"
            assert offered.search("shop-1"), f"{dashboard.name}: {name}"
    assert used == {"service", "environment"}


def _all_chosen(dashboard: Dashboard, name: str) -> dict[str, ask.Value]:
    """Every variable but `window`, which is an interval: PostgreSQL refuses any other text."""
    return dict.fromkeys(ask.defaults(dashboard).keys() - {"window"}, name)


def test_content_is_shown_to_who_was_granted_it_only(filled: Filled) -> None:
    dashboard = next(dashboard for dashboard in main.DASHBOARDS if dashboard.uid == uids.CONVERSATION_AUDIT)
    granted = ask.Stores(database=filled.owner)
    (trace_id,) = _newest(filled)
    day = _day(filled)
    for stores, rows in ((filled.stores, {0}), (granted, range(1, 51))):
        answers = ask.ask(dashboard, stores, day, trace=trace_id)
        found = [answer for answer in answers if answer.panel in _CONTENT]
        assert len(found) == len(_CONTENT)
        assert all(answer.rows in rows for answer in found), found


def test_one_turn_is_shown_by_its_trace_id(filled: Filled) -> None:
    dashboard = next(dashboard for dashboard in main.DASHBOARDS if dashboard.uid == uids.CONVERSATION_AUDIT)
    (trace_id,) = _newest(filled)
    rows = {answer.panel: answer.rows for answer in ask.ask(dashboard, filled.stores, filled.window, trace=trace_id)}
    assert rows["The turn"] == 1
    assert rows["Spans"] >= 2


@pytest.mark.shows("K44")
def test_filters_of_the_audit_filter(filled: Filled) -> None:
    dashboard = next(dashboard for dashboard in main.DASHBOARDS if dashboard.uid == uids.CONVERSATION_AUDIT)
    panel = next(panel for panel in dashboard.panels() if panel.title == "Turns of the range")
    values = ask.defaults(dashboard)
    day = _day(filled)

    def rows(**chosen: ask.Value) -> int:
        result = ask.run(panel.queries[0], values | chosen, filled.stores, day)
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
    dashboard = next(dashboard for dashboard in main.DASHBOARDS if dashboard.uid == uids.AGENT_PERFORMANCE)
    rows = {answer.panel: answer.rows for answer in ask.ask(dashboard, filled.stores, filled.window)}
    assert rows["Versions"] == 1


def _day(filled: Filled) -> ask.Window:
    """At night there may be no user for an hour."""
    return ask.Window(filled.window.end - 86400, filled.window.end)


def _newest(filled: Filled) -> tuple[str]:
    with psycopg.connect(filled.owner) as connection:
        row = connection.execute(
            "SELECT trace_id FROM audit.turns WHERE tool_calls > 0 ORDER BY started_at DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    return (row[0],)
