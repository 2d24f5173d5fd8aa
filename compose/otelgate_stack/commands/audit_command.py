"""`otelgate audit`: the commands of `otelgate-audit`, each a process with the stack's database, keys and stores."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from otelgate_audit import command_line
from otelgate_audit.cli import PROGRAM

from .. import settings as settings_module
from ..settings import PREFIX, Settings


def run(settings: Settings, arguments: Sequence[str], *, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `capture`: keep what it prints, instead of printing it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "otelgate_audit", *arguments]
    return subprocess.run(command, env={**env, **settings.owner_env()}, capture_output=capture, text=True)


class AuditCommand(click.Command):
    """A command of `otelgate-audit`, run as a process with this stack's database, keys and stores."""

    def __init__(self, declared: click.Command) -> None:
        super().__init__(declared.name, help=declared.help)
        self._declared = declared

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        return self._declared.get_params(context)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self._declared.format_epilog(context, formatter)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        context.obj = list(args)  # as they were given: parsing only checks them
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> int:
        given: Any = context.obj
        return run(settings_module.load(), [context.info_name or "", *given]).returncode


GROUP: Final = command_line.Group(
    "audit",
    help="run otelgate-audit on this stack's store: verify, export, forget, ...",
    commands=[AuditCommand(declared) for declared in PROGRAM.commands.values()],
)
