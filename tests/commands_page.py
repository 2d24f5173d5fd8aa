"""The table of docs/reference/commands.md: which JSON each command prints."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"


class Documented(NamedTuple):
    """The form of a command's output, and the keys of its objects."""

    output: str
    keys: set[str]


def documented() -> dict[str, Documented]:
    """By command, without `otelgate`."""
    rows = re.findall(r"^\| `otelgate ([a-z ]+)` \| ([a-z ]+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    return {command: Documented(output, set(re.findall(r"`(\w+)`", keys))) for command, output, keys in rows}
