"""What a run has to admit at its end: what could not be had, and what was done instead.

    summary_plugin.say(config, "no Grafana", "Grafana was not started: …")

Tests side by side (`-n`) run in processes of their own; what those say is said by the one that prints.
"""

from typing import Any, Final

import pytest

_SAID: Final = pytest.StashKey[dict[str, str]]()


def say(config: pytest.Config, heading: str, text: str) -> None:
    """Print it at the end of the run, once."""
    config.stash[_SAID][heading] = text


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SAID] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["said"] = session.config.stash[_SAID]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_SAID].update(getattr(node, "workeroutput", {}).get("said", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for heading, text in config.stash[_SAID].items():
        terminalreporter.section(heading, yellow=True)
        terminalreporter.line(text)
