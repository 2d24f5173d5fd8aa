"""Which tests run side by side (`-n`), in which order, and which of them beside nothing else.

Tests of one group run one after the other in one process. pytest-xdist's own groups (`--dist loadgroup`) are ignored
with pytest 9.2 (pytest-xdist issue 1386), so the scheduler is told here; a group depends on a test's id alone, since
the process that schedules sees no marks.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from otelgate_stack import ports
from xdist.scheduler import LoadScopeScheduling

ALONE: Final = (
    "tests/examples/test_alert_conditions.py",
    "tests/examples/test_dashboards_week.py::test_how_long_the_heaviest_dashboard_takes",
    "tests/sdk/test_sdk_overhead.py",
)
"""About how fast something is: nothing runs beside these."""
WAITING: Final = (
    "tests/e2e/test_alert_delivery_apps.py",
    "tests/e2e/test_alert_delivery_stack.py",
    "tests/e2e/test_increase.py",
    "tests/e2e/test_outage.py::test_nothing_acknowledged_is_lost[7-minutes]",
)
"""Long, but idle for most of it: each in a process of its own, beside whatever else there is."""
FOLDERS: Final = ("e2e", "audit", "sdk", "compose", "operations", "stack", "examples")
"""The longest, in an order in which a process with whole stacks mostly has one without beside it; the others follow."""
_LAST: Final = {name.partition("::")[0] for name in ALONE}


def group(nodeid: str) -> tuple[int, str]:
    """Its turn, and its name: a folder is a group. What all others have to wait for comes last."""
    if nodeid.startswith(WAITING):
        return -1, nodeid
    file = nodeid.partition("::")[0]
    if file in _LAST:
        return len(FOLDERS) + 1, "last"
    folder = file.split("/")[1]
    return FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS), folder


class Scheduler(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)[1]

    def _reschedule(self, node: Any) -> None:
        """A process with less than three tests left would get another group, which would wait for a long one's end."""
        others = [other for other in self.nodes if other is not node and not other.shutting_down]
        if others and not node.shutting_down and all(name.startswith(WAITING) for name in self.assigned_work[node]):
            node.shutdown()  # when it has done what it was given
        else:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


def pytest_configure() -> None:
    # Ports of its own for each process, so that none takes what another is about to listen on.
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports.RANGE = ports.RANGE[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: group(item.nodeid)[0])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that runs alone waits for the end of the others, and they for its end."""
    alone = item.nodeid.startswith(ALONE)
    with ExitStack() as room:
        with ExitStack() as turnstile:
            _lock(turnstile, item.config.rootpath / "tests", fcntl.LOCK_EX)
            _lock(room, item.config.rootpath, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        return (yield)


def _lock(stack: ExitStack, folder: Path, kind: int) -> None:
    """Until the stack is left."""
    descriptor = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, kind)
