"""Real Prometheus, Loki and PostgreSQL with made-up data, started once for the tests of dashboards.

The conftest of a folder whose tests read them imports `filled`.
"""

import subprocess
import time
from pathlib import Path
from typing import Any

import dashboard_series
import psycopg
import pytest
import shared
import thrown_away
from dashboard_stores import Filled
from otelgate_audit.model import database
from otelgate_console.asking.stores import TIMEOUT_S, Stores
from otelgate_console.asking.window import Window
from otelgate_stack import access, settings, state
from otelgate_stack.build import builds
from otelgate_stack.clients import Loki, Prometheus
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from turn_data import filling
from turn_data.world import SECOND, World

_TURNS = 3000
_DAYS = 8
_SERIES_S = 1500
"""Enough for every rate; an hour of thousands of series would take long to load."""


_SERVICES = ("prometheus", "loki", "postgres")


@pytest.fixture(scope="session")
def filled() -> Filled:
    made = shared.once("grafana", _fill)
    loaded = settings.load(made["env"])
    stores = Stores(Prometheus.of(loaded, TIMEOUT_S), Loki.of(loaded, TIMEOUT_S), database=made["reader"])
    return Filled(stores, made["owner"], Window(*made["window"]))


def _fill(folder: Path) -> dict[str, Any]:
    """Start them; returns what `filled` needs, as JSON."""
    env = shared.clean_env(folder)
    loaded = settings.load(env)
    end = int(time.time()) - 30
    window = Window(end - 3600, end)
    state.ensure(loaded)
    _fill_prometheus(loaded, folder, window)
    engine = NativeEngine(loaded, Report(), _SERVICES)
    engine.up()
    try:
        _fill_loki(loaded, window)
        owner, reader = _fill_database(loaded, end)
    except BaseException:
        thrown_away.end(loaded)
        raise
    window_s = [window.start, window.end]
    return {"env": env, "services": _SERVICES, "owner": owner, "reader": reader, "window": window_s}


def _fill_prometheus(loaded: settings.Settings, folder: Path, window: Window) -> None:
    """Blocks in its data folder, before it starts."""
    promtool = builds.build(["promtool"], loaded, Report())["promtool"]
    lines = dashboard_series.openmetrics(round(window.end) - _SERIES_S, round(window.end))
    (folder / "metrics.txt").write_text("\n".join(lines) + "\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", folder / "metrics.txt"]
    made = subprocess.run([*command, loaded.state_dir / "prometheus"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


def _fill_loki(loaded: settings.Settings, window: Window) -> None:
    """A few lines of each service, with what the queries look for as structured metadata."""
    lines = (
        ("INFO", "request answered", {}),
        ("ERROR", "the model did not answer", {"error_type": "timeout"}),
        ("INFO", "", {"otelgate_event_name": "session.start"}),
        ("INFO", "Invoice 17 created", {}),
        ("INFO", "payment of 12500 INR received", {"amount_inr": "12500"}),
        ("ERROR", "WebSocket error: closed abnormally", {"error_type": "1006"}),
    )
    streams = []
    for service in ("estate-bot", "osool", "bestbox", "execora"):
        values = [
            [
                str(round((window.end - 60 + number) * 1e9)),
                text,
                {"severity_text": severity, "detected_level": severity.lower(), "trace_id": f"{number:032x}", **more},
            ]
            for number, (severity, text, more) in enumerate(lines)
        ]
        streams.append({"stream": {"service_name": service, "deployment_environment_name": "test"}, "values": values})
    with access.client(loaded, "loki", timeout=30) as client:
        client.post("/loki/api/v1/push", json={"streams": streams}).raise_for_status()


def _fill_database(loaded: settings.Settings, end: int) -> tuple[str, str]:
    """Migrated, with turns of eight days. Returns how the owner and how Grafana's role connect."""
    assert loaded.database_password is not None
    password = loaded.database_password.read_text().strip()
    owner = psycopg.conninfo.make_conninfo(loaded.database, password=password)
    database.migrate(loaded.database, password=password, grafana_password="for tests")
    with psycopg.connect(owner) as connection:
        filling.fill(connection, World(_TURNS, _DAYS, end * SECOND, seed=1))
        filling.vacuum(connection)
        connection.execute(
            "INSERT INTO audit.events (start_time, uid, service, name, attributes)"
            " VALUES (to_timestamp(%s), 'deployment-1', 'estate-bot', 'deployment', '{\"version\": \"1.4.2\"}')",
            [end - 1800],
        )
    return owner, psycopg.conninfo.make_conninfo(loaded.database, user="otelgate_grafana", password="for tests")
