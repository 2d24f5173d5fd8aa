"""The stack on this machine, as the console sees it."""

from pathlib import Path

import psycopg
from otelgate_stack.clients import Alertmanager, Loki, Prometheus, Tempo
from otelgate_stack.settings import Settings

from .asking.stores import TIMEOUT_S, Stores
from .data.alerts import Alerts


def rendered(settings: Settings) -> Path:
    """The folder of the rendered dashboards."""
    return settings.root / "grafana" / "rendered" / "dashboards"


def stores(settings: Settings) -> Stores:
    """Its stores, with Grafana's own role in the database."""
    password = settings.grafana_database_password_file
    # psycopg takes what a URL leaves out from keywords; the role is Grafana's, not the owner's.
    given = {"user": "otelgate_grafana"} | ({"password": password.read_text().strip()} if password else {})
    return Stores(
        Prometheus.of(settings, TIMEOUT_S),
        Loki.of(settings, TIMEOUT_S),
        Tempo.of(settings, TIMEOUT_S),
        psycopg.conninfo.make_conninfo(settings.database, **given),
    )


def content(settings: Settings) -> str:
    """A connection string for the database's owner, who may read content."""
    password = settings.database_password
    given = {"password": password.read_text().strip()} if password else {}
    return psycopg.conninfo.make_conninfo(settings.database, **given)


def alerts(settings: Settings) -> Alerts:
    """Its alerts and their runbooks."""
    runbooks = settings.root / "grafana" / "runbooks"
    return Alerts(Prometheus.of(settings, TIMEOUT_S), Alertmanager.of(settings, TIMEOUT_S), runbooks)
