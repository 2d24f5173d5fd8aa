"""A stack next to the user's own: free ports, a temporary state folder, the user's cache of built programs."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import thrown_away
from otelgate_stack import ports, service_table, settings
from otelgate_stack.build import builds
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report

BACKENDS = list(service_table.STORES)


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    """The backends, built once into the user's cache."""
    return builds.build(BACKENDS, settings.load(), Report())


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a separate stack. The path is short: a unix socket is made in it."""
    return stack_env(tmp_path_factory.mktemp("s"))


def stack_env(folder: Path) -> dict[str, str]:
    cache = str(settings.load().cache_dir)
    return {**ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "OTELGATE_CACHE_DIR": cache}


@pytest.fixture
def output() -> io.StringIO:
    """The lines of `engine`'s report."""
    return io.StringIO()


@pytest.fixture
def engine(
    programs: dict[str, Path], env: dict[str, str], output: io.StringIO
) -> Iterator[Callable[..., NativeEngine]]:
    """Makes engines on `env`, with other values for some settings: `engine("loki", OTELGATE_LOKI_PORT="1")`."""
    made: list[NativeEngine] = []

    def make(*services: str, **changes: str) -> NativeEngine:
        engine = NativeEngine(settings.load({**env, **changes}), Report(output), services=services)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        thrown_away.end(engine.settings)


@pytest.fixture
def listener() -> Iterator[subprocess.Popen[str]]:
    """Another program that listens on a free port, which it prints."""
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()
