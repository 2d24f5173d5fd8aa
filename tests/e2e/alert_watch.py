"""From fault to notification: a watched stack, applications with switches, and when whom was told.

`OTELGATE_ALERT_WEBHOOK_URL` gets every notification; the time of its arrival is what counts.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from alert_inbox import Inbox, Message, inbox
from otelgate_grafana.alerts.model import tidy
from otelgate_grafana.alerts.render import seconds
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_stack import debian, monitoring, ports, settings, stores
from otelgate_stack.engines import watchers
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from scaled_rules import scaled
from waiting import until

SERVICES = ("gateway", "prometheus", "loki", "tempo", "audit", "postgres", "alertmanager", "prober")
RULES_S = 5
"""How often scaled rules are evaluated at least: as often as those of which somebody is to know within 2 minutes."""
STEP_S = 1
"""How exactly it is known since when a condition holds."""

_ALERTS = {alert.name: alert for alert in ALERTS}


@dataclass(frozen=True)
class Measured:
    """Times in Unix seconds. `thrown`: the fault; `holds`: since when the alert's condition holds without a break, by
    the stored samples; `told`: when the notification arrived."""

    alert: str
    service: str
    thrown: float
    holds: float
    told: float
    for_s: int

    @property
    def _scaled(self) -> str:
        committed = seconds(_ALERTS[self.alert].for_)
        return "" if self.for_s == committed else f" in place of {committed} s"

    def __str__(self) -> str:
        return (
            f"{self.alert} {self.service}: notified {self.told - self.thrown:.1f} s after the fault, "
            f"{self.told - self.holds:.1f} s after its condition held (for: {self.for_s} s{self._scaled})"
        )


@dataclass
class Watch:
    """The running stack, and what was started beside it."""

    settings: settings.Settings
    env: Mapping[str, str]
    engine: NativeEngine
    inbox: Inbox
    folder: Path
    longest_for_s: int | None = None
    """No rule holds longer than this, where rules are scaled."""
    applications: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def prometheus(self) -> stores.Prometheus:
        return stores.Prometheus(f"http://127.0.0.1:{self.settings.prometheus_port}")

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
            return httpx.get(url, trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def post(self, signal: str, body: Mapping[str, Any]) -> int:
        """Send OTLP to the gateway, as JSON; returns the status of its answer."""
        url = f"http://127.0.0.1:{self.settings.http_port}/v1/{signal}"
        return httpx.post(url, json=body, trust_env=False, timeout=60).status_code

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the audit store, as its owner."""
        password = self.settings.database_password
        assert password is not None
        with psycopg.connect(self.settings.database, password=password.read_text().strip()) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def measure(self, alert: str, service: str, thrown: float, deadline_s: float) -> Measured:
        """Wait until somebody is told of the alert. `service` is the value of service_name, empty where it has none."""

        def tells(message: Message) -> bool:
            return message.at >= thrown and any(_is(each, alert, service) for each in message.body["alerts"])

        message = self.inbox.wait("/webhook", tells, thrown + deadline_s - time.time())
        (first, *_) = (each for each in message.body["alerts"] if _is(each, alert, service))
        for_s = seconds(_ALERTS[alert].for_)
        if self.longest_for_s is not None:
            for_s = min(for_s, self.longest_for_s)
        return Measured(alert, service, thrown, self._holds(alert, thrown, first), message.at, for_s)

    def _holds(self, name: str, thrown: float, alert: Mapping[str, Any]) -> float:
        """Since when the condition had held without a break when the alert fired."""
        fired = datetime.fromisoformat(alert["startsAt"]).timestamp()
        answer = httpx.get(
            f"{self.prometheus.url}/api/v1/query_range",
            params={"query": tidy(_ALERTS[name].expr), "start": thrown, "end": fired + STEP_S, "step": STEP_S},
            trust_env=False,
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


@contextmanager
def watched(folder: Path, *, for_s: int | None = None, **changes: str) -> Iterator[Watch]:
    """A stack that tells a local webhook of every alert; applications end with it.

    With `for_s` no rule holds longer than that, and none is evaluated less often than every RULES_S.
    """
    with pytest.MonkeyPatch.context() as patch:
        if for_s is not None:
            rules = scaled(settings.load().root, folder / "rules", interval_s=RULES_S, for_s=for_s)
            native = monitoring.native
            patch.setattr(monitoring, "native", lambda loaded: replace(native(loaded), rules=str(rules)))
        with _watched(folder, changes, for_s) as watch:
            yield watch


@contextmanager
def _watched(folder: Path, changes: Mapping[str, str], for_s: int | None) -> Iterator[Watch]:
    debian.fetch(watchers.EXPORTERS["prober"], settings.load(), Report())  # without it nothing here can be shown
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELGATE_"))}
    with inbox() as box:
        own = {"OTELGATE_STATE_DIR": str(folder / "s"), "OTELGATE_ALERT_WEBHOOK_URL": f"{box.url}/webhook"}
        env = {**kept, **ports.free_env(), **own, "ENGINE": "native", **changes}
        loaded = settings.load(env)
        engine = NativeEngine(loaded, Report(), services=SERVICES)
        engine.up()
        watch = Watch(loaded, env, engine, box, folder, for_s)
        try:
            yield watch
        finally:
            for app in list(watch.applications):
                watch.kill(app)
            engine.down()
