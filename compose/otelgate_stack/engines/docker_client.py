"""The container engine's API: found as the docker CLI finds it, with errors that say what to do."""

import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import docker  # type: ignore[import-untyped]
from docker import errors as docker_errors

from ..errors import StackError

_DEFAULT = "unix:///var/run/docker.sock"


def address() -> str:
    """The engine's address: DOCKER_HOST, else the docker CLI's current context, else the usual socket."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    try:
        context = docker.ContextAPI.get_current_context()
    except (docker_errors.DockerException, OSError, ValueError):
        return _DEFAULT
    return str(context.Host) if context and context.Host else _DEFAULT


@contextmanager
def connect(timeout_s: float = 120) -> Iterator[Any]:
    """A client of an engine that answers; `timeout_s` bounds each call. Raises StackError, also for errors inside."""
    host = address()
    try:
        client = docker.from_env(timeout=timeout_s, environment={**os.environ, "DOCKER_HOST": host})
        client.ping()
    except (docker_errors.DockerException, OSError) as error:
        raise StackError(_no_engine(host, str(error))) from error
    try:
        yield client
    except docker_errors.DockerException as error:
        raise StackError(f"Docker: {error}") from error
    finally:
        client.close()


def bridge_address(client: Any) -> str | None:
    """The address at which containers reach this machine; None if this machine does not own that address (an
    engine in a virtual machine, which leads to the loopback automatically)."""
    (config, *_) = client.networks.get("bridge").attrs["IPAM"]["Config"] or [{}]
    address: str | None = config.get("Gateway")
    if not address and (subnet := config.get("Subnet")):  # an engine that has just made the network names no gateway
        address = str(next(ipaddress.ip_network(subnet).hosts()))
    if not address:
        return None
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return None
    return address


def _no_engine(host: str, error: str) -> str:
    if "Permission denied" in error or "PermissionError" in error:
        return f"no permission to use Docker at {host}: add your user to the group docker and log in again, or be root"
    if shutil.which("dockerd") or shutil.which("docker"):
        return f"Docker is installed, but no engine answers at {host}: start it"
    return f"Docker is missing: no engine answers at {host}"


def not_pullable(names: Sequence[str], timeout_s: float = 5) -> list[str]:
    """Those of these images for which no registry answers; all are asked at the same time."""

    def asked(name: str) -> bool:
        try:
            with connect(timeout_s) as client:
                client.images.get_registry_data(name)
        except (StackError, OSError):
            return False
        return True

    if not names:
        return []
    with ThreadPoolExecutor(len(names)) as pool:
        return [name for name, found in zip(names, pool.map(asked, names), strict=True) if not found]
