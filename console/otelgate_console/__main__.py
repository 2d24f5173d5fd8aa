"""Serves the console of the stack that runs, for development: `python -m otelgate_console PORT FOLDER`."""

import sys
from pathlib import Path

import psycopg
import uvicorn
from otelgate_stack import settings
from otelgate_stack.clients import Loki, Prometheus, Tempo

from .app import application
from .asking import dashboards
from .asking.stores import TIMEOUT_S, Stores


def main() -> int:
    port, charts = int(sys.argv[1]), Path(sys.argv[2])
    loaded = settings.load()
    app = application(dashboards.load(loaded.root / "grafana/rendered/dashboards"), stores(loaded), charts)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, server_header=False)
    return 0


def stores(loaded: settings.Settings) -> Stores:
    """A running stack's, with Grafana's own role in the database."""
    password = loaded.grafana_database_password_file
    # psycopg takes what a URL leaves out from keywords; the role is Grafana's, not the owner's.
    given = {"user": "otelgate_grafana"} | ({"password": password.read_text().strip()} if password else {})
    return Stores(
        Prometheus.of(loaded, TIMEOUT_S),
        Loki.of(loaded, TIMEOUT_S),
        Tempo.of(loaded, TIMEOUT_S),
        psycopg.conninfo.make_conninfo(loaded.database, **given),
    )


if __name__ == "__main__":
    sys.exit(main())
