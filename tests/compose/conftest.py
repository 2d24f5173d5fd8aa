"""A docker stack of the tests' own: its project, ports and state are not a user's, and nothing of it stays behind."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from otelgate_stack import ports, settings
from otelgate_stack.build import builds, images
from otelgate_stack.engines import compose_cli, docker_client
from otelgate_stack.engines.docker import DockerEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

Load = Callable[..., settings.Settings]

_CACHE = ("HOME", "PATH", "XDG_CACHE_HOME", "OTELGATE_CACHE_DIR")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings with the defaults, but for what is given; state is temporary."""
    return lambda **env: _load(tmp_path, env)


def _load(folder: Path, env: dict[str, str]) -> settings.Settings:
    cache = {name: os.environ[name] for name in _CACHE if name in os.environ}
    return settings.load({**cache, "OTELGATE_STATE_DIR": str(folder / "state"), **env})


@pytest.fixture(scope="session")
def compose_binary() -> str:
    """The real CLI, version 2, built from the module that is pinned."""
    return str(builds.build(["docker-compose"], settings.load(), Report())["docker-compose"])


@pytest.fixture
def render(load: Load, compose_binary: str) -> Callable[..., dict[str, Any]]:
    """The output of `docker compose config` for compose.yaml with these settings."""

    def rendered(**env: str) -> dict[str, Any]:
        return compose_cli.Compose(load(**env), [compose_binary]).config()

    return rendered


@pytest.fixture(scope="session")
def docker() -> Iterator[Any]:
    """A client of the container engine. Without one the test is skipped, and fails where CI=true."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(docker_client.connect())
        except StackError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must run this with a container engine (.ci/docker.sh starts one): {error}")
            pytest.skip(f"needs a container engine: {error}")
        yield client


@pytest.fixture(scope="session")
def stand_ins(docker: Any, compose_binary: str) -> Iterator[None]:
    """The backends' images, under the names in compose.yaml: built from the native programs where they are missing."""
    built = images.build_stand_ins(images.STAND_INS, settings.load(), Report(), docker)
    yield
    for name in built:
        docker.images.remove(name)


@pytest.fixture
def engine(stand_ins: None, load: Load) -> Iterator[Callable[..., DockerEngine]]:
    """Makes engines on free ports, without exporters; what they brought up goes at the end of the test."""
    yield from _engines(load)


@pytest.fixture(scope="module")
def stack(stand_ins: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    """A whole stack that is up, both trace stores and the exporters included."""
    folder = tmp_path_factory.mktemp("stack")
    for make in _engines(lambda **env: _load(folder, env)):
        engine = make(OTELGATE_TRACES_TO="both", OTELGATE_EXPORTERS="true")
        engine.up()
        yield engine


def _engines(load: Load) -> Iterator[Callable[..., DockerEngine]]:
    made: list[DockerEngine] = []

    def make(**env: str) -> DockerEngine:
        own = {**ports.free_env(), "OTELGATE_EXPORTERS": "false"}
        made.append(DockerEngine(load(**{**own, **env}), Report()))
        return made[-1]

    yield make
    for engine in made:
        engine.clean()
