"""A week of the four applications: days of history of each, then all live, side by side, and asked meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import scaled_rules
from example_stack import STORES, WATCHERS, ExampleStack, heed_interrupts, running_stack
from otelgate_console import stack as console
from otelgate_console.asking import dashboards, panels
from otelgate_console.asking.dashboards import Dashboard
from otelgate_console.asking.panels import Answer
from otelgate_console.asking.stores import Stores
from otelgate_console.asking.window import Window
from otelgate_stack import settings
from waiting import until

APPLICATIONS = ("estate_bot", "osool", "bestbox", "execora")
_SERVICES = "estate-bot|osool|bestbox|execora"
WEEK_S = 7 * 86_400
RECORDED_S = 300
"""How long probes and rules may take to see all four. They live on until all is asked: what says how full Redis is ends
with them."""
DASHBOARDS = dashboards.load(console.rendered(settings.load({})))
"""As rendered, by name."""
PRICES = {"basic": "29", "pro": "99"}


@dataclass(frozen=True)
class Week:
    """The stores with a week in them: all of it, and the part that was lived. `answers`: by dashboard."""

    stack: ExampleStack
    stores: Stores
    whole: Window
    live: Window
    turn: str
    """A trace id of the newest turn with tools."""
    answers: dict[str, list[Answer]]

    def ask(self, dashboard: Dashboard) -> list[Answer]:
        """Every query over the week."""
        return panels.ask(dashboard, self.stores, self.whole, **_chosen(dashboard, self.turn))


@contextmanager
def lived(folder: Path) -> Iterator[Week]:
    """The applications have ended when it is given, their numbers and answers are there.

    Osool and its models fail now and then while it lives, so that errors have series at any hour. The rules that have
    their turn every five minutes have it every minute.
    """
    rules = scaled_rules.write(folder / "rules", intervals={"otelgate-slo-budget": "1m"})
    services = (*STORES, *WATCHERS, "alertmanager")
    with scaled_rules.loaded(rules), running_stack(folder, services=services) as stack:
        for tier, monthly_usd in PRICES.items():  # as examples/estate_bot/README.md says
            _command(stack, "audit", "tier", "--service", "estate-bot", "--tier", tier, "--monthly-usd", monthly_usd)
        with ThreadPoolExecutor(len(APPLICATIONS)) as pool:
            past = ("--history", "7d", "--visits", "1", "--speed", "20")
            list(pool.map(lambda name: stack.example(name, *past), APPLICATIONS))
        with ExitStack() as running:
            began = time.time()
            living = [running.enter_context(_lives(stack, name)) for name in APPLICATIONS]
            week = _looked_at(stack, began)
            ended = [name for name, process in zip(APPLICATIONS, living, strict=True) if process.poll() is not None]
            assert ended == []
        yield week


@contextmanager
def _lives(stack: ExampleStack, app: str) -> Iterator["subprocess.Popen[bytes]"]:
    """An application with users, until it is left."""
    command = [sys.executable, "-m", "examples.common.run", app, "--seconds", "3600", "--seed", "2"]
    command += ["--fault", "http_errors,model_errors"] if app == "osool" else []
    with (stack.folder / f"{app}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=dict(stack.env),
            cwd=stack.settings.root,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(120)


def _command(stack: ExampleStack, *arguments: str) -> None:
    command = [sys.executable, "-m", "otelgate_stack", *arguments]
    done = subprocess.run(command, env=dict(stack.env), cwd=stack.settings.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _looked_at(stack: ExampleStack, began: float) -> Week:
    """When all four have been there for most of a minute, and rules have recorded what they did.

    Grafana's role may read content, as grafana/README.md says how.
    """
    there = f'count(count by (service) (count_over_time(probe_success{{service=~"{_SERVICES}"}}[1m]) >= 5))'
    recorded = "count(service:turns:rate5m and service:http_requests:rate5m > 0)"
    condition = f"({there} and {recorded} >= {len(APPLICATIONS)}) >= {len(APPLICATIONS)}"
    assert until(lambda: stack.prometheus.query(condition), deadline_s=RECORDED_S, every_s=1), condition
    end = time.time()
    newest = (
        "SELECT trace_id FROM audit.turns WHERE tool_calls > 0 AND started_at < now() - interval '20 s'"
        " ORDER BY started_at DESC LIMIT 1"
    )
    ((turn,),) = stack.sql(newest)
    assert stack.settings.database_password is not None
    password = stack.settings.database_password.read_text().strip()
    with psycopg.connect(stack.settings.database, password=password) as connection:
        connection.execute("GRANT otelgate_content TO otelgate_grafana")
    stores, whole, live = console.stores(stack.settings), Window(end - WEEK_S, end), Window(began - 60, end)
    answers = {}
    for dashboard in DASHBOARDS.values():
        chosen = _chosen(dashboard, turn)
        of_live, of_week = (panels.ask(dashboard, stores, window, **chosen) for window in (live, whole))
        answers[dashboard.name] = [
            lately if not before.result.rows and not before.result.error else before
            for before, lately in zip(of_week, of_live, strict=True)
        ]
    return Week(stack, stores, whole, live, turn, answers)


def _chosen(dashboard: Dashboard, turn: str) -> dict[str, str]:
    """The choices that show one turn; every other dashboard is as when it opens."""
    return {"trace": turn} if dashboard.name == "conversation-audit" else {}
