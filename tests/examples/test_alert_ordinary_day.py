"""An afternoon on which nothing went wrong, of all four examples: what no alert about an application fires on.

Their past is loaded into a separate Prometheus, and each rule is asked of it with the recording rules put in. Days
that can be divided by three are left out: then Osool's past has an outage of Paymob, and Execora's a bad hour.
"""

from collections.abc import Iterator

import pytest
from example_stack import KEEPS_LONG, WEDNESDAY, ExampleStack, running_stack
from otelgate_grafana import uids
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_stack import access
from otelgate_stack.examples import places
from recorded import committed

from examples.common import history, prometheus, series, traffic

HOURS = 5
"""The last ones of the past: before, points lie further apart than the rules' windows."""
STEP_S = 300
_STACK = (uids.GATEWAY, uids.CONVERSATION_AUDIT)
"""Dashboards of the alerts about the stack's own parts."""
_NO_PAST = {
    *("Watchdog", "ServiceDown", "DatabaseDown", "LlmAvailabilityLow", "ScrapeTargetDown", "HostMemoryHigh"),
    "UserQueryBurst",  # the sink counts these
}
ABOUT = [alert.name for alert in ALERTS if alert.dashboard not in _STACK and alert.name not in _NO_PAST]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ExampleStack, float]]:
    folder, end = tmp_path_factory.mktemp("ordinary"), WEDNESDAY
    start = end - 1.5 * history.DAY_S
    with running_stack(folder, KEEPS_LONG, services=["prometheus"]) as stack:
        stack.engine.stop("prometheus")  # which then finds the blocks immediately
        for app in traffic.APPS:
            told = history.tell(traffic.load(app), start, end, environment="demo")
            (folder / app).mkdir()
            points = series.grid(start, end)
            files = prometheus.write_files(history.all_series(told), points, end, folder / app, lambda number: None)
            places.Native(stack.settings).make_blocks(files)
        stack.engine.start("prometheus")
        yield stack, end


@pytest.mark.slow
@pytest.mark.parametrize("name", ["HttpLatencyHigh", "TtftHigh", "TurnLatencyHigh", "CostHourHigh", "SatisfactionLow"])
def test_there_is_something_to_be_quiet_about(past: tuple[ExampleStack, float], name: str) -> None:
    stack, end = past
    compared = committed(stack.settings.root).compared(name)
    found = {each.labels["service_name"] for each in stack.prometheus.query(compared, end - 4 * 3600)}
    assert {"estate-bot", "osool"} <= found


@pytest.mark.slow
@pytest.mark.parametrize("name", ABOUT)
def test_no_condition_holds(past: tuple[ExampleStack, float], name: str) -> None:
    stack, end = past
    rules = committed(stack.settings.root)
    asked = {"query": rules.inlined(rules.alerts[name]), "start": end - HOURS * 3600, "end": end, "step": STEP_S}
    with access.client(stack.settings, "prometheus", timeout=300) as client:
        answer = client.post("/api/v1/query_range", data=asked).json()
    assert answer["status"] == "success", answer
    held = {(row["metric"].get("service_name"), len(row["values"])) for row in answer["data"]["result"]}
    assert held == set()
