"""Writes the tables of otelgate_audit/analytics.md: the views and functions of model/views/*.sql, with their comments.

`make generate` runs it. With --check it writes nothing; exit status 1 if the page differs. A file's first line begins
with its topic and a colon; the page has a heading with that name.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from generated import MARKDOWN, ROOT, Marked, write

FOLDER: Final = ROOT / "audit/otelgate_audit/model/views"
PAGE: Final = ROOT / "audit/otelgate_audit/analytics.md"

_TOPIC: Final = re.compile(r"-- ([^:\n]+): ")
_CREATED: Final = re.compile(r"^CREATE (VIEW|FUNCTION) (?:analytics\.)?([\w.]+)(.*?)(?=^CREATE |\Z)", re.M | re.S)
_COMMENT: Final = re.compile(r"^COMMENT ON (?:VIEW|FUNCTION) [\w.]+ IS\s+((?:'(?:[^']|'')*'\s*)+);", re.M)
_RANGE: Final = re.compile(r"(?:from_time timestamptz DEFAULT now\(\) - interval|within interval DEFAULT) '([^']+)'")


@dataclass(frozen=True)
class Relation:
    """A view or a function. `range`: how far a function looks back if its caller does not say."""

    name: str
    range: str
    comment: str


def relations(text: str, file: str) -> Iterator[Relation]:
    """Those of a file. Exits where one has no comment."""
    for kind, name, body in _CREATED.findall(text):
        comment = _COMMENT.search(body)
        if not comment:
            raise SystemExit(f"{file}: {name}: expected COMMENT ON {kind} after it")
        looks_back = _RANGE.search(body)
        words = "".join(re.findall(r"'((?:[^']|'')*)'", comment[1])).replace("''", "'").replace("|", r"\|")
        yield Relation(name, looks_back[1] if looks_back else "", words)


def outputs() -> dict[Path, str]:
    page = Marked(PAGE.read_text(), MARKDOWN)
    topics: dict[str, list[Relation]] = {}
    for file in sorted(FOLDER.glob("*.sql")):
        topic = _TOPIC.match(file.read_text())
        if not topic:
            raise SystemExit(f"{file.name}: expected a first line with the topic, `-- Users: ...`")
        topics.setdefault(topic[1], []).extend(relations(file.read_text(), file.name))
    for topic, found in topics.items():
        rows = [f"| `{each.name}` | {each.range} | {each.comment} |" for each in found]
        page.replace(topic, "\n".join(("| name | range | meaning |", "|---|---|---|", *rows, "")))
    return {PAGE: page.text}


if __name__ == "__main__":
    sys.exit(write(outputs()))
