"""What the documentation repeats is held against its source."""

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
    """What a page shows as code: its blocks, and what stands between backticks in a line."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```\w*\n.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)])


def test_make_targets_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for page in documents(root):
        for target in re.findall(r"\bmake ([a-z][a-z0-9-]+)\b", code(page.read_text())):
            assert target in targets, f"{page.relative_to(root)}: make {target}"


SHELL = ("make", "cd", "curl", "export", "git", "install", "mkdir", "openssl", "opentelemetry-instrument", "pip")
"""What a page's commands begin with: it is there after `make up`, or on every machine."""


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


FORGETTING = ("audit/README.md", "audit/LEDGER.md", "docs/how-to/security.md", "docs/how-to/operations.md")


def test_pages_say_in_the_same_words_what_forget_reaches(root: Path) -> None:
    speaking = {
        str(page.relative_to(root))
        for page in documents(root)
        if re.search(r"`[^`]*\bforget\b( --user[^`]*)?`", page.read_text())
    }
    elsewhere = {"CHANGELOG.md", "docs/reference/settings.md", "collector/redact/README.md"}  # of what it finds a person by
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


def test_the_sdk_defaults_table(root: Path) -> None:
    page = (root / "sdk/README.md").read_text()
    for default in DEFAULTS:
        assert f"| `{default.env}` | `{default.value}` | {default.doc} |\n" in page
