"""From fault to notification: a watched stack, applications with switches, and the time of each delivery.

`OTELGATE_ALERT_WEBHOOK_URL` gets every notification; the time of its arrival is what counts. Where a rule waits for
long, its times may be scaled (scaled_rules.py): what is measured says so.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import scaled_rules
import shared
import thrown_away
from alert_inbox import Inbox, Message, inbox
from otelgate_grafana.alerts.render import seconds
from otelgate_stack import clients, settings, web
from otelgate_stack.build import debian
from otelgate_stack.config import monitoring
from otelgate_stack.engines import native
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.engines.service import Service
from otelgate_stack.report import Report
from scaled_rules import Times
from waiting import until

SERVICES = ("gateway", "prometheus", "loki", "tempo", "audit", "keeper", "postgres", "alertmanager", "prober")
STEP_S = 1
"""How exactly it is known since when a condition holds."""

_COMMITTED = scaled_rules.alerts()


@dataclass(frozen=True)
class Measured:
    """Times in Unix seconds. `thrown`: the fault; `holds`: since when the alert's condition holds without a break, by
    the stored samples; `told`: when the notification arrived. `rule`: as Prometheus had it."""

    alert: str
    service: str
    thrown: float
    holds: float
    told: float
    rule: Mapping[str, Any]

    @property
    def times(self) -> str:
        """The rule's `for`, and which of its times are not the committed ones."""
        own = _COMMITTED[self.alert]
        text = f"for: {_for_s(self.rule)} s"
        if self.rule["expr"] != own["expr"]:
            return f"{text}, scaled like its ranges; else {_for_s(own)} s"
        return text if _for_s(self.rule) == _for_s(own) else f"{text}, scaled; else {_for_s(own)} s"

    def __str__(self) -> str:
        return (
            f"{self.alert} {self.service}: notified {self.told - self.thrown:.1f} s after the fault, "
            f"{self.told - self.holds:.1f} s after its condition held ({self.times})"
        )


@dataclass
class Watch:
    """The running stack, its alerts' rules, and the processes started with it."""

    settings: settings.Settings
    env: Mapping[str, str]
    engine: NativeEngine
    inbox: Inbox
    folder: Path
    rules: Mapping[str, Mapping[str, Any]]
    applications: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def prometheus(self) -> clients.Prometheus:
        return clients.Prometheus.of(self.settings)

    def start(self, app: str, fault: str = "", *arguments: str) -> float:
        """`make example` in the background, until the test is over; returns when its users began to come."""
        command = [sys.executable, "-m", "examples.common.run", app, "--seconds", "7200", *arguments]
        log = self.folder / f"{app}.log"
        with log.open("wb") as file:
            self.applications[app] = subprocess.Popen(
                [*command, *(["--fault", fault] if fault else [])],
                env=dict(self.env),
                cwd=self.settings.root,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert until(lambda: b" answers at " in log.read_bytes(), deadline_s=120), log.read_text()[-3000:]
        return time.time()

    def kill(self, app: str) -> float:
        """End it as a crash would; returns when."""
        process = self.applications.pop(app)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        return time.time()

    def probe(self, service: str, kind: str, target: str) -> None:
        """Have this probed, as a running application does."""
        targets = [{"targets": [target], "labels": {"service": service, "kind": kind}}]
        folder = monitoring.probes(self.settings)
        (folder / f"{service}.draft").write_text(json.dumps(targets))
        (folder / f"{service}.draft").replace(folder / f"{service}.json")

    def answers(self, service: str) -> bool:
        """Whether all that is probed of it answered."""
        found = self.prometheus.query(f'probe_success{{service="{service}"}}')
        return bool(found) and all(sample.value == 1 for sample in found)

    def listens(self, service: str, kind: str) -> bool:
        """Whether anything answers now where this kind of it is probed."""
        file = monitoring.probes(self.settings) / f"{service}.json"
        if not file.exists():  # the application is just about to write it
            return False
        targets = json.loads(file.read_text())
        (url,) = (url for each in targets if each["labels"]["kind"] == kind for url in each["targets"])
        try:
            return web.get(url, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def post(self, signal: str, body: Mapping[str, Any]) -> int:
        """Send OTLP to the gateway, as JSON; returns the status of its answer."""
        url = f"http://127.0.0.1:{self.settings.http_port}/v1/{signal}"
        return web.post(url, json=body, timeout=60).status_code

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the audit store, as its owner."""
        password = self.settings.database_password
        assert password is not None
        with psycopg.connect(self.settings.database, password=password.read_text().strip()) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def measure(self, alert: str, service: str, thrown: float, deadline_s: float) -> Measured:
        """Wait for the alert's notification. `service` is the value of service_name, empty where it has none."""

        def tells(message: Message) -> bool:
            return message.at >= thrown and any(_is(each, alert, service) for each in message.body["alerts"])

        message = self.inbox.wait("/webhook", tells, thrown + deadline_s - time.time())
        (first, *_) = (each for each in message.body["alerts"] if _is(each, alert, service))
        return Measured(alert, service, thrown, self._holds(alert, thrown, first), message.at, self.rules[alert])

    def _holds(self, name: str, thrown: float, alert: Mapping[str, Any]) -> float:
        """Since when the condition had held without a break when the alert fired."""
        fired = datetime.fromisoformat(alert["startsAt"]).timestamp()
        answer = self.prometheus.http.get(
            "/api/v1/query_range",
            params={"query": self.rules[name]["expr"], "start": thrown, "end": fired + STEP_S, "step": STEP_S},
            timeout=60,
        ).raise_for_status()
        series = answer.json()["data"]["result"]
        own = [each for each in series if _without_name(each["metric"]).items() <= alert["labels"].items()]
        held = sorted({float(at) for each in own for at, _ in each["values"]}, reverse=True)
        assert held, f"{name} fired, and its condition held at no time: {series}"
        since = held[0]
        for at in held:
            if since - at > 1.5 * STEP_S:
                break
            since = at
        return since


def _without_name(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}


def _is(alert: Mapping[str, Any], name: str, service: str) -> bool:
    labels = alert["labels"]
    return (alert["status"], labels["alertname"], labels.get("service_name", "")) == ("firing", name, service)


def _for_s(rule: Mapping[str, Any]) -> int:
    return seconds(rule.get("for", "0s"))


@contextmanager
def watched(
    folder: Path, times: Mapping[str, Times] | None = None, *, for_s: int | None = None, **changes: str
) -> Iterator[Watch]:
    """A stack that tells a local webhook of every alert; applications end with it. `times`: of alerts, by name.

    With `for_s` no rule holds longer than that, and none is evaluated less often than every scaled_rules.OFTEN_S.
    """
    debian.fetch(debian.EXPORTERS["prober"], settings.load(), Report())  # without it nothing here can be shown
    often = None if for_s is None else scaled_rules.OFTEN_S
    rules = scaled_rules.write(folder / "rules", times or {}, interval_s=often, for_s=for_s)
    with inbox() as box, scaled_rules.loaded(rules):
        own = {"OTELGATE_STATE_DIR": str(folder / "s"), "OTELGATE_ALERT_WEBHOOK_URL": f"{box.url}/webhook"}
        env = shared.clean_env(folder, **own, **changes)
        loaded = settings.load(env)
        engine = NativeEngine(loaded, Report(), services=SERVICES)
        engine.up()
        watch = Watch(loaded, env, engine, box, folder, scaled_rules.alerts(rules))
        try:
            yield watch
        finally:
            for app in list(watch.applications):
                watch.kill(app)
            thrown_away.end(loaded)


@contextmanager
def compared_soon() -> Iterator[None]:
    """Stacks that are started meanwhile have a keeper that compares runs sooner: quick_keeper.py."""
    real = native.services

    def services(loaded: settings.Settings, only: Sequence[str] | None = None) -> list[Service]:
        quick = ("-P", str(Path(__file__).with_name("quick_keeper.py")), "keep")
        return [replace(each, arguments=quick) if each.name == "keeper" else each for each in real(loaded, only)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "services", services)
        yield
