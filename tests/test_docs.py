"""The documentation agrees with the sources that it repeats."""

import fnmatch
import importlib.util
import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from otelgate._settings import DEFAULTS
from otelgate_audit.jobs import forget, schedule


def documents(root: Path) -> list[Path]:
    skipped = {".venv", "node_modules"}
    return [path for path in root.rglob("*.md") if not skipped & set(path.relative_to(root).parts)]


def test_links_lead_somewhere(root: Path) -> None:
    for page in documents(root):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(root)}: {target}"


def code(page: str) -> str:
    """The code of a page: its blocks, and what stands between backticks in a line."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```\w*\n.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)])


def test_make_targets_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for page in documents(root):
        for target in re.findall(r"\bmake ([a-z][a-z0-9-]+)\b", code(page.read_text())):
            assert target in targets, f"{page.relative_to(root)}: make {target}"


SHELL = ("make", "cd", "curl", "export", "git", "install", "mkdir", "openssl", "opentelemetry-instrument", "pip")
"""The first words of commands: each is there after `make up`, or on every machine."""


def commands(page: str) -> list[str]:
    """The lines of a page's `sh` blocks, continued ones as one."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def test_commands_begin_with_a_program_that_a_reader_has(root: Path) -> None:
    for page in documents(root):
        name = page.relative_to(root)
        for command in commands(page.read_text()):
            word = re.sub(r"^(?:[A-Z_]+=\S* +)*", "", command).split()[0]
            assert word in SHELL or word.startswith(".venv/bin/"), f"{name}: {command}"
        for bare in re.findall(r"`((?:python3?|promtool|amtool) [^`\n]*)`", page.read_text()):
            assert bare.startswith("promtool tsdb"), f"{name}: {bare}: expected .venv/bin/python, or a target of make"


def test_modules_that_commands_run_exist(root: Path) -> None:
    for page in documents(root):
        for module in re.findall(r"\.venv/bin/python -m ([\w.]+)", page.read_text()):
            assert importlib.util.find_spec(module), f"{page.relative_to(root)}: {module}"
        for script in re.findall(r"\.venv/bin/python ([\w./]+\.py)", page.read_text()):
            assert (root / script).exists(), f"{page.relative_to(root)}: {script}"


def test_no_page_installs_from_a_registry_that_lacks_the_package(root: Path) -> None:
    for page in documents(root):
        assert not re.search(r"pip install ['\"]?otelgate\b", page.read_text()), page.relative_to(root)


FORGETTING = (
    "audit/README.md",
    "audit/LEDGER.md",
    "docs/how-to/security.md",
    "docs/how-to/operations.md",
    "docs/reference/commands.md",
)


def test_pages_say_in_the_same_words_what_forget_reaches(root: Path) -> None:
    speaking = {
        str(page.relative_to(root))
        for page in documents(root)
        if re.search(r"`[^`]*\bforget\b( --user[^`]*)?`", page.read_text())
    }
    # These say by which ids it finds a person.
    elsewhere = {"CHANGELOG.md", "docs/reference/settings.md", "collector/redact/README.md"}
    assert speaking - elsewhere == set(FORGETTING)
    for page in FORGETTING:
        assert forget.REACHES in " ".join((root / page).read_text().split()), f"{page}: expected {forget.REACHES!r}"


def test_pages_agree_on_how_often_the_keeper_deletes(root: Path) -> None:
    (hour,) = {job.every_s for job in schedule.standard(MagicMock(), MagicMock()) if job.name == "retention"}
    assert hour == 3600
    for page in ("audit/README.md", "docs/how-to/operations.md"):
        assert "the keeper deletes it every hour" in " ".join((root / page).read_text().split()), page


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_opens_with_the_two_commands(root: Path, command: str) -> None:
    assert command in (root / "README.md").read_text()[:2500]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without those of the tables' heads."""
    lines = page.split(f"\n{heading}\n")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rules = [number for number, row in enumerate(cells) if set("".join(row)) == {"-"}]
    return [row for number, row in enumerate(cells) if not {number, number + 1} & set(rules)]


def test_supported_instrumentations_have_golden_cases_and_each_case_a_row(root: Path) -> None:
    cases = {case.parent.name for case in (root / "tests/golden").glob("*/in.json")}
    named: set[str] = set()
    for instrumentation, *_, patterns in rows((root / "README.md").read_text(), "## Supported"):
        for pattern in re.findall(r"`((?!tests/)[^`]+)`", patterns):
            matched = set(fnmatch.filter(cases, pattern))
            assert matched, f"README.md: {instrumentation}: no case {pattern} in tests/golden"
            named |= matched
    assert cases - named == set(), "cases that no row of README.md names"


def test_supported_providers_are_those_of_the_named_tests(root: Path) -> None:
    supported = {row[0]: row[1:] for row in rows((root / "README.md").read_text(), "## Supported")}
    providers, tests = supported["providers"]
    (module,) = re.findall(r"`([^`]+)`", tests)
    tested = re.search(r'parametrize\("provider", \[(.*?)\]', (root / module).read_text())
    assert tested
    assert re.findall(r"\w+", providers.split(":")[0].lower()) == re.findall(r"\w+", tested[1])
    for _, tests in (supported[name] for name in ("languages", "coding agents")):
        assert [name for name in re.findall(r"`([^`]+)`", tests) if not (root / name).exists()] == []


def test_documentation_pages_are_in_the_index(root: Path) -> None:
    index = root / "docs/README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#:]+)\)", index.read_text())}
    assert set((root / "docs").rglob("*.md")) - {index} <= linked


def test_the_sdk_defaults_table(root: Path) -> None:
    page = (root / "sdk/README.md").read_text()
    for default in DEFAULTS:
        assert f"| `{default.env}` | `{default.value}` | {default.doc} |\n" in page
