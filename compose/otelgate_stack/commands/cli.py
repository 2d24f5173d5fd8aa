"""The command line `otelgate`, which `make` calls. The commands of a section of its help are in a file each."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

import click
from click.shell_completion import get_completion_class
from otelgate_audit import command_line

from ..errors import CheckError, SettingsError, StackError
from ..report import Report
from . import audit_command, looking, operating, running, supply_chain

NAME = "otelgate"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit status: 0, 1 for an error, 2 for bad settings or usage, 3 for a stack that isn't ready."""
    # A `make up` that is killed, or whose terminal is closed, cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    return command_line.run(PROGRAM, NAME, arguments)


class Program(command_line.Group):
    """The commands under their headings; each failure becomes one line and an exit status."""

    def invoke(self, context: click.Context) -> int:
        try:
            status: int = super().invoke(context)
            return status
        except (SettingsError, CheckError) as error:
            return _fail(str(error), 2)
        except StackError as error:
            return _fail(str(error), 1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # `make logs | head`: the reader has closed the pipe. Nothing may be flushed to it at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(command.name or "", command.help or "") for command in commands])


@click.command(help="print the completion script of a shell: bash, zsh or fish")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    script = get_completion_class(shell)
    assert script
    click.echo(script(PROGRAM, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())
    return 0


def _fail(error: str, status: int) -> int:
    report = Report(sys.stderr)
    first, _, rest = error.partition("\n")
    report.line(f"{report.style('error:', 'red')} {first}" + (f"\n{rest}" if rest else ""))
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


SECTIONS: Final[dict[str, Sequence[click.Command]]] = {
    "Run the stack": running.COMMANDS,
    "Look": looking.COMMANDS,
    "Audit": (audit_command.GROUP,),
    "Operate": operating.COMMANDS,
    "Supply chain": supply_chain.COMMANDS,
    "Shell": (completion,),
}

PROGRAM: Final = Program(
    help="Runs otelgate's gateway and the stores behind it, and looks into them.",
    epilog="Settings come from the environment and from .env at the repository's root; `settings` lists them."
    " Exit status: 0 done, 1 failed or something was found, 2 bad usage or settings or a check could not be made,"
    " 3 a service isn't ready (`status`).",
    context_settings=command_line.CONTEXT,
    commands=[command for commands in SECTIONS.values() for command in commands],
)
