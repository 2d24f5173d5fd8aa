"""Text that people read is plain technical English: no tracked file has a word that the project dropped."""

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

WORDS = {
    "nobody": "no one, none, no user; or name the subject: `no process reads it`",
    "somebody": "a person, an operator, a user",
    "anybody": "anyone, any user",
    "whoever": "the person who, anyone who",
    "whomever": "the person whom",
    "whatever": "any, regardless of, all",
    "mend(?:s|ed|ing)?": "fix, repair, correct",
    "anew": "again; or the verb: re-sign, rebuild, recreate",
    "dearest": "most expensive",
    r"c[oa]mes?[\s_]+again": "is resent, returns, recurs",
    r"(?:is|are|was|were)[\s_]+told[\s_]+of": "is informed of, is notified of; or: prints, reports",
    r"of[\s_]+ours": "our; or name the owner",
    r"may[\s_]+not[\s_]+be[\s_]+there": "may be missing",
}
"""Dropped words and phrases, as regular expressions, and their replacements."""

EXCLUDED = {
    "audit/otelgate_audit/model/migrations/versions/": "applied to databases already",
    "collector/redact/testdata/": "texts to mask, as data",
    "collector/redact/words.yaml": "words to mask, as data",
    "grafana/rendered/": "rendered; the source is checked",
    "tests/golden/": "recordings and the program that records them: its prompts are in them",
    "tests/test_words.py": "the words themselves",
}
"""Paths that are not checked, and the reason."""

MARKS = {".go": "//", ".js": "//", ".mjs": "//", ".sql": "--"}
"""The start of a comment by suffix; `#` in all others."""
CHECKED = {*MARKS, ".md", ".py", ".sh", ".toml", ".yaml", ".yml", ".env"}
NAMES = {"Dockerfile", "Makefile", "run"}
"""Names of checked files that have no suffix."""

_INNER = re.compile(rf"(?<![A-Za-z])(?i:{'|'.join(WORDS)})(?![a-z])")
_CAMEL = re.compile("(?<=[a-z0-9])(?:" + "|".join(word[0].upper() + word[1:] for word in WORDS) + ")(?![a-z])")
_START = re.compile(r"[\s*_\"'(\[]*(What|Whatever|Who|Whoever)\b(?!-)")
_END = re.compile(r"[.!?][\"')*_]*\s+")
_BLOCK = re.compile(r"\s*(?:[-*+>]|\d+[.)]|#+)\s+")
_CLAUSE_NAME = re.compile(
    r"(?:(?<=def )test_(?:(?:what|who|whoever|whatever)_|(?:an?|the)_\w*_that_)\w*)"
    r"|(?:(?<=func )Test(?:What|Who)(?:ever)?(?=[A-Z_(])\w*)"
)
"""Names of tests that are relative clauses."""
_FENCE = re.compile(r"\s*(?:```|~~~)")


class Finding(NamedTuple):
    line: int
    found: str
    instead: str


def dropped_words(text: str) -> Iterator[Finding]:
    """Dropped words, in names as `mendTokens` or `test_nobody_listens` as well."""
    for match in [*_INNER.finditer(text), *_CAMEL.finditer(text)]:
        instead = next(value for word, value in WORDS.items() if re.fullmatch(word, match[0], re.IGNORECASE))
        yield Finding(text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead)


def sentences(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Sentences of a paragraph, each with the number of its first line."""
    text = "\n".join(line for _, line in lines)
    starts = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    for start, end in itertools.pairwise(starts):
        yield lines[text.count("\n", 0, start)][0], text[start:end].strip()


def paragraphs(lines: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Paragraphs, list items, headings and table cells of Markdown; fenced code is left out."""
    current: list[tuple[int, str]] = []
    fenced = False
    for number, line in lines:
        marked = _BLOCK.match(line)
        row = line.lstrip().startswith("|")
        if current and (not line.strip() or marked or row or _FENCE.match(line)):
            yield current
            current = []
        if _FENCE.match(line):
            fenced = not fenced
        elif row and not fenced:
            yield from ([(number, cell)] for cell in line.split("|"))
        elif line.strip() and not fenced:
            current.append((number, line[marked.end() :] if marked else line))
            if marked and "#" in marked[0]:
                yield current
                current = []
    if current:
        yield current


def comments(text: str, mark: str) -> list[tuple[int, str]]:
    """Lines of comments; code between two comments is an empty line."""
    pattern = re.compile(rf"^(.*\s)?{mark}+!?(?:\s(.*))?$" if mark == "#" else rf"^(.*\s)?{mark}(?:\s(.*))?$")
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = pattern.match(line) if mark in line else None
        if not match:
            found.append((number, ""))
        elif match[1] and match[1].strip():
            found += [(number, ""), (number, match[2] or ""), (number, "")]
        else:
            found.append((number, match[2] or ""))
    return found


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        yield from statements(getattr(statement, "body", []))


def docstrings(text: str) -> Iterator[list[tuple[int, str]]]:
    """Strings that are statements: docstrings, and those below a constant."""
    for statement in statements(ast.parse(text).body):
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield list(enumerate(value.value.splitlines(), statement.lineno))


def prose(text: str, suffix: str) -> Iterator[list[tuple[int, str]]]:
    if suffix == ".md":
        yield list(enumerate(text.splitlines(), 1))
        return
    yield comments(text, MARKS.get(suffix, "#"))
    if suffix == ".py":
        yield from docstrings(text)


def relative_subjects(text: str, suffix: str) -> Iterator[Finding]:
    """Sentences that begin with a relative clause, such as "What is not X is Y"; a question may begin so."""
    if not re.search(r"\b(?:What|Who)(?:ever)?\b", text):
        return
    for part in prose(text, suffix):
        for paragraph in paragraphs(part):
            for number, sentence in sentences(paragraph):
                start = _START.match(sentence)
                if start and not sentence.rstrip("\"')*_]").endswith("?"):
                    yield Finding(
                        number, " ".join(sentence.split())[:60], f"a subject, not `{start[1]} …`; or a question"
                    )


def clause_names(text: str, suffix: str) -> Iterator[Finding]:
    """Names of tests such as `test_what_is_sent_arrives` or `test_a_span_that_fails_is_kept`."""
    if suffix in (".py", ".go"):
        for match in _CLAUSE_NAME.finditer(text):
            yield Finding(text.count("\n", 0, match.start()) + 1, match[0], "test_<action>_<result>")


def findings(root: Path, names: list[str]) -> list[str]:
    """`file:line: found: replacement` for each finding in these files."""
    found = []
    for name in names:
        path = root / name
        text = path.read_text()
        places = {
            *dropped_words(text),
            *relative_subjects(text, path.suffix),
            *clause_names(text, path.suffix),
        }
        for finding in sorted(places):
            found.append(f"{name}:{finding.line}: {finding.found}: write {finding.instead}")
    return found


def tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    return [
        name
        for name in names
        if (Path(name).suffix in CHECKED or Path(name).name in NAMES) and not name.startswith(tuple(EXCLUDED))
    ]


def test_text_has_no_dropped_words(root: Path) -> None:
    found = findings(root, tracked(root))
    assert not found, "\n".join(found)


def test_excluded_paths_exist(root: Path) -> None:
    assert [name for name in EXCLUDED if not (root / name).exists()] == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "Good.\n\nIt is sent\nanew.\n", ["4: anew"]),
        ("a.md", "Dearest models. Nobody's. Recommended amendments.", ["1: Dearest", "1: Nobody"]),
        ("a.md", "It comes\nagain. It became again one of ours.\n", ["1: comes again", "2: of ours"]),
        ("a.go", "func mendTokens() {}\nfunc TestMendsNothing() {}\n", ["1: mend", "2: Mends"]),
        ("a.py", "def test_somebody_writes() -> None: ...\n", ["1: somebody"]),
        ("a.py", "def test_what_is_lost() -> None: ...\ndef test_whole() -> None: ...\n", ["1: test_what_is_lost"]),
        ("a.py", "async def test_a_thing_that_is() -> None: ...\n", ["1: test_a_thing_that_is"]),
        ("a.py", "def test_every_thing_that_is() -> None: ...\ndef test_a_that() -> None: ...\n", []),
        ("a.go", "func TestWhatIsLost(t *testing.T) {}\nfunc TestWhole(t *testing.T) {}\n", ["1: TestWhatIsLost"]),
        (
            "a.md",
            "It is. What is lost\nis gone. Who asks? Whoever.",
            ["1: What is lost is gone.", "2: Whoever", "2: Whoever."],
        ),
        ("a.md", "## What it does\n\n## Why?\n\n## What does it do?\n", ["1: What it does"]),
        ("a.md", "| What is kept? | What it is |\n|---|---|\n", ["1: What it is"]),
        ("a.md", "- **Who** asks.\n- a\n  What\n", ["1: **Who** asks."]),
        ("a.md", "```sh\n# What it says\n```\nWhat-if analysis.\n", []),
        ("a.py", 'def f() -> None:\n    """One.\n\n    What it says.\n    """\n', ["4: What it says."]),
        ("a.py", 'X = 1  # Who asks\n"""What it is"""\nY = "What it is"\n', ["1: Who asks", "2: What it is"]),
        ("a.go", "// One.\n// What it is.\nvar x = 1 // Why?\nvar y = 2\n// What is it?\n", ["2: What it is."]),
        ("a.sql", "-- What it is\nSELECT 'What it is';\n", ["1: What it is"]),
        ("Makefile", "up: x ## Start\n# Who\n# asks\n", ["2: Who asks"]),
    ],
)
def test_finds_places(name: str, text: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    found = findings(tmp_path, [name])
    assert [each.removeprefix(f"{name}:").partition(": write ")[0] for each in found] == expected
