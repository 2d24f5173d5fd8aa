"""Resources that all tests that only send and read share, across the processes of pytest.

The first test that needs one starts it; `end`, in the process that began the session, stops it. Tests that break,
configure or restart something start their own.
"""

import fcntl
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import thrown_away
from gateways import GatewayContainer
from otelgate_stack import ports, service_table, settings
from otelgate_stack.engines import docker_client
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

_VARIABLE: Final = "PYTEST_SHARED_FOLDER"
_MADE: Final = "made.json"

STORES: Final = (*service_table.STORES, "postgres", "keeper", "audit", "feedback")


def begin() -> bool:
    """Make the folder of what is shared, unless the process that started this one has; says whether it did."""
    if _VARIABLE in os.environ:
        return False
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="otg-")
    return True


def end() -> None:
    """Stop all that was started and remove its data: for the process whose `begin` made the folder."""
    whole = Path(os.environ.pop(_VARIABLE))
    made = [json.loads(file.read_text()) for file in whole.glob(f"*/{_MADE}")]
    for gateway in (each for each in made if "container" in each):
        with docker_client.connect() as client:
            GatewayContainer.remove_named(client, gateway["container"])
    for stack in (each for each in made if "services" in each):
        thrown_away.end(settings.load(stack["env"]))
    shutil.rmtree(whole, ignore_errors=True)


def once(name: str, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The result of the first call in this session, in any process; the others wait for it.

    `make` gets a folder that stays for the session. Its result must be JSON.
    """
    file = folder(name) / _MADE
    with locked(name):
        if not file.exists():
            draft = file.with_suffix(".draft")
            draft.write_text(json.dumps(make(folder(name))))
            draft.replace(file)
        found: dict[str, Any] = json.loads(file.read_text())
    return found


def folder(name: str) -> Path:
    """A folder that all processes know, and that goes at the session's end."""
    found = Path(os.environ[_VARIABLE]) / name
    found.mkdir(exist_ok=True)
    return found


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time."""
    with (Path(os.environ[_VARIABLE]) / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clean_env(folder: Path, **changes: str) -> dict[str, str]:
    """The environment of a user who sets nothing but `changes`: a native stack on free ports, its state in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTELGATE_"))}
    return {**kept, **ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "ENGINE": "native", **changes}


def stack(name: str, services: Sequence[str], **changes: str) -> dict[str, str]:
    """The environment of a native stack of these services that is up."""

    def start(folder: Path) -> dict[str, Any]:
        env = clean_env(folder, **changes)
        NativeEngine(settings.load(env), Report(), services).up()
        return {"env": env, "services": list(services)}

    env: dict[str, str] = once(name, start)["env"]
    return env


def world() -> tuple[dict[str, str], NativeEngine]:
    """All stores with the gateway, a container, in front of them: the environment and what the stores run in.

    Where no container engine answers the gateway is a process, and a warning says so; CI fails.
    """
    try:
        with docker_client.connect():
            services = STORES
    except StackError as error:
        no_container(error)
        services = (*STORES, "gateway")
    env = stack("stores", services, OTELGATE_TRACES_TO="both")
    loaded = settings.load(env)
    if services == STORES:
        once("gateway", lambda folder: {"container": _start_gateway(loaded)})
    return env, NativeEngine(loaded, Report(), services)


def no_container(error: StackError) -> None:
    """Say that the gateway has to run as a process. Fails in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must run the gateway as a container: {error}")
    text = f"The end-to-end tests ran the gateway as a process, not as the container: {error}"
    warnings.warn(text, stacklevel=2)


def _start_gateway(loaded: settings.Settings) -> str:
    with docker_client.connect() as client:
        gateway = GatewayContainer.of(loaded, client)
        gateway.start(OTELGATE_TRACES_TO="tempo")
        return gateway.name
