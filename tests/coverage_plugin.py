"""Which row of coverage/rows.yaml a test shows, and how it ended: `make coverage-report` reads what this writes.

    @pytest.mark.shows("L1", "K36")             what the whole test shows
    def test_it(record_shown): record_shown("A5")      what it found out that it shows, in a loop

Each run leaves one file in .coverage-report/, with an id of the code that it ran on.
"""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROWS: Final = Path(__file__).with_name("coverage") / "rows.yaml"
FOLDER: Final = ".coverage-report"
_KEPT_RUNS: Final = 200
_SHOWN: Final = pytest.StashKey[list[str]]()
_RUN: Final = pytest.StashKey[dict[str, Any]]()


@cache
def known() -> frozenset[str]:
    """The ids of all rows."""
    groups = yaml.safe_load(ROWS.read_text())
    return frozenset(row for rows in groups.values() for row in rows)


def code(root: Path) -> str:
    """An id of all files that git knows of or would add, but Markdown: the same code is the same id. Empty: no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True
    )
    if listed.returncode:
        return ""
    digest = hashlib.sha256()
    for name in sorted({name for name in listed.stdout.decode().split("\0") if name and not name.endswith(".md")}):
        path = root / name
        if path.is_file():
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


@pytest.fixture
def record_shown(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`record_shown("A5", "B7")`: this test shows these rows, if it passes."""

    def record(*rows: str) -> None:
        unknown = [row for row in rows if row not in known()]
        if unknown:
            raise ValueError(_expected(unknown))
        request.node.stash.setdefault(_SHOWN, []).extend(rows)

    return record


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RUN] = {"started": time.time(), "code": "", "commit": "", "tests": {}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        unknown = [row for row in _marked(item) if row not in known()]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.shows: {_expected(unknown)}")


def pytest_collection_finish(session: pytest.Session) -> None:
    root = session.config.rootpath
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
    session.config.stash[_RUN].update(code=code(root), commit=head.stdout.strip())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    rows = sorted({*_marked(item), *item.stash.get(_SHOWN, [])})
    tests = item.config.stash[_RUN]["tests"]
    before = tests.get(item.nodeid, {}).get("outcome", "passed")
    # What the set-up or the teardown breaks is no better than what the test breaks.
    outcome = report.outcome if before == "passed" else before
    if rows:
        tests[item.nodeid] = {"rows": rows, "outcome": outcome, "at": time.time()}
        if report.when == "teardown":
            _write(item.config)
    return report


def _write(config: pytest.Config) -> None:
    """All of this run so far: one that is broken off has shown what it has shown."""
    run = config.stash[_RUN]
    folder = config.rootpath / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{run['started']:.3f}-{os.getpid()}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(run, indent=1, sort_keys=True) + "\n")
    draft.replace(path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    for old in sorted((session.config.rootpath / FOLDER).glob("*.json"))[:-_KEPT_RUNS]:
        old.unlink(missing_ok=True)


def _marked(item: pytest.Item) -> list[str]:
    return [row for marker in item.iter_markers("shows") for row in marker.args]


def _expected(unknown: list[str]) -> str:
    return f"{', '.join(map(repr, unknown))}: expected an id of tests/coverage/rows.yaml"
