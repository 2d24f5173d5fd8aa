"""Serves the console of the stack that runs, for development: `python -m otelgate_console PORT CHARTS ACCOUNTS`."""

import sys
from pathlib import Path

import uvicorn
from otelgate_audit.feedback.emit import Emitter
from otelgate_stack import settings

from .access.readings import Readings
from .app import Console, application
from .asking import dashboards
from .stack import alerts, content, rendered, stores


def main() -> int:
    port, charts, accounts = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    loaded = settings.load()
    console = Console(
        dashboards.load(rendered(loaded)),
        stores(loaded),
        charts,
        accounts,
        content(loaded),
        Readings(Emitter.to_gateway(f"http://127.0.0.1:{loaded.grpc_port}")),
        alerts(loaded),
    )
    uvicorn.run(application(console), host="127.0.0.1", port=port, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
