"""The alerts as data: the master list, labels, thresholds that are bounds of histograms, links that lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml
from otelgate_grafana import lint, names, uids
from otelgate_grafana.__main__ import RENDERED, stale
from otelgate_grafana.alerts import recording, render, routing
from otelgate_grafana.alerts.model import Alert
from otelgate_grafana.alerts.rules import ALERTS, GROUPS
from otelgate_grafana.alerts.settings import load

# Requirements of the source systems: number, name, for, severity.
MASTER = """
L1 ServiceDown 1m critical
L2 DatabaseDown 1m critical
L3 LlmAvailabilityLow 0s critical
L4 NoQueries 5m warning
L5 LowTraffic 15m info
L6 HttpErrorRatioHigh 2m warning
L7 HttpErrorRatioSustained 5m critical
L8 HttpErrorBurst 2m critical
L9 TurnErrorRatioHigh 5m warning slack-email
L10 TurnErrorRatioCritical 5m critical
L11 ToolErrorBurst 2m critical
L12 TtftHigh 5m warning
L13 TtftCritical 2m critical
L14 TurnLatencyHigh 5m warning
L15 HttpLatencyHigh 5m warning
L16 CostHourHigh 0s warning slack-email
L17 CostHourOverrun 0s critical
L18 CostDayHigh 0s warning email
L19 UserQueryBurst 0s warning
L20 CircuitBreakerOpen 2m critical slack
L21 DbConnectionsHigh 5m warning
L22 DbQuerySlow 5m warning
L23 VectorSearchSlow 5m warning
L24 HostMemoryHigh 10m warning
L25 ModelHostMemoryHigh 10m warning
L26 SatisfactionLow 1h warning
L27 SessionsHigh 5m warning
L28 SessionsOverload 1m critical
L29 NoReservations 0s warning
L30 ReservationFailuresHigh 30m warning
L31 WebSocketDrops 2m warning
"""
BY_NAME = {alert.name: alert for alert in ALERTS}
RECORDED = {rule.name: rule for group in recording.groups() for rule in group.rules}
each = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def used(expr: str) -> set[str]:
    """Names of recorded series in an expression."""
    return set(re.findall(r"\b[a-z]\w*:[\w:]+", expr)) & set(RECORDED)


def everything(alert: Alert) -> list[str]:
    """The alert's expression, and those of what it reads, and of what that reads."""
    exprs, todo, seen = [alert.expr], used(alert.expr), set[str]()
    while todo:
        name = todo.pop()
        seen.add(name)
        more = [rule.expr for group in recording.groups() for rule in group.rules if rule.name == name]
        exprs += more
        todo |= {other for expr in more for other in used(expr)} - seen
    return exprs


def test_the_master_list_is_there_each_once() -> None:
    rows = [line.split() for line in MASTER.strip().splitlines()]
    covered = [number for alert in ALERTS for number in alert.covers]
    assert sorted(covered) == sorted(row[0] for row in rows)
    for number, name, waits, severity, *notify in rows:
        alert = BY_NAME[name]
        assert (number in alert.covers, alert.for_, alert.severity, alert.notify) == (
            True,
            waits,
            severity,
            notify[0] if notify else "",
        ), name


def test_names_are_unique_and_camel_case() -> None:
    assert len(BY_NAME) == len(ALERTS)
    assert all(re.fullmatch(r"([A-Z][a-z0-9]+)+", name) for name in BY_NAME)
    groups = [group.name for group in recording.groups()] + [group.name for group in GROUPS]
    assert len(groups) == len(set(groups))


def test_the_rendered_rules_are_current() -> None:
    outdated = stale(render.render_rules())
    assert not [line for line in outdated if line.startswith("rules/")], "run `python -m otelgate_grafana`"


def test_nothing_else_lies_among_the_rendered_rules() -> None:
    found = {path.relative_to(RENDERED) for path in (RENDERED / "rules").rglob("*") if path.is_file()}
    assert found == set(render.render_rules())


@each
def test_an_alert_says_what_and_where(alert: Alert) -> None:
    dashboards = {value for value in vars(uids).values() if isinstance(value, str) and value.startswith("otelgate-")}
    texts = render.annotations(alert)
    assert alert.dashboard in dashboards
    assert texts["runbook_url"].endswith(f"grafana/runbooks/{alert.name}.md")
    assert f"/d/{alert.dashboard}" in texts["dashboard_url"]
    assert len(texts["summary"]) > 15
    assert len(texts["description"]) > 15
    assert alert.team in ("platform", "ai", "product")


@each
def test_alert_has_firing_and_quiet_cases(alert: Alert) -> None:
    assert alert.fires.expect
    assert alert.quiet or alert.name == "Watchdog"
    for case in alert.quiet:
        assert not case.expect
        assert case.why, "a quiet case says what it is near to"


def exprs() -> list[tuple[str, str]]:
    rules = [(rule.name, rule.expr) for group in recording.groups() for rule in group.rules]
    return rules + [(alert.name, alert.expr) for alert in ALERTS]


def test_queries_keep_the_rules() -> None:
    """No person, session or trace in a label; percentiles and ratios over sums.

    A gauge that is scraped is 0 and there; it needs no `or vector(0)`.
    """
    gauges = ("ServiceDown", "DatabaseDown", "ScrapeTargetDown")
    problems = [
        f"{name}: {problem}"
        for name, expr in exprs()
        for problem in lint.promql(expr)
        if not (name in gauges and "a test for zero" in problem)
    ]
    assert problems == []


def test_recording_rules_are_level_metric_operations() -> None:
    settings = {
        "otelgate:threshold",
        "otelgate:threshold_default",
        "otelgate:slo_budget",
        "otelgate:slo_budget_default",
    }
    assert [name for name in RECORDED if name not in settings and not re.fullmatch(r"[a-z_]+:\w+:\w+", name)] == []


def test_every_threshold_is_one_of_an_alert_that_reads_it() -> None:
    settings = load()
    for name in settings.thresholds:
        assert any(f'alert="{name}"' in expr for expr in everything(BY_NAME[name])), name
    for name, limit in settings.limits.items():
        assert f"> {limit.default:g}" in BY_NAME[name].expr, name
    read = {name for alert in ALERTS for name in re.findall(r'threshold\w*\{alert="(\w+)"', alert.expr)}
    assert read == set(settings.thresholds)


def bounds(root: Path) -> dict[str, set[float]]:
    """Histogram, as Prometheus calls it -> the bounds of its buckets."""
    derived = yaml.safe_load((root / "collector/derive/metrics.yaml").read_text())
    unit = {"s": "_seconds", "{token}/s": "_per_second"}
    found = {
        metric["name"].replace(".", "_") + unit.get(metric["unit"], ""): set(derived["buckets"][metric["buckets"]])
        for metric in derived["metrics"]
        if metric["kind"] == "histogram"
    }
    own = {instrument.series: set(instrument.bounds) for instrument in names.INSTRUMENTS if instrument.bounds}
    return found | own


@pytest.mark.shows("K05")
def test_thresholds_are_bounds_of_the_histograms(root: Path) -> None:
    known = bounds(root)
    checked = set()
    for name, threshold in load().thresholds.items():
        values = {*threshold.services.values(), *([] if threshold.default is None else [threshold.default])}
        for histogram in {h for expr in everything(BY_NAME[name]) for h in re.findall(r"(\w+)_bucket\b", expr)}:
            assert values <= known[histogram], f"{name}: {values} of {histogram}"
            checked.add(name)
    in_seconds = {name for name, threshold in load().thresholds.items() if threshold.unit == "s"}
    assert checked == in_seconds


def test_objectives_are_bounds_of_the_histograms(root: Path) -> None:
    known, objectives = bounds(root), load().objectives
    assert objectives["agent_latency"].seconds in known["gen_ai_invoke_agent_duration_seconds"]
    assert objectives["ttft"].seconds in known["gen_ai_client_operation_time_to_first_chunk_seconds"]


def test_receivers_follow_severity_and_notify() -> None:
    assert routing.words(BY_NAME["ServiceDown"]) == "PagerDuty and Slack"
    assert routing.words(BY_NAME["CircuitBreakerOpen"]) == "Slack"
    assert routing.words(BY_NAME["CostDayHigh"]) == "e-mail"
    assert routing.words(BY_NAME["Watchdog"]) == "none"
