"""What every room's tests share: the repository's root, the stack's settings, and the programs, built once."""

import fcntl
import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from otelgate_stack import builds, ports, settings
from otelgate_stack.report import Report

ROOT = Path(__file__).resolve().parents[1]

# What `make test` tells its own commands would reach those that tests run as a user would.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "ARGS"):
    os.environ.pop(_name, None)

# Of tests side by side, each process has ports of its own, so that none takes what another is about to listen on.
_NUMBER, _PROCESSES = (
    int(os.environ.get(name, default).removeprefix("gw"))
    for name, default in (("PYTEST_XDIST_WORKER", "gw0"), ("PYTEST_XDIST_WORKER_COUNT", "1"))
)
ports.RANGE = ports.RANGE[_NUMBER::_PROCESSES]

pytest_plugins = ["coverage_plugin", "summary_plugin"]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def gateway_binary() -> Path:
    """The gateway as `make up` builds it, from the cache when nothing changed."""
    return builds.build(["gateway"], settings.load(), Report())["gateway"]


STACKS = {"compose", "e2e", "examples", "operations", "stack"}
"""Folders whose tests start whole stacks."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests run side by side (`-n`): none of the same group. The groups that take longest come first; those for
    which all others have to wait come last."""
    groups = {item: _group(item) for item in items}
    items.sort(key=lambda item: groups[item][0])
    for item, (_, name) in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))


def _group(item: pytest.Item) -> tuple[int, str]:
    """Its turn and its name. Tests of one folder share what it started; two stacks, or two slow tests that are busy,
    would slow each other; what mostly waits goes beside everything, each on its own."""
    marks = {mark.name for mark in item.iter_markers()}
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    if "alone" in marks:
        return 3, "alone"
    if "waits" in marks:
        return 1, item.nodeid
    if "slow" in marks:
        return 0, "busy"
    return (0, "stacks") if folder in STACKS else (2, folder)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Nothing runs beside a test that is marked `alone`: it waits for the end of the others, and they for its end."""
    alone = item.get_closest_marker("alone") is not None
    with ExitStack() as room:
        with ExitStack() as turnstile:
            _lock(turnstile, ROOT / "tests", fcntl.LOCK_EX)
            _lock(room, ROOT, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return (yield)


def _lock(stack: ExitStack, folder: Path, kind: int) -> None:
    """Until the stack is left."""
    descriptor = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, kind)
