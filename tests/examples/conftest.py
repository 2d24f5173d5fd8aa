"""One stack for the tests of the examples: the real gateway and stores, as processes, on free ports."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for `import examples`

from example_stack import ExampleStack  # noqa: E402
from otelgate_stack import ports, settings  # noqa: E402
from otelgate_stack.engines.native import NativeEngine  # noqa: E402
from otelgate_stack.report import Report  # noqa: E402


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleStack]:
    folder = tmp_path_factory.mktemp("examples")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELGATE_"))}
    env = {**kept, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "ENGINE": "native"}
    loaded = settings.load(env)
    engine = NativeEngine(
        loaded, Report(), services=["gateway", "prometheus", "loki", "tempo", "audit", "postgres", "feedback"]
    )
    engine.up()
    try:
        yield ExampleStack(loaded, env, engine, folder)
    finally:
        engine.down()
