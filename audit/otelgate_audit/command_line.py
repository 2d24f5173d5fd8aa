"""Shared by the command lines `otelgate` and `otelgate-audit`: help, bad usage, kinds of options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import click

from .model import clock

PATH: Final = click.Path(path_type=Path)
CONTEXT: Final = {"help_option_names": ["-h", "--help"]}


class Group(click.Group):
    """Lists its commands in their own order, each with its whole text."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])


def run(program: click.Command, name: str, arguments: Sequence[str] | None) -> int:
    """Run it and return its exit status. Bad usage is one line on stderr, and status 2."""
    try:
        status: int = program.main(arguments, prog_name=name, standalone_mode=False)
        return status
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        print(f"error: {error.format_message()}", file=sys.stderr)
        return error.exit_code


def flag(*names: str, text: str) -> click.Option:
    return click.Option(names, is_flag=True, help=text)


def as_json(text: str = "print JSON, for scripts") -> click.Option:
    """`--json`: JSON and nothing else on stdout."""
    return flag("--json", "as_json", text=text)


def time(text: str) -> datetime:
    """An ISO 8601 date or time. Raises click.BadParameter."""
    try:
        return clock.parse(text)
    except (ValueError, OverflowError):  # the latter for a time out of range in UTC: 0001-01-01T00:00+01:00
        raise click.BadParameter(f"{text!r}: expected a date or time such as 2026-01-31 or 2026-01-31T12:00Z") from None


def time_us(text: str) -> int:
    """`time` in microseconds since 1970."""
    return clock.to_us(time(text))


def price(text: str) -> Decimal:
    """A price in USD. Raises click.BadParameter."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value < 10**9:
        raise click.BadParameter(f"{text!r}: expected a price of 0 or more, such as 49 or 9.90")
    return value
