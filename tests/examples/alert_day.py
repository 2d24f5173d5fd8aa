"""A day on which everything goes wrong: the four examples' own traffic, as ever at first, then with switches thrown.

Each application runs once and is quiet for CALM_S seconds. Prometheus has the committed rules loaded and writes down
itself which alerts were pending or firing, so that both parts of the day can be asked for when it is over.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from example_stack import ExampleStack
from recorded import Rules
from waiting import until

from examples.common import history, places, prometheus, series
from examples.osool.example import EXAMPLE as OSOOL

CALM_S, FAULTY_S = 90, 180
"""The second is so long that each rule is recorded (once a minute) and asked (twice a minute) while things are bad."""
LONG_AGO = "long-ago"
"""The environment of the past in which nobody reserves any more, and of one that was as ever."""
LONG_AGO_CALM = "long-ago-calm"
_LATEST_S = 120.0
"""How long after the applications' end the last rules may need: recorded once a minute, and asked twice a minute."""

RUNS: tuple[tuple[str, float, str], ...] = (
    # application, visits a second, switches
    ("estate_bot", 1.2, "query_burst"),
    ("osool", 1.2, "http_errors,slow_database,database_connections,breaker_paymob,traffic_drop@80"),
    # The model server stops last: nothing is searched without it, and turns that fail at once hide the slow ones.
    ("bestbox", 0.7, "session_flood,slow_model,slow_search,memory_pressure,llm_down@150"),
    ("execora", 1.2, "model_errors,tool_errors,slow_http,websocket_drops,negative_feedback"),
)
SPENDER = ("estate_bot", 2.0, "cost_spike")
"""A second process of the bot: the user who asks without end would wait for the dearest model."""


@dataclass(frozen=True)
class Day:
    """What is asked afterwards. Unix times; `calm` is while no switch was thrown yet, `end` when the last user left."""

    stack: ExampleStack
    rules: Rules
    start: float
    calm: float
    end: float
    reservations_end: float

    def active(self, alert: str, service: str | None, since: float, until_: float) -> list[dict[str, str]]:
        """Its labels, wherever Prometheus found this alert pending or firing between two times."""
        own = f', service_name="{service}"' if service else ""
        asked = f'last_over_time(ALERTS{{alertname="{alert}"{own}}}[{max(1, int(until_ - since))}s])'
        return [dict(each.labels) for each in self.stack.prometheus.query(asked, until_)]

    def values(self, expr: str, at: float | None = None, **labels: str) -> list[float]:
        """What an expression gives for these labels."""
        found = self.stack.prometheus.query(expr, at)
        return [each.value for each in found if labels.items() <= each.labels.items()]

    def quiet_before(self, alert: str, service: str | None) -> list[dict[str, str]]:
        """How it was active in the calm part of the day."""
        return self.active(alert, service, self.start, self.calm)

    def fires_after(self, alert: str, service: str | None) -> list[dict[str, str]]:
        """How it was active since; waits until the rules have seen the end of the day."""

        def look() -> list[dict[str, str]]:
            return self.active(alert, service, self.calm, time.time())

        return until(look, deadline_s=max(1.0, self.end + _LATEST_S - time.time()), every_s=1)


def live_through(stack: ExampleStack, rules: Rules) -> Day:
    """Run it: some six minutes. PostgreSQL is stopped at the end."""
    start = time.time()
    reservations_end = start - prometheus.HEAD_S - 600
    with ExitStack() as running:
        apps = [running.enter_context(_run(stack, *run, fault_after=CALM_S)) for run in RUNS]
        _load_reservations(stack, reservations_end)
        assert until(lambda: all("answers at" in log(stack, app).read_text() for app, *_ in RUNS), deadline_s=120)
        time.sleep(CALM_S)  # the day's own clock, not a condition
        spender = running.enter_context(_run(stack, *SPENDER, seconds=FAULTY_S))
        summaries = [_ended(app) for app in apps]
        _ended(spender)
    calm = min(summary["faults_from"] for summary in summaries)
    return Day(stack, rules, start, calm, time.time(), reservations_end)


@contextmanager
def _run(
    stack: ExampleStack,
    app: str,
    rate: float,
    faults: str,
    *,
    fault_after: float = 0,
    seconds: float = CALM_S + FAULTY_S,
) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "examples.common.run", app, "--rate", f"{rate}", "--seconds", f"{seconds}"]
    command += ["--fault", faults, "--fault-after", f"{fault_after}"]
    with (
        log(stack, app).open("a") as stderr,
        subprocess.Popen(
            command, env=dict(stack.env), cwd=stack.settings.root, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def log(stack: ExampleStack, app: str) -> Path:
    """What the application says on stderr."""
    return stack.folder / f"{app}.log"


def _ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, process.args
    summary: dict[str, Any] = json.loads(output.splitlines()[-1])
    return summary


def _load_reservations(stack: ExampleStack, end: float) -> None:
    """Three days of Osool that are over: twice the same, but in one nobody reserves after the first day."""
    start = end - 3 * history.DAY_S
    for environment, faults in ((LONG_AGO_CALM, ()), (LONG_AGO, ("no_reservations",))):
        past = history.tell(OSOOL, start, end, environment=environment, faults=faults, fault_after_s=history.DAY_S)
        wanted = [each for each in history.all_series(past) if _is_of_reservations(dict(each.labels))]
        folder = stack.folder / environment
        folder.mkdir()
        files = prometheus.write_files(wanted, series.grid(start, end), end, folder, lambda number: None)
        places.Native(stack.settings).make_blocks(files)


def _is_of_reservations(labels: dict[str, str]) -> bool:
    return labels["__name__"] == "target_info" or labels.get("event_name") == "reservation"
