"""Markup in names, labels, lines, events and errors is shown as text, and none of it runs."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from otelgate_console.asking.frames import Column, Frame, series
from serving import Served
from tab import START_MS, Open, Tab
from waiting import until

_PATTERNS: Final = (
    '<img src=x onerror="window.ran={n}">',
    "<script>window.ran={n}</script>",
    '"><svg onload=window.ran={n}>',
    "<iframe srcdoc='<script>parent.ran={n}</script>'></iframe>",
    "javascript:window.ran={n}",
    "{{{{constructor.constructor('window.ran={n}')()}}}}",
    "${{window.ran={n}}}",
    "'-(window.ran={n})-'",
    "</script><b style=position:fixed>{n}</b>",
    "[click](javascript:window.ran={n}) **{n}** `{n}`",
)
_ROWS: Final = 15


class Texts:
    """Hostile texts, each another; `made` are all so far."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def one(self) -> str:
        number = len(self.made)
        self.made.append(_PATTERNS[number % len(_PATTERNS)].format(n=number))
        return self.made[-1]

    def many(self, number: int) -> list[str]:
        return [self.one() for _ in range(number)]


def _lines(texts: Texts) -> Iterator[Frame]:
    for number in range(_ROWS):
        moments = [START_MS + number * 1000 + step * 60_000 for step in range(60)]
        yield series(texts.one(), moments, [float(number + 1)] * 60, {texts.one(): texts.one()})


def _table(texts: Texts) -> Frame:
    columns = [Column(name, "text", texts.many(_ROWS)) for name in ("user_id", "service", "tier", "trace_id", "name")]
    return Frame((Column(texts.one(), "text", texts.many(_ROWS)), *columns, Column("turns", "number", [1.0] * _ROWS)))


def _log(texts: Texts) -> Frame:
    labels = [{texts.one(): texts.one(), "detected_level": texts.one(), "trace_id": texts.one()} for _ in range(_ROWS)]
    times = Column("time", "time", [START_MS] * _ROWS)
    return Frame((times, Column("line", "text", texts.many(_ROWS)), Column("labels", "labels", labels)), role="lines")


def _events(texts: Texts) -> Frame:
    times = [START_MS + number * 600_000 for number in range(1, 4)]
    return Frame((Column("time", "time", times), Column("text", "text", texts.many(3))))


def _figures(texts: Texts) -> Frame:
    return Frame((Column("name", "text", texts.many(_ROWS)), Column("value", "number", [1.0] * _ROWS)))


@pytest.fixture
def texts() -> Texts:
    return Texts()


def test_hostile_content_is_shown_as_text_and_nothing_runs(
    open_tab: Open, plain: Served, texts: Texts, record_property: Callable[[str, object], None]
) -> None:
    chosen, offered = texts.one(), texts.many(_ROWS)
    frames = {
        "Turns a minute": list(_lines(texts)),
        "Response time": list(_lines(texts)),
        "Cost per hour": list(_lines(texts)),
        "Tools, top 10": [_figures(texts)],
        "Top users": [_table(texts)],
        "Log lines, live": [_log(texts)],
    }
    tab = open_tab(plain, viewport={"width": 1600, "height": 2400})
    tab.answer_with(frames, variables={"service": offered}, annotations=[_events(texts)])
    tab.page.goto(tab.address("/dashboards/mission-control", {"var-service": chosen, "refresh": ""}))
    tab.settle()
    _open_all(tab)
    tab.panel("Turns a minute").locator("canvas").hover()
    until(lambda: tab.page.locator(".tooltip .row").count())
    record_property("measured", f"0 scripts ran of hostile texts in {_check(tab, texts, 200)} places")


def test_hostile_names_in_figures_and_errors_are_shown_as_text(open_tab: Open, plain: Served, texts: Texts) -> None:
    error = texts.one()
    parts = {"Share of runs by agent": [_figures(texts)], "Users by tier": [_figures(texts)]}
    tab = open_tab(plain, viewport={"width": 1600, "height": 2400})
    tab.answer_with(parts, error=error)
    tab.page.goto(tab.address("/dashboards/user-analytics", {"refresh": ""}))
    tab.settle()
    _open_all(tab)
    _check(tab, texts, 30)


def _open_all(tab: Tab) -> None:
    for box in tab.page.locator(".events details, .logs details").all():
        box.evaluate("box => { box.open = true; }")
    tab.page.locator("summary").filter(has_text="Service").first.click()
    until(lambda: tab.page.locator(".logs dl").count() == tab.page.locator(".logs li").count())


def _check(tab: Tab, texts: Texts, least: int) -> int:
    """Enough of the texts stand in the page letter by letter, none became an element, none ran; how many there are."""
    written = tab.page.locator("body").evaluate("body => body.textContent")
    shown = [text for text in texts.made if text in written]
    assert len(shown) >= least, sorted(set(texts.made) - set(shown))
    assert (
        tab.page.locator("main")
        .locator("img, script, iframe, object, embed, [onload], [onerror], b[style*=fixed]")
        .count()
        == 0
    )
    addresses = tab.page.locator("a").evaluate_all("all => all.map(one => one.protocol)")
    assert set(addresses) <= {"http:", "https:"}
    assert tab.page.evaluate("window.ran") is None
    assert tab.problems == []
    assert tab.foreign == set()
    return len(shown)
