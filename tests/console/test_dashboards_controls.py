"""A reader uses a dashboard: choices, ranges, tables, files, links, by mouse and by keyboard."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import playwright.sync_api as playwright
import pytest
from otelgate_console.asking.frames import Column, Frame, series
from playwright.sync_api import expect
from serving import Modules, Served
from tab import START_MS, Open, Tab
from waiting import until

_MINUTE_MS: Final = 60_000
_TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
_TIMES: Final = [START_MS + number * _MINUTE_MS for number in range(60)]
_TURNS: Final = [
    series("success", _TIMES, [10.0] * 60, {"status": "ok"}),
    series("failure", _TIMES, [2.0] * 59 + [4.0], {"status": "error"}),
]
_USERS: Final = Frame(
    (
        Column("user_id", "text", ["u-9", "u-10", "u-11"]),
        Column("turns", "number", [7.0, 30.0, None]),
        Column("cost_usd", "number", [1.5, 0.25, 0.0]),
    )
)
_LINES: Final = Frame(
    (
        Column("time", "time", [START_MS, START_MS - 1]),
        Column("line", "text", ["the model did not answer", "answered"]),
        Column("labels", "labels", [{"detected_level": "error", "trace_id": _TRACE}, {"detected_level": "info"}]),
    ),
    role="lines",
)
_EVENT: Final = Frame((Column("time", "time", [START_MS + 600_000]), Column("text", "text", ["deployment bot 1.4.2"])))
_FRAMES: Final = {
    "Turns a minute": _TURNS,
    "Response time": [
        series("P95", _TIMES, [1.0] * 60, {}),
        Frame(
            (
                Column("time", "time", [START_MS + 1_800_000]),
                Column("value", "number", [0.5]),
                Column("trace_id", "text", [_TRACE]),
                Column("labels", "labels", [{}]),
            ),
            "exemplars",
            "exemplars",
        ),
    ],
    "Top users": [_USERS],
    "Log lines, live": [_LINES],
}
_OFFERED: Final = {"service": ["alpha", "beta", "gamma"], "environment": ["test"], "agent": [], "tier": ["pro"]}


@pytest.fixture
def tab(open_tab: Open, plain: Served) -> Tab:
    """Mission control with made-up answers, all of it in sight."""
    tab = open_tab(plain, viewport={"width": 1600, "height": 2400})
    tab.answer_with(_FRAMES, variables=_OFFERED, annotations=[_EVENT])
    tab.open("/dashboards/mission-control")
    return tab


def _parameters(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


def _settled(tab: Tab, **parameters: list[str]) -> dict[str, list[str]]:
    """The parameters of the address once they hold these."""
    return until(lambda: _parameters(tab.href), lambda found: parameters.items() <= found.items())


def test_choices_by_keyboard_go_into_the_address_and_every_request(tab: Tab) -> None:
    tab.asked.clear()
    summary = tab.page.locator("summary").filter(has_text="Service")
    summary.focus()
    summary.press("Enter")
    search = tab.page.get_by_role("searchbox", name="Search Service")
    expect(search).to_be_focused()
    search.press_sequentially("ET")
    expect(tab.page.locator(".several[open] li")).to_have_text(["beta", "ET"])
    search.press("ArrowDown")
    tab.page.keyboard.press("Space")
    search.fill("a")
    search.press("ArrowDown")
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("Enter")
    chosen = {"var-service": ["beta", "alpha"]}
    assert _settled(tab, **chosen).items() >= chosen.items()
    tab.settle()
    until(lambda: tab.asked_for("/variables/"))
    asked = [each for kind in ("/frames/", "/variables/", "/annotations/") for each in tab.asked_for(kind)]
    assert len(asked) >= 15
    assert [each for each in asked if not chosen.items() <= _parameters(each).items()] == []
    expect(tab.page.locator("summary").filter(has_text="Service")).to_have_text("Service beta, alpha")
    other = tab.page.get_by_role("navigation", name="Dashboards").get_by_role("link", name="Gateway")
    assert chosen.items() <= _parameters(other.get_attribute("href") or "").items()
    tab.page.go_back()
    until(lambda: "var-service" not in tab.href)
    expect(tab.page.locator("summary").filter(has_text="Service")).to_have_text("Service All")
    assert tab.problems == []


def test_text_and_single_choices_go_into_the_address(open_tab: Open, plain: Served) -> None:
    tab = open_tab(plain)
    tab.answer_with({}, variables={"status": ["all", "ok", "error"], "session": [], "trace": []})
    tab.open("/dashboards/conversation-audit?from=now-7d&to=now")
    tab.page.get_by_label("Status", exact=True).select_option("error")
    assert _settled(tab, **{"var-status": ["error"]})["from"] == ["now-7d"]
    trace = tab.page.get_by_label("Trace", exact=True)
    trace.fill(f" {_TRACE} ")
    trace.press("Enter")
    assert _settled(tab, **{"var-trace": [_TRACE]})["var-status"] == ["error"]
    assert tab.problems == []


def test_ranges_are_chosen_moved_and_dragged(tab: Tab) -> None:
    page = tab.page
    page.locator("summary[aria-label^=Range]").click()
    page.get_by_role("button", name="Last 24 hours").click()
    assert _settled(tab, **{"from": ["now-24h"]})["to"] == ["now"]
    page.locator("summary[aria-label^=Range]").click()
    page.get_by_label("From").fill("2026-01-02T10:00:00")
    page.get_by_label("To", exact=True).fill("2026-01-02T09:00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_have_text("The end must be after the start.")
    page.get_by_label("To", exact=True).fill("2026-01-02T12:00:00")
    page.get_by_role("button", name="Apply").click()
    until(lambda: "now" not in tab.href)
    start, end = (int(_parameters(tab.href)[name][0]) for name in ("from", "to"))
    assert end - start == 2 * 3_600_000
    page.get_by_role("button", name="Shift back").click()
    _settled(tab, **{"from": [str(start - 3_600_000)]})
    page.get_by_role("button", name="Zoom out").click()
    _settled(tab, **{"from": [str(start - 2 * 3_600_000)]})
    tab.settle()
    _drag(tab, "Turns a minute", 0.25, 0.75)
    until(lambda: int(_parameters(tab.href)["from"][0]) > START_MS)
    start, end = (int(_parameters(tab.href)[name][0]) for name in ("from", "to"))
    assert START_MS < start < START_MS + 20 * _MINUTE_MS
    assert START_MS + 40 * _MINUTE_MS < end < START_MS + 60 * _MINUTE_MS
    assert tab.problems == []


def _drag(tab: Tab, title: str, start: float, end: float) -> None:
    box = tab.panel(title).locator("canvas").bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + start * box["width"], box["y"] + box["height"] / 2)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + end * box["width"], box["y"] + box["height"] / 2, steps=5)
    tab.page.mouse.up()


def _choose(tab: Tab, title: str, entry: str) -> None:
    panel = tab.panel(title)
    panel.get_by_label(f"Menu of {title}").click()
    panel.get_by_role("button", name=entry).click()


def test_a_chart_is_shown_as_a_table_and_saved_as_a_file(tab: Tab, tmp_path: Path) -> None:
    panel = tab.panel("Turns a minute")
    _choose(tab, "Turns a minute", "Show as a table")
    expect(panel.locator(".grid thead th")).to_have_text(["Time", "success", "failure"])
    expect(panel.locator(".grid tbody tr")).to_have_count(60)
    expect(panel.locator(".grid tbody tr").first.locator("td").nth(2)).to_have_text("4 c/m")
    with tab.page.expect_download() as saved:
        _choose(tab, "Turns a minute", "Download as CSV")
    file = tmp_path / "saved.csv"
    saved.value.save_as(file)
    lines = file.read_text().splitlines()
    assert saved.value.suggested_filename == "Turns a minute.csv"
    assert lines[:2] == ['"time","success","failure"', "2026-09-21T15:12:20.000Z,10,4"]
    assert len(lines) == 61
    _choose(tab, "Turns a minute", "Show as before")
    expect(panel.locator("canvas")).to_have_count(1)
    assert tab.problems == []


def test_tables_are_sorted_and_their_cells_lead_to_other_pages(tab: Tab) -> None:
    panel = tab.panel("Top users")
    names = panel.locator("tbody tr td:first-child")
    expect(names).to_have_text(["u-9", "u-10", "u-11"])
    heading = panel.get_by_role("button", name="User", exact=True)
    heading.focus()
    heading.press("Enter")
    heading.press("Enter")
    expect(names).to_have_text(["u-11", "u-10", "u-9"])
    expect(panel.locator("th").first).to_have_attribute("aria-sort", "descending")
    expect(heading).to_be_focused()
    panel.get_by_role("button", name="Turns", exact=True).click()
    expect(names).to_have_text(["u-9", "u-10", "u-11"])
    link = names.first.get_by_role("link").get_attribute("href") or ""
    assert link.startswith("/dashboards/conversation-audit?")
    assert _parameters(link) == {"var-user": ["u-9"], "from": ["now-6h"], "to": ["now"]}


def test_a_series_is_shown_alone_from_the_legend(tab: Tab) -> None:
    panel = tab.panel("Turns a minute")
    expect(panel.locator(".legend thead th")).to_have_text(["Series", "Mean", "Max", "Last"])
    expect(panel.locator(".legend tbody tr").nth(1).locator("td")).to_have_text(["2.03 c/m", "4 c/m", "4 c/m"])
    panel.get_by_role("button", name="failure").click()
    expect(panel.locator(".legend tr.off")).to_have_text(re.compile("success"))
    expect(panel.get_by_role("button", name="success")).to_have_attribute("aria-pressed", "false")
    panel.get_by_role("button", name="failure").click()
    expect(panel.locator(".legend tr.off")).to_have_count(0)


def test_points_events_and_lines_lead_to_the_turn(tab: Tab) -> None:
    expect(tab.page.locator(".events summary")).to_have_text("1 event in this range")
    tab.page.locator(".events summary").click()
    expect(tab.page.locator(".events li")).to_have_text(re.compile("deployment bot 1.4.2"))
    line = tab.panel("Log lines, live").locator(".logs li").first
    expect(line.locator(".level")).to_have_text("error")
    line.locator("summary").click()
    expect(line.locator("dt")).to_have_text(["detected_level", "trace_id"])
    expect(line.get_by_role("link")).to_have_attribute("href", f"/turns/{_TRACE}")
    tab.page.route("**/turns/*", lambda route: route.fulfill(body="the turn", content_type="text/plain"))
    place = _place_of_the_point(tab, "Response time")
    tab.page.mouse.move(*place)
    expect(tab.page.locator(".tooltip").filter(has_text="Example: click to open")).to_be_visible()
    tab.page.mouse.click(*place)
    tab.page.wait_for_url(f"**/turns/{_TRACE}")


def _place_of_the_point(tab: Tab, title: str) -> tuple[float, float]:
    """The middle of the pixels in the colour of exemplars."""
    canvas = tab.panel(title).locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    found = canvas.evaluate(
        """(canvas) => {
          const {data, width} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const places = [];
          for (let at = 0; at < data.length; at += 4) {
            const [red, green, blue] = data.slice(at, at + 3);
            const wanted = red < 40 && green > 60 && green < 130 && blue > 170;
            if (wanted) places.push([(at / 4) % width, Math.floor(at / 4 / width)]);
          }
          return places[Math.floor(places.length / 2)];
        }"""
    )
    return box["x"] + found[0], box["y"] + found[1]


def test_empty_refused_and_failed_panels_say_so(open_tab: Open, plain: Served) -> None:
    for result, state, words in (
        ({}, "empty", "none"),
        ({"refused": "permission denied for schema content"}, "refused", "You may not read this"),
        ({"error": "the store did not answer"}, "error", "Query A: the store did not answer"),
    ):
        tab = open_tab(plain)
        tab.answer_with({}, **result)
        tab.open("/dashboards/mission-control")
        panel = tab.panel("Commands")
        expect(panel).to_have_attribute("data-state", state)
        expect(panel.locator(".body")).to_contain_text(words)


def test_a_failing_server_is_named_in_the_panel(open_tab: Open, plain: Served) -> None:
    tab = open_tab(plain)
    tab.answer_with({})
    tab.page.route("**/frames/**", lambda route: route.fulfill(status=400, json={"error": "var-x: expected one of y"}))
    tab.open("/dashboards/mission-control")
    expect(tab.panel("Commands").locator(".body")).to_contain_text("var-x: expected one of y")


def test_panels_are_asked_when_seen_at_most_six_at_a_time(open_tab: Open, plain: Served) -> None:
    tab = open_tab(plain, viewport={"width": 1600, "height": 2400})
    held: list[playwright.Route] = []
    tab.answer_with(_FRAMES)
    tab.page.route("**/frames/**", lambda route: held.append(route))
    tab.page.route("**/variables/**", lambda route: route.fulfill(json={}))
    tab.page.goto(f"{plain.url}/dashboards/service-health?refresh=")
    asked = tab.page.locator(".panel[aria-busy]")
    until(lambda: asked.count(), lambda number: number > 12)

    def number_held() -> int:
        tab.handle_events()
        return len(held)

    until(number_held, lambda number: number >= 6)
    tab.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))")
    assert number_held() == 6
    assert asked.count() < len(plain.console.dashboards["service-health"].panels)
    first = held.pop(0)
    first.fulfill(json={"from": 0, "to": 1, "normallyEmpty": "", "results": []})
    assert until(number_held, lambda number: number == 6) == 6
    tab.page.get_by_role("button", name="Shift back").click()
    until(number_held, lambda number: number > 6)
    assert any(each.request.failure for each in held[:6])


def test_panels_are_asked_again_as_often_as_chosen(open_tab: Open, plain: Served) -> None:
    tab = open_tab(plain, viewport={"width": 1600, "height": 2400})
    tab.answer_with(_FRAMES)
    tab.page.clock.install()
    tab.open("/dashboards/mission-control")
    tab.asked.clear()
    tab.page.clock.fast_forward(11_000)
    assert len(until(lambda: tab.asked_for("/frames/"), lambda found: len(found) >= 13)) == 13
    tab.settle()
    tab.page.get_by_label("Refresh every").select_option("off")
    until(lambda: "refresh=" in tab.href)
    tab.settle()
    tab.asked.clear()
    tab.page.clock.fast_forward(600_000)
    assert tab.asked_for("/") == []


def test_rows_close_and_open(tab: Tab) -> None:
    toggle = tab.page.get_by_role("button", name="Over time")
    toggle.press("Enter")
    expect(tab.panel("Turns a minute")).to_be_hidden()
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.press("Enter")
    expect(tab.panel("Turns a minute")).to_be_visible()


def test_the_theme_follows_the_system_until_one_is_chosen(open_tab: Open, plain: Served) -> None:
    tab = open_tab(plain, color_scheme="dark")
    tab.answer_with({})
    tab.open("/dashboards/mission-control")
    root = tab.page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    tab.page.get_by_role("button", name="Use light colours").click()
    expect(root).to_have_attribute("data-theme", "light")
    tab.open("/dashboards/gateway")
    expect(root).to_have_attribute("data-theme", "light")


def test_a_panel_explains_itself_by_keyboard(tab: Tab) -> None:
    panel = tab.panel("Turns a minute")
    button = panel.get_by_label("About Turns a minute")
    button.focus()
    button.press("Enter")
    expect(panel.locator(".popup[open] .box")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(panel.locator(".popup[open]")).to_have_count(0)
    expect(button).to_be_focused()
    panel.get_by_label("Menu of Turns a minute").click()
    links = panel.locator(".popup[open] a").all()
    assert [re.sub(r"\?.*", "", link.get_attribute("href") or "") for link in links] == [
        "/dashboards/agent-performance"
    ]


def test_the_crosshair_of_one_chart_is_shown_in_the_others(tab: Tab) -> None:
    other = tab.panel("Response time").locator(".crosshair")
    expect(other).to_be_hidden()
    tab.panel("Turns a minute").locator("canvas").hover()
    expect(other).to_be_visible()
    tab.page.get_by_role("heading", level=1).hover()
    expect(other).to_be_hidden()


def test_open_boxes_have_no_violation(tab: Tab, modules: Modules) -> None:
    _choose(tab, "Turns a minute", "Show as a table")
    tab.panel("Log lines, live").locator(".logs summary").first.click()
    tab.panel("Response time").get_by_label("About Response time").click()
    assert tab.violations(modules.axe) == []
    tab.page.locator("summary").filter(has_text="Service").click()
    assert tab.violations(modules.axe) == []
    tab.page.locator("summary[aria-label^=Range]").click()
    assert tab.violations(modules.axe) == []
