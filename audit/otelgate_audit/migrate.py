"""`otelgate-audit migrate`."""

from __future__ import annotations

import argparse

from . import database
from .settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    password, grafana = settings.database_password, settings.grafana_password
    done = database.migrate(settings.database_url, password=password, grafana_password=grafana)
    print("\n".join(done or ["nothing to do"]))
    return 0
