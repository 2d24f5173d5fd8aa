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

pytest_plugins = ["coverage_plugin", "progress_plugin", "side_by_side", "summary_plugin"]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def gateway_binary() -> Path:
    """The gateway as `make up` builds it, from the cache when nothing changed."""
    return builds.build(["gateway"], settings.load(), Report())["gateway"]
