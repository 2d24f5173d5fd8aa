"""The command `otelgate-audit`. Each subcommand is a module with `add_arguments(parser)` and `run(settings, options)`.

Exit codes: 0 success, 1 a finding or a failure, 2 bad usage or settings, or, for `verify`, something that could not be
checked.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import io
import os
import sys
from typing import Any, Final

import psycopg

from . import settings
from .kinds import masked
from .model import database

# subcommand -> module, what it does. Only the one that runs is imported.
COMMANDS: Final = {
    "serve": ("server", "take OTLP from the gateway and commit it to PostgreSQL"),
    "keep": ("keeper", "own the tables: migrate, make partitions, publish gauges, delete what is too old"),
    "feedback": ("feedback.app", "take votes of web pages: POST /v1/feedback"),
    "migrate": ("commands.migrate", "bring the database's schema, views and roles up to date"),
    "verify": ("verify.command", "check the ledger and the records that it speaks for"),
    "forget": ("jobs.forget", "erase what the store holds about a person"),
    "export": ("export.command", "write turns to a file"),
    "retention": ("jobs.retention", "delete what is older than the settings say"),
    "reconcile": ("reconcile.command", "compare the runs, calls and cost that the gateway counted with those stored"),
    "tier": ("commands.tier", "list or set the monthly prices of tiers"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):  # ids may use any script, a terminal may support ASCII only
        sys.stdout.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    name = arguments[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        expected = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}"
        print(f"otelgate-audit: unknown command {name!r}; {expected}", file=sys.stderr)
        return 2
    path, doc = COMMANDS[name]
    module = importlib.import_module(f".{path}", __package__)
    parser = argparse.ArgumentParser(f"otelgate-audit {name}", description=f"{doc[0].upper()}{doc[1:]}.")
    module.add_arguments(parser)
    return _run(module, parser.parse_args(arguments[1:]))


def usage() -> str:
    lines = [f"  {name:<10} {doc}" for name, (_, doc) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: otelgate-audit COMMAND [options]; otelgate-audit COMMAND --help tells more",
            "",
            *lines,
            "",
            "Settings come from the environment: docs/reference/settings.md.",
        ]
    )


def _run(module: Any, options: argparse.Namespace) -> int:
    try:
        code: int = module.run(settings.load(), options)
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
