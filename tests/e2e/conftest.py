"""Worlds for the end-to-end tests: real stores behind the gateway, which is a container, and an agent in front of it.

`world` is shared by all that only send and look, each with its own service name. A test that configures or
restarts the gateway takes `own_gateway`, one that stops stores `own_world`.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import shared
import thrown_away
from gateways import Gateway, GatewayContainer, GatewayProcess
from otelgate_stack import ports, settings
from otelgate_stack.build import builds
from otelgate_stack.engines import docker_client
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from world import OwnGateway, OwnWorld, World

pytest.register_assert_rewrite("faults")


@pytest.fixture(scope="session")
def world() -> World:
    env, _ = shared.world()
    return World.of(settings.load(env))


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnGateway]:
    """The shared stores behind a gateway of this module's own, which sends traces to Tempo at first."""
    env, _ = shared.world()
    of_gateways = {row.env for row in settings.ROWS if "gateway" in row.readers}
    own = {name: port for name, port in ports.free_env().items() if name in of_gateways}
    loaded = settings.load({**env, **own, "OTELGATE_INSTANCE_ID": f"own-{uuid.uuid4().hex[:8]}"})
    with _running_gateway(loaded, tmp_path_factory.mktemp("gateway")) as gateway:
        gateway.start(OTELGATE_TRACES_TO="tempo")
        yield OwnGateway.of(loaded, gateway=gateway)


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnWorld]:
    """Stores and a gateway of this module's own."""
    services = [name for name in shared.STORES if name != "feedback"]
    with _own_world(tmp_path_factory.mktemp("world"), services) as world:
        yield world


@pytest.fixture(scope="module")
def own_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnWorld]:
    """Prometheus and a gateway of this module's own; the other stores are away, and the gateway queues for them."""
    with _own_world(tmp_path_factory.mktemp("world"), ["prometheus"]) as world:
        yield world


@contextmanager
def _own_world(folder: Path, services: Sequence[str]) -> Iterator[OwnWorld]:
    loaded = settings.load(shared.clean_env(folder, OTELGATE_TRACES_TO="both"))
    backends = NativeEngine(loaded, Report(), services)
    backends.up()
    try:
        with _running_gateway(loaded, folder) as gateway:
            gateway.start(OTELGATE_TRACES_TO="tempo")
            yield OwnWorld.of(loaded, gateway=gateway, backends=backends)
    finally:
        thrown_away.end(loaded)


@contextmanager
def _running_gateway(loaded: settings.Settings, folder: Path) -> Iterator[Gateway]:
    """The container; the process where no engine answers."""
    with ExitStack() as stack:
        gateway: Gateway
        try:
            client = stack.enter_context(docker_client.connect())
        except StackError as error:
            shared.no_container(error)
            binary = builds.build(["gateway"], loaded, Report())["gateway"]
            gateway = GatewayProcess(binary, loaded.root / "collector/config", loaded.gateway_env(), folder)
        else:
            gateway = GatewayContainer.of(loaded, client)
        try:
            yield gateway
        finally:
            gateway.remove()
