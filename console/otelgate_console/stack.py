"""The stack on this machine, as the console sees it."""

from pathlib import Path

import psycopg
from otelgate_stack.clients import Alertmanager, Loki, Prometheus, Tempo
from otelgate_stack.errors import StackError
from otelgate_stack.settings import Settings

from .asking.stores import TIMEOUT_S, Stores
from .data.alerts import Alerts
from .reports.mail import Server


def rendered(settings: Settings) -> Path:
    """The folder of the rendered dashboards."""
    return settings.root / "grafana" / "rendered" / "dashboards"


def stores(settings: Settings) -> Stores:
    """Its stores, with Grafana's own role in the database."""
    return Stores(
        Prometheus.of(settings, TIMEOUT_S),
        Loki.of(settings, TIMEOUT_S),
        Tempo.of(settings, TIMEOUT_S),
        _login(settings, settings.grafana_database_password_file, user="otelgate_grafana"),
    )


def content(settings: Settings) -> str:
    """A connection string for the database's owner, who may read content."""
    return _login(settings, settings.database_password)


def _login(settings: Settings, password: Path | None, **given: str) -> str:
    """psycopg takes what a URL leaves out from keywords."""
    if password:
        given["password"] = password.read_text().strip()
    return psycopg.conninfo.make_conninfo(settings.database, **given)


def alerts(settings: Settings) -> Alerts:
    """Its alerts and their runbooks."""
    runbooks = settings.root / "grafana" / "runbooks"
    return Alerts(Prometheus.of(settings, TIMEOUT_S), Alertmanager.of(settings, TIMEOUT_S), runbooks)


def url(settings: Settings) -> str:
    """The console's address, for links in reports."""
    return "http://127.0.0.1:8090"


def mail_server(settings: Settings) -> Server:
    """The mail server of the alerts. Raises StackError if none is set."""
    if not settings.smtp_host:
        raise StackError("OTELGATE_SMTP_HOST: not set; expected host:port of a mail server")
    password = settings.smtp_password_file.read_text().strip() if settings.smtp_password_file else ""
    user = settings.smtp_user or ""
    return Server(settings.smtp_host, settings.smtp_from, user, password, settings.smtp_require_tls)
