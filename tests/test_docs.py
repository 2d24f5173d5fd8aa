"""What the documentation repeats is held against its source."""

import re
from pathlib import Path

import pytest
from otelgate._settings import DEFAULTS
from otelgate_stack import settings


def test_the_stack_settings_table(root: Path) -> None:
    page = (root / "docs/settings.md").read_text()
    assert settings.markdown() in page, (
        "docs/settings.md: the stack's table differs; put in what `python -m otelgate_stack settings --markdown` prints"
    )


def test_the_stack_passes_on_every_setting_of_the_gateway(root: Path) -> None:
    """The gateway's table is Go's (a Go test holds the page against it); the stack has its twin."""
    page = (root / "docs/settings.md").read_text().partition("## Stack")[0]
    gateway = set(re.findall(r"^\| `(OTELGATE_\w+)` ", page, re.MULTILINE))
    passed_on = {row.env for row in settings.ROWS if row.gateway} | {"OTELGATE_PSEUDONYM_KEY_FILE"}  # a secret
    assert gateway - {"OTELGATE_PUBLISHED_HOST"} == passed_on  # that one is compose's to set


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


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_opens_with_the_two_commands(root: Path, command: str) -> None:
    assert command in (root / "README.md").read_text()[:2500]


def test_the_sdk_defaults_table(root: Path) -> None:
    page = (root / "sdk/README.md").read_text()
    for default in DEFAULTS:
        assert f"| `{default.env}` | `{default.value}` | {default.doc} |\n" in page
