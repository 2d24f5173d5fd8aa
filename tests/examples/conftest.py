"""The shared stack, as the tests of the examples see it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for `import examples`

import shared  # noqa: E402
from example_stack import ExampleStack  # noqa: E402
from otelgate_stack import settings  # noqa: E402


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> ExampleStack:
    env, engine = shared.world()
    return ExampleStack(settings.load(env), env, engine, tmp_path_factory.mktemp("examples"))
