"""`otelgate-audit migrate`."""

from __future__ import annotations

import argparse

from ..model import database
from ..settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(settings: Settings, options: argparse.Namespace) -> int:
    print("\n".join(database.migrate_with(settings) or ["nothing to do"]))
    return 0
