"""What every room's tests share: the repository's root, the stack's settings, and the programs, built once."""

from pathlib import Path

import pytest
from otelgate_stack import builds, settings
from otelgate_stack.report import Report

ROOT = Path(__file__).resolve().parents[1]

pytest_plugins = ["coverage_plugin"]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def gateway_binary() -> Path:
    """The gateway as `make up` builds it, from the cache when nothing changed."""
    return builds.build(["gateway"], settings.load(), Report())["gateway"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side (`-n`), only tests that mostly wait run beside others: two that are busy would slow each other."""
    for item in items:
        waits = item.get_closest_marker("waits")
        item.add_marker(pytest.mark.xdist_group(item.nodeid if waits else "busy"))
