"""Which tests a run with `-n` is at: said while it lasts, since one that is broken off has no summary.

… running for 5 min: tests/e2e/test_outage.py::test_nothing_acknowledged_is_lost[7-minutes]
"""

import threading
import time

import pytest

EVERY_S = 300.0
"""How long a test runs before it is named, and until it is named again."""


class Progress:
    """In the process that prints, which the others tell when a test starts and ends."""

    def __init__(self, reporter: pytest.TerminalReporter, every_s: float) -> None:
        self._reporter, self._every_s = reporter, every_s
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def pytest_sessionstart(self) -> None:
        self._thread.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._started[nodeid] = self._said[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._started.pop(nodeid, None)

    def pytest_sessionfinish(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_s / 20):
            now = time.monotonic()
            for nodeid, started in list(self._started.items()):
                if now - self._said[nodeid] >= self._every_s:
                    self._said[nodeid] = now
                    self._reporter.ensure_newline()
                    self._reporter.write_line(f"… running for {(now - started) / 60:.0f} min: {nodeid}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    # Not in one process alone: there each file's name is printed first, and what a thread prints is captured.
    if reporter is not None and getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Progress(reporter, EVERY_S), "progress")
