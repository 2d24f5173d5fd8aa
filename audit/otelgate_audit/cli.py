"""The command `otelgate-audit`. Each subcommand is a module with `OPTIONS` and `run(settings, options)`.

Exit status: 0 success, 1 a finding or a failure, 2 bad usage or settings, or, for `verify`, something that could not be
checked.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

import click
import psycopg

from . import command_line, settings
from .kinds import masked
from .model import database


class Subcommand(click.Command):
    """One subcommand; its module is imported when its options are read, so that the others cost nothing."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, help=text)
        self._path = path

    @property
    def module(self) -> Any:
        return importlib.import_module(f".{self._path}", __package__)

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        return [*self.module.OPTIONS, *super().get_params(context)]

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self.epilog = getattr(self.module, "EPILOG", None)
        super().format_epilog(context, formatter)

    def invoke(self, context: click.Context) -> int:
        return _run(self.module, context.params)


PROGRAM: Final = command_line.Group(
    help="The audit store: takes every turn of LLM agents, keeps it, and proves it complete.",
    epilog="Settings come from the environment: docs/reference/settings.md. Exit status: 0 done, 1 a finding or a"
    " failure, 2 bad usage or settings, or something that `verify` could not check.",
    context_settings=command_line.CONTEXT,
    commands=[
        Subcommand("serve", "server", "take OTLP from the gateway and commit it to PostgreSQL"),
        Subcommand(
            "keep", "keeper", "own the tables: migrate, make partitions, publish gauges, delete what is too old"
        ),
        Subcommand("feedback", "feedback.app", "take votes of web pages: POST /v1/feedback"),
        Subcommand("migrate", "commands.migrate", "bring the database's schema, views and roles up to date"),
        Subcommand("verify", "verify.command", "check the ledger and the records that it speaks for"),
        Subcommand("forget", "jobs.forget", "erase what the store holds about a person"),
        Subcommand("export", "export.command", "write turns to a file"),
        Subcommand("retention", "jobs.retention", "delete what is older than the settings say"),
        Subcommand(
            "reconcile",
            "reconcile.command",
            "compare the runs, calls and cost that the gateway counted with those stored",
        ),
        Subcommand("tier", "commands.tier", "list or set the monthly prices of tiers"),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # ids may use any script, a terminal may support ASCII only
        sys.stdout.reconfigure(errors="backslashreplace")
    return command_line.run(PROGRAM, "otelgate-audit", arguments)


def _run(module: Any, options: dict[str, Any]) -> int:
    try:
        code: int = module.run(settings.load(), SimpleNamespace(**options))
        sys.stdout.flush()
        return code
    except settings.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except database.SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    except psycopg.OperationalError as error:
        print("database: " + masked(str(error).strip().partition("\n")[0]), file=sys.stderr)
        return 1
    except BrokenPipeError:  # `otelgate-audit export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
