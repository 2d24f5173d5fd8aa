"""The options of a subcommand, read as the command line reads them."""

from types import SimpleNamespace
from typing import Any

import click


def options(module: Any, *arguments: str) -> SimpleNamespace:
    """Those of `module.OPTIONS` with these arguments. Raises click.UsageError."""
    context = click.Command("test", params=module.OPTIONS).make_context("test", [*arguments])
    return SimpleNamespace(**context.params)
