"""The demo's output in README.md: `make demo-capture` writes it, test_demo.py compares it with a run.

A capture has the demo's trace, its log lines and its first turn. The comparison ignores numbers, ids, widths, and the
order of lines within a section and of a turn's tools, since two tools of the demo run concurrently.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- generated: make demo-capture -->\n```text\n", "```\n<!-- end of generated: make demo-capture -->\n"
TITLES = ("trace ", "logs of this trace ", "turns on record ")
TURN_LINES = 3
"""The lines of one turn: question, answer, figures."""


def excerpt(output: str) -> str:
    """The part of the demo's output that README.md shows. Raises ValueError if a section is missing."""
    sections = []
    for title in TITLES:
        found = re.search(rf"^{title}.*\n(?:  .*\n)+", output, re.MULTILINE)
        if not found:
            raise ValueError(f"no section '{title}…': expected the output of `make demo` with the audit store")
        sections.append(found[0].splitlines())
    title, *turns = sections[-1]
    elsewhere = [line for line in turns if line.endswith("of these words")]
    sections[-1] = [title, *turns[:TURN_LINES], "  …", *elsewhere]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def normalised(capture: str) -> list[list[str]]:
    """The lines of each section, sorted, without ids, numbers, widths and the branches of the tree."""
    text = re.sub(r"[0-9a-f]{32}", "ID", capture)
    text = re.sub(r"\d+(?:[.:]\d+)*", "N", re.sub("[│├└─]", " ", text))
    text = re.sub(r"(?<= tools )[^,\n]+", _sorted_tools, text)
    return [sorted(" ".join(line.split()) for line in section.splitlines()) for section in text.split("\n\n")]


def _sorted_tools(called: re.Match[str]) -> str:
    """The tools of a turn in the order of their names; ✘ stays with the one that failed."""
    return " ".join(sorted(re.findall(r"\S+(?: ✘)?", called[0])))


def committed() -> str:
    """The capture in README.md. Raises ValueError if its marks are missing."""
    page = README.read_text()
    if not (BEGIN in page and END in page):
        raise ValueError(f"{README.name}: expected the line {BEGIN.splitlines()[0]}")
    return page.split(BEGIN, 1)[1].split(END, 1)[0]


def write(output: str) -> None:
    """Put the excerpt of a demo's output into README.md."""
    page = README.read_text()
    README.write_text(page.replace(BEGIN + committed() + END, BEGIN + excerpt(output) + END))


if __name__ == "__main__":
    write(sys.stdin.read())
