"""The needs of an application beside the stack, as environment variables: gateway, database, Redis, folders."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from .. import state, target, web
from ..config import example_files, monitoring
from ..engines import docker_client, stack
from ..errors import StackError
from ..ports import LOOPBACK
from ..report import Report
from ..settings import Settings
from . import database, redis_server


@contextmanager
def surroundings(
    settings: Settings, *, database_name: str | None = None, redis: bool = False
) -> Iterator[dict[str, str]]:
    """The variables for one application, and while the block lasts, a Redis for it.

    `OTEL_EXPORTER_OTLP_*` lead to the gateway. `DATABASE_URL`: a database of that name on the stack's server;
    `REDIS_URL`: a server of its own, absent where none is installed or can be fetched; a REDIS_URL of this process
    stays. `EXAMPLE_HOST`: the address to listen on, if a prober in a container has to reach it. `EXAMPLE_PROBES_DIR`:
    where it says what to probe. `FEEDBACK_URL`: where pages send votes. Raises StackError.
    """
    host = _seen_by_containers(settings)
    own = {
        "EXAMPLE_PROBES_DIR": str(monitoring.probes(settings)),
        "FEEDBACK_URL": f"http://{LOOPBACK}:{settings.feedback_port}",
    }
    if settings.state_dir.is_dir():  # what an application that is killed leaves goes with `make clean`
        state.make_folder(settings.state_dir / "tmp")
        own["TMPDIR"] = str(settings.state_dir / "tmp")
    if host:
        own["EXAMPLE_HOST"] = host
    if settings.feedback_secret_file and settings.feedback_secret_file.exists():
        own["OTELGATE_FEEDBACK_SECRET_FILE"] = str(settings.feedback_secret_file)
    if database_name:
        own["DATABASE_URL"] = database.ensure(settings, database_name)
    own |= target.find(settings).environment()
    if not redis or "REDIS_URL" in os.environ:
        yield own
        return
    with redis_server.running(settings, host or LOOPBACK, own.get("TMPDIR")) as url:
        yield own | ({"REDIS_URL": url} if url else {})


def prepare(settings: Settings) -> None:
    """Check that the gateway answers, and bring the examples' own dashboards and alerts. Raises StackError."""
    url = f"http://{LOOPBACK}:{settings.health_port}/"
    try:
        web.get(url, timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(f"the gateway does not answer at {url}: `make up` starts the stack") from error
    install(settings)


def install(settings: Settings) -> None:
    """The examples' own dashboards and alerts: only those who run an example have them."""
    if example_files.install(settings):
        engine, _ = stack.choose(settings, Report(sys.stderr))
        engine.reload("prometheus")


def _seen_by_containers(settings: Settings) -> str | None:
    """The address on which a prober in a container reaches the application; None: its loopback is enough."""
    if state.active_engine(settings) != "docker":
        return None
    with docker_client.connect() as client:
        return docker_client.bridge_address(client)
