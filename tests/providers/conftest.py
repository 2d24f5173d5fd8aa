"""Pythons with packages of others, at the versions of requirements/, and a model server for the providers' ones."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdk"))

import environments
import otlp_receiver
import shared
from environments import Environment
from model_server import ModelServer
from otelgate_stack import settings
from packages import Providers
from world import World

receiver = otlp_receiver.receiver


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
def sdk(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This SDK, as it is here, to be laid over an environment that is made once for each state of its lock file."""
    return environments.built(root, tmp_path_factory.mktemp("sdk"))


@pytest.fixture(scope="session")
def providers(root: Path, sdk: Path) -> Providers:
    return Providers(environments.installed(root / "requirements/providers.txt", settings.load().cache_dir), sdk)


@pytest.fixture(scope="session")
def celery(root: Path, sdk: Path) -> Environment:
    return Environment(environments.installed(root / "requirements/celery.txt", settings.load().cache_dir), sdk)
