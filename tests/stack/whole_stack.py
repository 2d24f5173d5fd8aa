"""A whole native stack for the tests that read from it, both trace stores included; started once for a test module."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import thrown_away
from otelgate_stack import ports, settings
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings


@dataclass(frozen=True)
class Stack:
    """A running stack, and the environment that its settings were loaded from."""

    env: dict[str, str]
    settings: Settings
    engine: NativeEngine


def start(folder: str, *services: str, **changes: str) -> Stack:
    """Bring up a stack (only these services, if any) with its state in `folder`, without exporters unless asked for."""
    cache = str(settings.load().cache_dir)
    own = {"OTELGATE_STATE_DIR": folder, "OTELGATE_CACHE_DIR": cache, "OTELGATE_EXPORTERS": "false"}
    env = {**ports.free_env(), **own, **changes}
    loaded = settings.load(env)
    engine = NativeEngine(loaded, Report(io.StringIO()), services=services or None)
    engine.up()
    return Stack(env, loaded, engine)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = start(str(tmp_path_factory.mktemp("s") / "state"), OTELGATE_TRACES_TO="both")
    yield running
    thrown_away.end(running.settings)


@pytest.fixture(autouse=True)
def no_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings don't reach the doctor and the demo."""
    for name in ("ENDPOINT", "PROTOCOL", "CERTIFICATE", "HEADERS"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
