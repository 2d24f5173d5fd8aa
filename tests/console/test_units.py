"""The functions of the dashboards' scripts, run in Chromium: units, settings of columns, links, ranges, files."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from serving import Served

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(browser: Browser, plain: Served) -> Iterator[Run]:
    """Calls a function of a module with arguments that are JSON."""
    with browser.new_page() as page:
        page.goto(f"{plain.url}/login")

        def called(module: str, code: str, *arguments: Any) -> Any:
            script = f"async (given) => {{ const m = await import('/static/{module}.js'); return ({code})(...given); }}"
            return page.evaluate(script, list(arguments))

        yield called


# As Grafana's getValueFormat writes them.
FORMATTED = (
    (0, "none", None, "0"),
    (12.3456, "none", None, "12.3"),
    (0.000123456, "none", None, "0.000123"),
    (1.5e-9, "none", None, "1.5e-9"),
    (3, "none", 2, "3.00"),
    (999.96, "none", 1, "1000.0"),
    (-2.5, "none", 0, "-2"),
    (1234, "short", None, "1.23 K"),
    (999_999, "short", None, "1000 K"),
    (2_500_000, "short", 1, "2.5 Mil"),
    (7e12, "short", None, "7 Tri"),
    (0.9725, "percentunit", None, "97.3%"),
    (1, "percentunit", None, "100%"),
    (0.5, "percentunit", 2, "50.00%"),
    (12.5, "percent", None, "12.5%"),
    (0.0042, "currencyUSD", None, "$0.00420"),
    (1234.5, "currencyUSD", 2, "$1.23K"),
    (-1500, "currencyUSD", None, "-$1.50K"),
    (2_000_000, "currencyINR", None, "₹2M"),
    (0, "s", 2, "0 s"),
    (2e-7, "s", None, "200 ns"),
    (0.00035, "s", None, "350 µs"),
    (0.25, "s", None, "250 ms"),
    (59.99, "s", None, "60.0 s"),
    (60, "s", None, "1 min"),
    (90, "s", None, "1.50 mins"),
    (7200, "s", None, "2 hours"),
    (129_600, "s", None, "1.50 days"),
    (1_209_600, "s", None, "2 weeks"),
    (63_113_800, "s", None, "2 years"),
    (250, "ms", None, "250 ms"),
    (1500, "ms", None, "1.50 s"),
    (5_400_000, "ms", None, "1.50 hours"),
    (1536, "bytes", None, "1.50 KiB"),
    (0, "bytes", None, "0 B"),
    (1500, "decbytes", None, "1.50 kB"),
    (2_500_000, "Bps", None, "2.50 MB/s"),
    (0.5, "Bps", None, "500 mB/s"),
    (42, "cpm", None, "42 c/m"),
    (1500, "ops", None, "1.50K ops/s"),
    (0.25, "reqps", None, "0.250 req/s"),
    (3, "suffix: /s", None, "3  /s"),
    (1200, "suffix:EGP", None, "1200 EGP"),
    (7, "prefix:n", None, "n7"),
    (7, "apples", None, "7 apples"),
)


def test_numbers_are_written_as_grafana_writes_them(run: Run) -> None:
    given = [list(one[:3]) for one in FORMATTED]
    written = run("units", "(all) => all.map((one) => m.format(...one))", given)
    assert dict(zip(map(str, given), written, strict=True)) == {str(list(one[:3])): one[3] for one in FORMATTED}


def test_ages_are_written_as_grafana_writes_them(run: Run) -> None:
    ages = {
        10: "a few seconds ago",
        60: "a minute ago",
        300: "5 minutes ago",
        3600: "an hour ago",
        7200: "2 hours ago",
        86_400: "a day ago",
        3 * 86_400: "3 days ago",
        31 * 86_400: "a month ago",
        90 * 86_400: "3 months ago",
        400 * 86_400: "a year ago",
        800 * 86_400: "2 years ago",
        -120: "in 2 minutes",
    }
    now = 1_790_000_000_000
    written = run("units", "(ages, now) => ages.map((age) => m.fromNow(now - age * 1000, now))", list(ages), now)
    assert written == list(ages.values())


def test_ticks_have_no_zeros_at_the_end(run: Run) -> None:
    values = [[0.5, "none"], [0.15, "s"], [1500, "short"], [10, "none"], [0.3, "currencyUSD"], [2, "suffix: /s"]]
    written = run("units", "(all) => all.map((one) => m.tick(...one))", values)
    assert written == ["0.5", "150 ms", "1.5 K", "10", "$0.3", "2  /s"]


PANEL = {
    "fieldConfig": {
        "defaults": {"unit": "none", "noValue": "none"},
        "overrides": [
            {
                "matcher": {"id": "byName", "options": "errors"},
                "properties": [
                    {"id": "displayName", "value": "Errors"},
                    {"id": "unit", "value": "percentunit"},
                    {"id": "custom.width", "value": 120},
                    {"id": "custom.cellOptions", "value": {"type": "color-text"}},
                    {
                        "id": "thresholds",
                        "value": {
                            "mode": "absolute",
                            "steps": [
                                {"color": "green", "value": None},
                                {"color": "orange", "value": 0.1},
                                {"color": "red", "value": 0.5},
                            ],
                        },
                    },
                ],
            },
            {
                "matcher": {"id": "byName", "options": "status"},
                "properties": [
                    {
                        "id": "mappings",
                        "value": [{"type": "value", "options": {"ok": {"text": "fine", "color": "green"}}}],
                    }
                ],
            },
        ],
    }
}
SHOWN = "(panel, name, kind, value) => m.display(value, kind, m.configOf(panel, {name, kind}, {name: ''}))"


@pytest.mark.parametrize(
    ("name", "kind", "value", "text", "color"),
    [
        ("errors", "number", 0.05, "5%", "green"),
        ("errors", "number", 0.1, "10%", "orange"),
        ("errors", "number", 0.75, "75%", "red"),
        ("errors", "number", None, "none", None),
        ("status", "text", "ok", "fine", "green"),
        ("status", "text", "constructor", "constructor", None),
        ("trace", "text", "12345678901234567890", "12345678901234567890", None),
        ("flag", "boolean", False, "false", None),
    ],
)
def test_overrides_mappings_and_thresholds_apply(
    run: Run, name: str, kind: str, value: Any, text: str, color: str | None
) -> None:
    shown = run("fields", SHOWN, PANEL, name, kind, value)
    assert (shown["text"], shown.get("color")) == (text, color)


def test_a_column_without_a_title_gets_its_name_in_words(run: Run) -> None:
    assert run("fields", "(name) => m.titleOf({name}, {})", "error_type") == "Error type"


CONTEXT = {
    "state": {"from": "now-6h", "to": "now", "chosen": {}},
    "range": {"from": 1000, "to": 2000},
    "values": {"service": ["a b", "c&d"], "environment": ["$__all"]},
}


@pytest.mark.parametrize(
    ("url", "row", "address"),
    [
        (
            "/d/otelgate-gateway?${__url_time_range}&${service:queryparam}&${tier:queryparam}",
            {},
            "/dashboards/gateway?from=now-6h&to=now&var-service=a%20b&var-service=c%26d",
        ),
        (
            "/d/otelgate-gateway?${__all_variables}",
            {},
            "/dashboards/gateway?var-service=a%20b&var-service=c%26d&var-environment=%24__all",
        ),
        (
            "/d/otelgate-conversation-audit?var-user=${__value.raw:percentencode}&from=${__from}&to=${__to}",
            {"raw": "a&b=<i>"},
            "/dashboards/conversation-audit?var-user=a%26b%3D%3Ci%3E&from=1000&to=2000",
        ),
        (
            "/d/otelgate-conversation-audit?var-user=${__data.fields.user_id}",
            {"raw": 1, "fields": {"user_id": "u 1"}},
            "/dashboards/conversation-audit?var-user=u%201",
        ),
        ("/explore?panes={otelgate-tempo ${__value.raw}}", {"raw": "ab12"}, "/turns/ab12"),
        ("/explore?panes={otelgate-loki ${__value.raw}}", {"raw": "ab/12"}, "/turns/ab%2F12#logs"),
        ("/explore?panes={otelgate-loki}", {}, None),
        ("https://example.org/${service}", {}, "https://example.org/a%20b%2Cc%26d"),
        ("javascript:alert(1)", {}, None),
        ("//example.org", {}, None),
    ],
)
def test_links_of_grafana_lead_to_pages_of_the_console(
    run: Run, url: str, row: dict[str, Any], address: str | None
) -> None:
    assert run("links", "(...given) => m.resolve(...given)", url, CONTEXT, row) == address


def test_the_address_holds_only_what_differs_from_the_dashboard(run: Run) -> None:
    defaults = {"from": "now-6h", "to": "now", "refresh": "10s"}
    read = "(search, known, defaults) => m.address(m.read(search, known, defaults), defaults)"
    for search, address in {
        "": "",
        "?from=now-6h&to=now&refresh=10s": "",
        "?from=now-1h&var-service=a&var-service=b&var-unknown=c": "?from=now-1h&to=now&var-service=a&var-service=b",
        "?refresh=": "?refresh=",
    }.items():
        assert run("state", read, search, ["service"], defaults) == address


def test_a_range_moves_by_half_and_widens_around_its_middle(run: Run) -> None:
    now = 10_000_000
    moved = "(part, longer, now) => m.moved({from: '1000000', to: '3000000'}, part, longer, now)"
    assert run("range", moved, -0.5, 1, now) == {"from": "0", "to": "2000000"}
    assert run("range", moved, 0.5, 1, now) == {"from": "2000000", "to": "4000000"}
    assert run("range", moved, 0, 2, now) == {"from": "0", "to": "4000000"}
    described = "(from, to) => m.described({from, to})"
    assert run("range", described, "now-1h", "now") == "Last hour"
    assert run("range", described, "now-7d", "now") == "Last 7 days"
    assert run("range", described, "now-2h", "now-1h") == "now-2h to now-1h"


def test_a_click_in_the_legend_shows_one_series_and_then_all(run: Run) -> None:
    call = "(hidden, name, names, single) => [...m.next(new Set(hidden), name, names.map((name) => ({name})), single)]"
    names = ["a", "b", "c"]
    assert run("legend", call, [], "b", names, False) == ["a", "c"]
    assert run("legend", call, ["a", "c"], "b", names, False) == []
    assert run("legend", call, ["a", "c"], "a", names, False) == ["b", "c"]
    assert run("legend", call, [], "b", names, True) == ["b"]
    assert run("legend", call, ["b"], "b", names, True) == []


def test_rows_are_sorted_by_number_or_text_with_nothing_last(run: Run) -> None:
    call = "(values, direction) => m.order([{values}], {place: 0, direction})"
    assert run("table", call, [10, None, 9, "Infinity"], 1) == [2, 0, 3, 1]
    assert run("table", call, [10, None, 9], -1) == [0, 2, 1]
    assert run("table", call, ["b10", "b9", None, "A"], 1) == [3, 1, 0, 2]


def test_a_line_has_gaps_where_a_step_is_missing(run: Run) -> None:
    points = run("timeseries", "(times, values) => m.withGaps(times, values)", [0, 10, 20, 50, 60], [1, 2, 3, 4, 5])
    assert points == [[0, 1], [10, 2], [20, 3], [30, None], [50, 4], [60, 5]]


def test_a_file_has_quotes_doubled_and_no_formula(run: Run) -> None:
    columns = [
        {"name": "time", "kind": "time", "values": [0, 1000]},
        {"name": 'a "b"', "kind": "text", "values": ["=1+1", 'say "x", y\n']},
        {"name": "n", "kind": "number", "values": [-1.5, None]},
    ]
    assert run("csv", "(columns) => m.csv([columns])", columns) == (
        '"time","a ""b""","n"\r\n'
        '1970-01-01T00:00:00.000Z,"\'=1+1",-1.5\r\n'
        '1970-01-01T00:00:01.000Z,"say ""x"", y\n",\r\n'
    )
