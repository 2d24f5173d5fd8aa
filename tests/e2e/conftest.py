"""One world for the end-to-end tests: real Prometheus, Loki, Tempo, Jaeger, and PostgreSQL behind the audit sink, as
processes, the gateway as a container in front of them, and an agent in front of it. Ports are free ones, state is
temporary: a user's stack is left alone."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from gateways import Gateway, GatewayContainer, GatewayProcess
from otelgate_stack import builds, images, ports, settings, stores
from otelgate_stack.engines import docker_client
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from world import World

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its helper image would have to be pulled


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    cache = {name: value for name, value in os.environ.items() if name in {"HOME", "XDG_CACHE_HOME", "PATH"}}
    given = {**cache, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "OTELGATE_TRACES_TO": "both"}
    loaded = settings.load(given)
    report = Report()
    backends = NativeEngine(loaded, report, services=["prometheus", "loki", "tempo", "jaeger", "postgres", "audit"])
    backends.up()
    try:
        with running_gateway(loaded, report, folder, pytestconfig) as gateway:
            gateway.start(OTELGATE_TRACES_TO="tempo")
            url = "http://127.0.0.1:"
            yield World(
                loaded,
                backends,
                gateway,
                stores.Prometheus(f"{url}{loaded.prometheus_port}"),
                stores.Loki(f"{url}{loaded.loki_port}"),
                stores.Tempo(f"{url}{loaded.tempo_port}"),
                stores.Jaeger(f"{url}{loaded.jaeger_port}"),
            )
    finally:
        backends.down()


@contextmanager
def running_gateway(
    loaded: settings.Settings, report: Report, folder: Path, config: pytest.Config
) -> Iterator[Gateway]:
    """The container; the process where no engine answers, which the summary then says, and which fails in CI."""
    with ExitStack() as stack:
        gateway: Gateway
        try:
            client = stack.enter_context(docker_client.connect())
        except StackError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must run the gateway as a container: {error}")
            text = f"The end-to-end tests ran the gateway as a process, not as the container: {error}"
            warnings.warn(text, stacklevel=1)
            binary = builds.build(["gateway"], loaded, report)["gateway"]
            gateway = GatewayProcess(binary, loaded.root / "collector/config", loaded.gateway_env(), folder)
        else:
            gateway = GatewayContainer(images.build_gateway(loaded, report, client), loaded.gateway_env(), client)
        try:
            yield gateway
        finally:
            gateway.remove()
