"""Every dashboard in Chromium, with stores that have data: what is drawn is what the queries gave."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from dashboard_stores import DASHBOARDS, Filled
from otelgate_console.asking.dashboards import Dashboard, Panel
from serving import Modules, Served
from tab import Open, Tab

_NARROW_PX: Final = 390
_FIGURES: Final = {"stat", "gauge", "bargauge", "piechart"}
_DRAWN: Final = {
    "timeseries": ".chart canvas",
    "heatmap": ".chart canvas",
    "stat": ".stat strong",
    "gauge": ".gauge .dial",
    "bargauge": ".bars li",
    "piechart": ".ring circle",
    "table": ".grid tbody tr",
    "logs": ".logs li",
    "text": ".text p",
}
"""The elements of a panel of each kind that shows something."""


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_every_panel_shows_what_its_queries_gave(
    open_tab: Open,
    with_data: Served,
    filled: Filled,
    modules: Modules,
    record_property: Callable[[str, object], None],
    dashboard: Dashboard,
) -> None:
    tab = open_tab(with_data)
    start, end = round(filled.window.start * 1000), round(filled.window.end * 1000)
    tab.open(f"/dashboards/{dashboard.name}?from={start}&to={end}&refresh=")
    tab.show_all()
    _check(tab, dashboard)
    assert tab.violations(modules.axe) == []
    tab.page.set_viewport_size({"width": _NARROW_PX, "height": 900})
    tab.show_all()
    _check(tab, dashboard)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == _NARROW_PX
    assert tab.violations(modules.axe) == []
    drawn = tab.page.locator(".panel[data-state=drawn]").count()
    record_property("measured", f"{drawn} of {len(dashboard.panels)} panels drawn, the others have no data to draw")


def _check(tab: Tab, dashboard: Dashboard) -> None:
    assert tab.problems == []
    assert tab.foreign == set()
    states = dict(tab.page.locator(".panel").evaluate_all("all => all.map(one => [one.id, one.dataset.state])"))
    assert len(states) == len(dashboard.panels)
    wrong = {panel.title: states[f"panel-{panel.id}"] for panel in dashboard.panels if not _right(tab, panel, states)}
    assert wrong == {}


def _right(tab: Tab, panel: Panel, states: Mapping[str, str]) -> bool:
    """Whether a panel shows something exactly if its answer has something; a refused one says so."""
    state = states[f"panel-{panel.id}"]
    if not panel.queries:
        return state == "drawn"
    results = tab.answers[panel.id].json()["results"]
    if any(result["refused"] for result in results):
        return state == "refused"
    given = any(_filled(frame, panel.kind) for result in results for frame in result["frames"])
    shown = tab.page.locator(f"#panel-{panel.id} {_DRAWN[panel.kind]}").count()
    if not given:
        return state == "empty" and not shown
    series = [frame for result in results for frame in result["frames"] if frame["role"] == "series"]
    legend = tab.page.locator(f"#panel-{panel.id} .legend tbody tr").count()
    return state == "drawn" and shown > 0 and (panel.kind != "timeseries" or legend == len(series))


def _filled(frame: Mapping[str, Any], kind: str) -> bool:
    """Whether a frame has a value: a number, where only numbers are shown."""
    if frame["role"] == "exemplars":
        return False
    only_numbers = kind in _FIGURES or frame["role"] in ("series", "bucket")
    columns = [column for column in frame["columns"] if column["kind"] == "number" or not only_numbers]
    return any(value is not None for column in columns for value in column["values"])
