"""A Python with the providers' packages, at the versions of requirements/providers.txt, and a model server for them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

import packages
import shared
from model_server import ModelServer
from otelgate_stack import settings
from packages import Providers
from world import World


@pytest.fixture(scope="session")
def world() -> World:
    env, _ = shared.world()
    return World.of(settings.load(env))


@pytest.fixture
def models() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def providers(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Providers:
    """Made once in the cache for each state of the lock file; the SDK is laid over it, as it is here."""
    return Providers(
        python=packages.installed(root / "requirements/providers.txt", settings.load().cache_dir),
        sdk=packages.built(root, tmp_path_factory.mktemp("sdk")),
    )
