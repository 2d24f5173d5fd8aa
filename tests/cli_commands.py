"""The commands of `otelgate`, as they are declared."""

import click
from otelgate_stack.commands import cli


def all_commands(group: click.Group = cli.PROGRAM, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Every command that does something, by the words that call it."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        words = (*path, name)
        found |= all_commands(command, words) if isinstance(command, click.Group) else {words: command}
    return found
