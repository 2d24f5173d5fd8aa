"""A day on which everything goes wrong: the four examples' own traffic, as ever at first, then with switches thrown.

Each application runs once. First what the alerts look at is waited for, then the alerts themselves: how long that
takes, the machine says; how long something in an application takes, its own clock (own_clock.py). Prometheus writes
down which alerts were pending or firing, so that both parts of the day can be asked for when it is over. It has the
committed rules, evaluated more often (scaled_rules.py), and is sent points every EXPORT_S.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from example_stack import WEDNESDAY, ExampleStack
from otelgate_grafana import uids
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_stack.clients import Prometheus
from otelgate_stack.examples import places
from recorded import Rules
from waiting import until

from examples.common import history, prometheus, run, series, traffic
from examples.osool.example import EXAMPLE as OSOOL

EXPORT_S = 5
"""How often the SDK sends points, which is every 15 s otherwise."""
ENOUGH_PROBES = 4
"""For LlmAvailabilityLow, which otherwise wants 100."""
LONG_AGO = "long-ago"
"""The environment of the past without reservations, and of an ordinary one."""
LONG_AGO_CALM = "long-ago-calm"
_LONG_S = 300.0
"""How long each part of the day is waited for at all, the one with faults twice as long."""


@dataclass(frozen=True)
class Run:
    """An application, its visits a second, its switches, and those that are thrown when these have shown.

    `speed`: everything in it takes a fraction of its time; not for one whose times an alert looks at.
    """

    app: str
    rate: float
    switches: tuple[str, ...]
    last: tuple[str, ...] = ()
    speed: int = 1


RUNS = (
    # Few: one in twenty of its tool calls fails on an ordinary day, and ToolErrorBurst counts them by the minute.
    Run("estate_bot", 0.2, ("query_burst",), speed=3),
    Run(
        "osool",
        2.0,
        ("http_errors", "slow_database", "database_connections", "breaker_paymob"),
        last=("traffic_drop",),
    ),
    # The model server stops last: nothing is searched without it, and turns that fail immediately hide the slow ones.
    Run("bestbox", 0.7, ("session_flood", "slow_model", "slow_search", "memory_pressure"), last=("llm_down",)),
    Run("execora", 2.0, ("model_errors", "tool_errors", "slow_http", "websocket_drops", "negative_feedback")),
)
SPENDER = Run("estate_bot", 2.0, ("cost_spike",), speed=3)
"""A second process of the bot: the user who asks without end would wait for the most expensive model."""

_LATE = {"ServiceDown", "DatabaseDown", "ScrapeTargetDown"} | {
    alert.name for alert in ALERTS if alert.dashboard in (uids.GATEWAY, uids.CONVERSATION_AUDIT)
}
"""Alerts that a late probe or a slow queue on a busy machine makes pending; on a calm day they may not fire."""

Promise = tuple[str, str, str]
"""An alert, the service that it tells of, and the switch that makes it active."""


@dataclass(frozen=True)
class Day:
    """The times for later queries. Unix times; `calm` is while no switch was thrown yet, `llm_stopped` while the model
    server still answered, `end` when the last user left."""

    stack: ExampleStack
    rules: Rules
    start: float
    calm: float
    llm_stopped: float
    end: float

    def values(self, expr: str, at: float | None = None, **labels: str) -> list[float]:
        """The value of an expression for these labels."""
        found = self._prometheus.query(expr, at)
        return [each.value for each in found if labels.items() <= each.labels.items()]

    @cached_property
    def _prometheus(self) -> Prometheus:
        return self.stack.prometheus  # one client: each costs a busy machine a second

    @cached_property
    def _quiet(self) -> list[dict[str, str]]:
        found = _alerts(self._prometheus, self.start, self.calm)
        return [each for each in found if each["alertstate"] == "firing" or each["alertname"] not in _LATE]

    @cached_property
    def _loud(self) -> list[dict[str, str]]:
        return _alerts(self._prometheus, self.calm, self.end)

    def quiet_before(self, alert: str, service: str | None) -> list[dict[str, str]]:
        """Its labels, wherever it was active in the calm part of the day."""
        return _of(self._quiet, alert, service)

    def fires_after(self, alert: str, service: str | None) -> list[dict[str, str]]:
        """Its labels, wherever it was active since."""
        return _of(self._loud, alert, service)

    def names_before(self) -> set[str]:
        """All alerts that were active in the calm part of the day."""
        return {labels["alertname"] for labels in self._quiet}


def live_through(
    stack: ExampleStack, rules: Rules, looked_at: Collection[tuple[str, str | None]], promised: Collection[Promise]
) -> Day:
    """Run it. `looked_at`: expressions and the service that they are to tell of before anything goes wrong; the day
    goes on when all is there, and ends when the alerts that are `promised` are active, or time is up."""
    start = time.time()
    store = stack.prometheus
    with ExitStack() as running:
        for each in RUNS:
            running.enter_context(_running(stack, each))
        assert until(lambda: all("answers at" in log(stack, each.app).read_text() for each in RUNS), deadline_s=_LONG_S)
        _load_reservations(stack)  # while the first users come
        until(_all_there(store, looked_at), deadline_s=_LONG_S, every_s=1)
        calm = time.time()
        for each in RUNS:
            _throw(stack, each.app, each.switches)
        running.enter_context(_running(stack, SPENDER, thrown=True))
        last: dict[str, float] = {}

        def over() -> bool:
            alerts = _alerts(store, calm, time.time())
            active = {(labels["alertname"], labels.get("service_name", "")) for labels in alerts}
            for each in RUNS:
                own = {(alert, service) for alert, service, switch in promised if switch in each.switches}
                if each.last and each.app not in last and own <= active:
                    last[each.app] = time.time()
                    _throw(stack, each.app, each.last)
            return {(alert, service) for alert, service, _ in promised} <= active

        until(over, deadline_s=2 * _LONG_S, every_s=1)
        return Day(stack, rules, start, calm, last.get("bestbox", calm), time.time())


def _all_there(store: Prometheus, looked_at: Collection[tuple[str, str | None]]) -> Callable[[], bool]:
    """Whether each of these expressions tells of its service."""
    missing = set(looked_at)

    def look() -> bool:
        for expr, service in sorted(missing, key=str):
            found = store.query(expr)
            if any(service in (None, each.labels.get("service_name")) for each in found):
                missing.remove((expr, service))
        return not missing

    return look


def _alerts(store: Prometheus, since: float, until_: float) -> list[dict[str, str]]:
    """The labels of what Prometheus found pending or firing between two times."""
    asked = f"last_over_time(ALERTS[{max(1, int(until_ - since))}s])"
    return [dict(each.labels) for each in store.query(asked, until_)]


def _of(alerts: list[dict[str, str]], name: str, service: str | None) -> list[dict[str, str]]:
    own = {"alertname": name} | ({"service_name": service} if service else {})
    return [labels for labels in alerts if own.items() <= labels.items()]


@contextmanager
def _running(stack: ExampleStack, each: Run, *, thrown: bool = False) -> Iterator[None]:
    """As `make example` runs it, but for when its points leave and its switches are thrown; `thrown`: at once."""
    folder = stack.folder / "switches" / ("thrown" if thrown else each.app)
    folder.mkdir(parents=True)
    example = traffic.load(each.app)
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    command = [instrument, sys.executable, Path(__file__).with_name("switched.py"), folder, each.app]
    command += ["--fault", ",".join((*each.switches, *each.last)), "--seconds", "7200"]
    command += ["--rate", f"{each.rate / each.speed}", "--speed", f"{each.speed}"]
    own = {"OTEL_METRIC_EXPORT_INTERVAL": f"{EXPORT_S}000"}
    if thrown:
        for name in each.switches:
            (folder / name).touch()
    with (
        run.environment(stack.settings, example) as variables,
        log(stack, each.app).open("a") as stderr,
        subprocess.Popen(
            command,
            env={**variables, **own},
            cwd=stack.settings.root,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _throw(stack: ExampleStack, app: str, switches: Collection[str]) -> None:
    for name in switches:
        (stack.folder / "switches" / app / name).touch()


def log(stack: ExampleStack, app: str) -> Path:
    """The application's output on stderr."""
    return stack.folder / f"{app}.log"


def _load_reservations(stack: ExampleStack) -> None:
    """Three days of Osool that are over: twice the same, but in one no user reserves after the first day."""
    start, end = WEDNESDAY - 3 * history.DAY_S, WEDNESDAY
    for environment, faults in ((LONG_AGO_CALM, ()), (LONG_AGO, ("no_reservations",))):
        past = history.tell(OSOOL, start, end, environment=environment, faults=faults, fault_after_s=history.DAY_S)
        wanted = [each for each in history.all_series(past) if _is_of_reservations(dict(each.labels))]
        folder = stack.folder / environment
        folder.mkdir()
        files = prometheus.write_files(wanted, series.grid(start, end), end, folder, lambda number: None)
        places.Native(stack.settings).make_blocks(files)


def _is_of_reservations(labels: dict[str, str]) -> bool:
    return labels["__name__"] == "target_info" or labels.get("event_name") == "reservation"
