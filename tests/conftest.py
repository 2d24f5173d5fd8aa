"""What every room's tests share: the repository's root, the stack's settings, and the programs, built once."""

import os
from pathlib import Path

import pytest
from otelgate_stack import builds, settings
from otelgate_stack.report import Report

ROOT = Path(__file__).resolve().parents[1]

# What `make test` tells its own commands would reach those that tests run as a user would.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "ARGS"):
    os.environ.pop(_name, None)

pytest_plugins = ["coverage_plugin", "summary_plugin"]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def gateway_binary() -> Path:
    """The gateway as `make up` builds it, from the cache when nothing changed."""
    return builds.build(["gateway"], settings.load(), Report())["gateway"]


STACKS = {"compose", "e2e", "examples", "operations", "stack"}
"""Folders whose tests start whole stacks: one after the other, since two at a time would slow each other."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests run side by side (`-n`): a folder's tests one after the other, since they share what it started;
    of the slow ones those that mostly wait beside the others, since two that are busy would slow each other."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        group = "busy" if item.get_closest_marker("slow") else "stacks" if folder in STACKS else folder
        item.add_marker(pytest.mark.xdist_group(item.nodeid if item.get_closest_marker("waits") else group))
