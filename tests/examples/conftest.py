"""The shared stack, as the tests of the examples see it."""

import pytest
import shared
from example_stack import ExampleStack
from otelgate_stack import settings


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> ExampleStack:
    env, engine = shared.world()
    return ExampleStack(settings.load(env), env, engine, tmp_path_factory.mktemp("examples"))
