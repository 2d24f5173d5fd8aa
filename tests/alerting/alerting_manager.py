"""A real Alertmanager with the stack's configuration, and alerts as Prometheus would send them."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from otelgate_stack import web
from otelgate_stack.build import builds
from otelgate_stack.clients import Alertmanager
from otelgate_stack.config import alerting
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

RULES = Path(__file__).resolve().parents[2] / "grafana" / "rendered" / "rules"


@dataclass(frozen=True)
class Manager:
    """One that runs; `url` is its address, `config` its file."""

    url: str
    config: Path
    amtool: Path

    def send(self, *alerts: Mapping[str, Any]) -> None:
        web.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=60).raise_for_status()

    def states(self) -> dict[str, str]:
        """alertname -> active, suppressed or unprocessed, of the alerts that it holds."""
        return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in self.alerts()}

    def alerts(self) -> list[Mapping[str, Any]]:
        """Those that it holds."""
        return Alertmanager(self.url, timeout_s=60).alerts()


GROUP_INTERVAL = "1s"
"""How long a group's next message waits here; what is set leaves time for 2 minutes: test_alerting_config.py."""


@contextmanager
def running(settings: Settings, folder: Path) -> Iterator[Manager]:
    """With the stack's configuration, but for the time between two messages of one group."""
    programs = builds.build(["alertmanager", "amtool"], settings, Report())
    config = alerting.render(settings, folder / "config")[0]
    rendered = yaml.safe_load(config.read_text())
    rendered["route"]["group_interval"] = GROUP_INTERVAL
    config.write_text(yaml.safe_dump(rendered, sort_keys=False))
    url = f"http://127.0.0.1:{settings.alertmanager_port}"
    command = [
        programs["alertmanager"],
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{settings.alertmanager_port}",
        f"--web.external-url={url}",
        "--cluster.listen-address=",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_ready(url, process, folder / "alertmanager.log")
        yield Manager(url, config, programs["amtool"])
    finally:
        process.terminate()
        process.wait(30)


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            if web.get(f"{url}/-/ready", timeout=60).is_success:
                return
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"Alertmanager does not answer: {log.read_text()[-2000:]}")
        time.sleep(0.05)


START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=6)
"""When alerts of `fired` began; those that ended did so after 6 minutes, which is now: long ago is forgotten."""


def fired(name: str, *, ended: bool = False, **labels: str) -> dict[str, Any]:
    """This alert as the committed rules make it of the series of its promtool test."""
    test = yaml.safe_load((RULES / "tests" / f"{name}.yaml").read_text())["tests"][0]
    (expected, *_) = test["alert_rule_test"][0]["exp_alerts"]
    return {
        "labels": {"alertname": name, **expected["exp_labels"], **labels},
        "annotations": expected["exp_annotations"],
        "startsAt": START.isoformat(),
        "endsAt": (START + timedelta(minutes=6 if ended else 60)).isoformat(),
        "generatorURL": "http://127.0.0.1:9090/graph",
    }
