"""Shared by the scripts make_*.py: parts of a text between marks, the format of Python, writing or comparing files."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
MARKDOWN: Final = ("<!-- generated: {} -->", "<!-- end of generated: {} -->")


@dataclass
class Marked:
    """A text of people's with parts between lines that say `<name>` and `end of <name>`."""

    text: str
    marks: tuple[str, str] = field(default=("# generated: {}", "# end of generated: {}"))

    def replace(self, name: str, part: str) -> None:
        first, last = (re.escape(mark.format(name)) for mark in self.marks)
        pattern = re.compile(rf"(?<={first}\n).*?(?=^ *{last}$)", re.DOTALL | re.MULTILINE)
        self.text, found = pattern.subn(lambda _: part, self.text)
        if found != 1:
            raise SystemExit(f"expected one part {self.marks[0].format(name)!r}, found {found}")


def formatted(python: str) -> str:
    """As ruff formats it."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [ruff, "format", "--quiet", "--stdin-filename", str(ROOT / "compose/table.py"), "-"]
    return subprocess.run(command, input=python, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def write(made: Mapping[Path, str]) -> int:
    """Write the files that differ. With --check name them instead; the exit status is 1 if there are any."""
    differ = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in differ:
            print(f"{path.relative_to(ROOT)} differs from its source: run `make generate`")
        return int(bool(differ))
    for path in differ:
        path.write_text(made[path])
    return 0
