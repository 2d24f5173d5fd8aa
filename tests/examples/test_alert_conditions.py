"""Each alert of the master list: quiet while the examples run as ever, active once their switch is thrown.

The applications' own series reach a real Prometheus through the gateway, with the committed rules loaded, evaluated
more often (scaled_rules.py); it decides itself. Durations are those set in the applications, by their own
clocks (own_clock.py), so that a busy machine makes nothing slow. How long a condition must hold (`for`) and what is
right at its limit, promtool's tests show. Those that look back further than the test lasts are asked for a later time,
or of a past that the example told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import scaled_rules
import switch_tables
from alert_day import (
    ENOUGH_PROBES,
    LONG_AGO,
    LONG_AGO_CALM,
    RUNS,
    SPENDER,
    Day,
    Promise,
    live_through,
)
from example_stack import KEEPS_LONG, STORES, WATCHERS, WEDNESDAY, running_stack
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_stack.config import monitoring
from recorded import Rules, committed
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SETTINGS = {"OTELGATE_QUERY_LIMIT": "250"}
"""Questions an hour that are too many: more than one user asks in the calm part, however long that lasts."""


@dataclass(frozen=True)
class Row:
    """One row that Prometheus decides on the day itself. `switch`: of that application, in alert_day.RUNS.

    `seen`: what the alert looks at, which must be there on the calm part of the day too, or its quiet would say
    nothing; left out, it is the alert's expression without the limit.
    """

    id: str
    alert: str
    service: str | None
    switch: str
    seen: str = ""


_TURNS = "sum by (service_name) (increase(gen_ai_invoke_agent_duration_seconds_count[5m])) >= 20"
_CLOSED = "sum by (service_name) (execora_websocket_closed_total)"
_HTTP = "sum by (service_name) (increase(http_server_request_duration_seconds_count[5m])) >= 20"
_TOOLS = "sum by (service_name) (rate(gen_ai_execute_tool_duration_seconds_count[2m]))"
_LLM = 'label_replace(probe_success{kind="llm"}, "service_name", "$1", "service", "(.*)")'

ROWS = (
    Row("L1", "ServiceDown", "bestbox", "llm_down", _LLM),
    Row("L6", "HttpErrorRatioHigh", "osool", "http_errors", _HTTP),
    Row("L7", "HttpErrorRatioSustained", "osool", "http_errors", _HTTP),
    Row("L8", "HttpErrorBurst", "bestbox", "llm_down", _HTTP),
    Row("L9", "TurnErrorRatioHigh", "execora", "model_errors", _TURNS),
    Row("L10", "TurnErrorRatioCritical", "execora", "model_errors", _TURNS),
    Row("L11", "ToolErrorBurst", "execora", "tool_errors", _TOOLS),
    Row("L12", "TtftHigh", "bestbox", "slow_model"),
    Row("L13", "TtftCritical", "bestbox", "slow_model"),
    Row("L14", "TurnLatencyHigh", "bestbox", "slow_model"),
    Row("L15", "HttpLatencyHigh", "execora", "slow_http"),
    Row("L15", "HttpLatencyHigh", "osool", "slow_database"),
    Row("L16", "CostHourHigh", "estate-bot", "cost_spike"),
    Row("L17", "CostHourOverrun", "estate-bot", "cost_spike"),
    Row("L18", "CostDayHigh", "estate-bot", "cost_spike"),
    Row("L19", "UserQueryBurst", "estate-bot", "query_burst", "otelgate_user_over_limit"),
    Row("L20", "CircuitBreakerOpen", "osool", "breaker_paymob", "osool_circuit_breaker_state"),
    Row("L21", "DbConnectionsHigh", "osool", "database_connections"),
    Row("L22", "DbQuerySlow", "osool", "slow_database"),
    Row("L23", "VectorSearchSlow", "bestbox", "slow_search"),
    Row("L25", "ModelHostMemoryHigh", "bestbox", "memory_pressure"),
    Row("L26", "SatisfactionLow", "execora", "negative_feedback"),
    Row("L27", "SessionsHigh", "bestbox", "session_flood"),
    Row("L28", "SessionsOverload", "bestbox", "session_flood"),
    Row("L30", "ReservationFailuresHigh", "osool", "breaker_paymob"),
    Row("L31", "WebSocketDrops", "execora", "websocket_drops", _CLOSED),
)
CALM = ("redis_memory_used_bytes", "pg_stat_database_numbackends", "node_memory_MemAvailable_bytes")
"""In addition to the rows' series, these must exist before the faults."""
ABSENT = ("GatewayAbsent", "AuditSinkAbsent", "AuditKeeperAbsent")
LATER = ("L2", "L3", "L4", "L5", "L24", "L29")
"""Those with a separate test below."""


def promised(root: Path) -> set[Promise]:
    """The READMEs' table entries of the switches thrown here, except those with a separate test."""
    services = switch_tables.services()
    return {
        (alert, services[each.app], switch)
        for each in (*RUNS, SPENDER)
        for switch in (*each.switches, *each.last)
        for alert, row in switch_tables.of(root, each.app)[switch].items()
        if row not in LATER
    }


def seen(rules: Rules, row: Row) -> str:
    """The expression of its alert."""
    return row.seen or rules.compared(row.alert)


@pytest.fixture(scope="module")
def day(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("alerts")
    rules = committed(root)
    with (
        scaled_rules.loaded(scaled_rules.write(folder / "rules", interval_s=scaled_rules.OFTEN_S)),
        pytest.MonkeyPatch.context() as patch,
    ):
        # A busy machine needs seconds for one: it may take until the next one is due.
        patch.setattr(monitoring, "PROBE_INTERVAL", "15s")
        patch.setattr(monitoring, "PROBE_TIMEOUT", "15s")
        with running_stack(folder, SETTINGS | KEEPS_LONG, [*STORES, *WATCHERS]) as stack:
            looked_at = [(seen(rules, row), row.service) for row in ROWS]
            looked_at += [(expr, None) for expr in CALM]
            looked_at += [(rules.compared("LowTraffic"), "osool")]
            yield live_through(stack, rules, looked_at, promised(root))


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.shows(row.id), id=f"{row.id}-{row.service}") for row in ROWS]
)
def test_quiet_as_ever_and_active_with_its_switch(day: Day, row: Row) -> None:
    assert day.quiet_before(row.alert, row.service) == []
    own = {"service_name": row.service} if row.service else {}
    assert day.values(seen(day.rules, row), day.calm, **own), "nothing to be quiet about"
    found = day.fires_after(row.alert, row.service)
    assert found
    assert {labels["alertstate"] for labels in found} <= {"pending", "firing"}
    assert {labels["severity"] for labels in found} == {_severity(row.alert)}


def test_no_other_alert_on_an_ordinary_day(day: Day) -> None:
    """Of all that there are. The machine's own memory is not the examples', and the stack's own first points come
    later than the first evaluation."""
    assert day.names_before() - {"Watchdog", "HostMemoryHigh", *ABSENT} == set()
    assert day.values(f'ALERTS{{alertname=~"{"|".join(ABSENT)}"}}', day.calm) == []


def test_every_promise_of_a_readme_that_was_put_to_the_test(day: Day, root: Path) -> None:
    """The tables' entries of a switch that was thrown here, besides those with a row above."""
    assert {(row.alert, row.service, row.switch) for row in ROWS} <= promised(root)
    assert [each for each in sorted(promised(root)) if not day.fires_after(each[0], each[1])] == []


@pytest.mark.shows("L3")
def test_the_model_server_answered_until_it_stopped(day: Day) -> None:
    """It stops when the other switches have shown. The alert waits for 100 probes, which are not there by then: its own
    expression, with fewer."""
    alert = day.rules.alerts["LlmAvailabilityLow"]
    expr = alert.replace(">= 100", f">= {ENOUGH_PROBES}")
    assert expr != alert
    probes = 'probe_success{kind="llm"}'
    (number,) = day.values(f"count_over_time({probes}[1d])", day.llm_stopped, service="bestbox")
    assert number >= ENOUGH_PROBES
    assert day.values(day.rules.inlined(expr), day.llm_stopped) == []
    (share,) = day.values(day.rules.inlined(expr), day.end, service_name="bestbox")
    assert 0 < share < 0.99


@pytest.mark.shows("K27")
def test_exporters_tell_of_what_the_applications_use(day: Day) -> None:
    """Osool's own Redis among it, which it told the stack of; its commands are spans."""
    for series in CALM:
        assert any(value > 0 for value in day.values(series, day.calm)), series
    assert day.stack.tempo.search('{resource.service.name="osool" && span.db.system.name="redis"}', limit=1)


@pytest.mark.shows("L4")
def test_an_hour_without_turns_fires(day: Day) -> None:
    """The users have gone (traffic_drop); asked for a moment an hour later, with the recorded sums put in."""
    expr = day.rules.inlined(day.rules.alerts["NoQueries"])
    for service in ("estate-bot", "osool", "bestbox", "execora"):
        assert day.values(expr, day.calm, service_name=service) == []
        assert day.values(expr, day.end + 3900, service_name=service) == [0]


@pytest.mark.shows("L5")
def test_low_traffic_fires(day: Day) -> None:
    """Osool's visitors stopped coming (traffic_drop): five minutes later the rate of requests is nothing."""
    expr = day.rules.inlined(day.rules.alerts["LowTraffic"])
    assert day.values(day.rules.compared("LowTraffic"), day.calm, service_name="osool")
    assert day.values(expr, day.calm, service_name="osool") == []
    assert day.values(expr, day.end + 600, service_name="osool") == [0]


@pytest.mark.shows("L24")
def test_memory_of_the_host_by_the_node_exporter(day: Day) -> None:
    """No test fills this machine's memory: the rule with a limit just below what is used, and with one above it."""
    expr = day.rules.alerts["HostMemoryHigh"]
    limit = re.search(r"> ([\d.]+)$", expr)
    assert limit
    (used,) = day.values(day.rules.compared("HostMemoryHigh"), day.calm)
    assert 0 < used < 1
    for other, found in ((used - 0.001, 1), (used + 0.001, 0), (float(limit[1]), int(used > float(limit[1])))):
        assert len(day.values(f"{expr[: limit.start(1)]}{other:.6f}", day.calm)) == found


@pytest.mark.shows("L29")
def test_a_day_without_reservations_fires(day: Day) -> None:
    """Osool's past with the switch no_reservations, thrown two days before its end, and another one without."""
    expr = day.rules.inlined(day.rules.alerts["NoReservations"])
    last = WEDNESDAY - 600
    known = until(lambda: day.values("count by (deployment_environment_name) (target_info)", last), deadline_s=120)
    assert len(known) == 2
    assert day.values(expr, last, deployment_environment_name=LONG_AGO_CALM) == []
    assert day.values(expr, last, deployment_environment_name=LONG_AGO, service_name="osool") == [0]
    # Half a day after the switch it was too early.
    assert day.values(expr, last - 1.5 * 86_400, deployment_environment_name=LONG_AGO) == []


@pytest.mark.shows("L2")
def test_the_database_stops(day: Day) -> None:
    """Osool's and Execora's database is on the stack's server. The last test: the others need what is in it no more."""
    assert day.quiet_before("DatabaseDown", None) == []
    assert 1 in day.values('probe_success{kind="database"}', day.calm)
    day.stack.engine.stop("postgres")
    found = until(lambda: day.values('ALERTS{alertname="DatabaseDown"}', service_name="postgres", severity="critical"))
    assert found


def test_each_row_of_the_master_list_has_its_day() -> None:
    covered = {row for alert in ALERTS for row in alert.covers}
    assert covered == {f"L{number}" for number in range(1, 32)} == {*(row.id for row in ROWS), *LATER}
    named = {alert.name: alert for alert in ALERTS}
    assert [row for row in ROWS if row.id not in named[row.alert].covers] == []


def _severity(alert: str) -> str:
    return next(each.severity for each in ALERTS if each.name == alert)
