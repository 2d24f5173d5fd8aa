"""`otelgate-audit migrate`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

import click

from ..model import database
from ..settings import Settings

OPTIONS: Final[list[click.Option]] = []


def run(settings: Settings, options: SimpleNamespace) -> int:
    print("\n".join(database.migrate_with(settings) or ["nothing to do"]))
    return 0
