"""The critical alerts about applications: the switches of all examples are thrown, and notifications arrive.

Those that wait for more than 2 minutes wait for one here, and the audit sink compares runs each minute, not five:
quick_keeper.py. LlmAvailabilityLow asks for a day: promtool shows that it fires, tests/alerting that it is delivered.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alert_watch import Measured, Watch, compared_soon, watched
from scaled_rules import Times

SWITCHES = {
    "estate_bot": (
        "cost_spike,slow_model",
        "1",
        ("CostHourOverrun", "TtftCritical", "TtftBurnFast", "AgentLatencyBurnFast"),
    ),
    "execora": ("http_errors,tool_errors", "2", ("HttpErrorBurst", "HttpErrorRatioSustained", "ToolErrorBurst")),
    "osool": ("breaker_open", "1", ("CircuitBreakerOpen", "TurnErrorRatioCritical", "AgentSuccessBurnFast")),
    "bestbox": ("", "0.3", ("AuditRowsMissing",)),
}
"""Application -> its switches, how many users come a second, and which alerts are then to come."""
TIMES = {name: Times("1m") for name in ("HttpErrorRatioSustained", "TurnErrorRatioCritical", "AuditRowsMissing")}
LONG_S = 900
"""How long a notification is waited for at all."""


def lose_rows(watch: Watch, over: threading.Event) -> None:
    """A user deletes from the audit trail."""
    while not over.wait(5):
        watch.sql("DELETE FROM audit.runs WHERE service = 'bestbox'")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.shows("L7", "L8", "L10", "L11", "L13", "L17", "L20", "K38")
def test_applications_that_go_wrong(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    rows: list[Measured] = []
    over = threading.Event()
    with compared_soon(), watched(tmp_path, TIMES) as watch:
        loses = threading.Thread(target=lose_rows, args=(watch, over))
        loses.start()
        try:
            thrown = {app: watch.start(app, fault, "--rate", rate) for app, (fault, rate, _) in SWITCHES.items()}
            for app, (_, _, alerts) in SWITCHES.items():
                service = app.replace("_", "-")
                rows += [watch.measure(alert, service, thrown[app], LONG_S) for alert in alerts]
                watch.kill(app)  # the last of them waits for long, in parallel with other tests
        finally:
            over.set()
            loses.join()
    for row in rows:
        record_property("measured", str(row))
