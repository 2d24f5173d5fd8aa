"""Ports: which are taken, by whom, and free ones for tests."""

import errno
import itertools
import os
import random
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from .errors import StackError
from .settings import ROWS

LOOPBACK = "127.0.0.1"

RANGE: Final = range(20_000, 32_000)
"""The range of `free_env`: below the ports that systems take for outgoing connections (Linux: from 32768), which would
take one before the stack does."""

SHARE: Final = "FREE_PORTS_SHARE"
"""Environment variable: which share of the range `free_env` takes, 0/6 to 5/6 for six processes beside each other."""


def loopback(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", "::"):
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def check_free(needed: Mapping[str, tuple[str, int]]) -> None:
    """Raise StackError that names each port which can't be had, its setting and its holder.

    `needed`: setting -> (host, port). Those of another otelgate are one line.
    """
    problems: list[str] = []
    others: dict[Path, list[int]] = {}
    for setting, (host, port) in needed.items():
        error = _bind(host, port)
        if error and error.errno == errno.EADDRINUSE:
            pid = _listener(port)
            if folder := _stack_of(pid):
                others.setdefault(folder, []).append(port)
            else:
                problems.append(
                    f"port {port} is taken by {_describe_process(pid)}: stop it, or set {setting} to a free port"
                )
        elif error:
            problems.append(f"{setting}='{port}': cannot listen on it at {host}: {error.strerror}")
    problems[:0] = [_other_stack(folder, held) for folder, held in others.items()]
    if problems:
        raise StackError("\n".join(problems))


def _other_stack(folder: Path, held: Sequence[int]) -> str:
    some = f"port {held[0]}" if len(held) == 1 else f"{len(held)} of the ports ({', '.join(map(str, held[:3]))}, …)"
    if len(held) in (2, 3):
        some = "the ports " + " and ".join(map(str, held))
    return (
        f"another otelgate at {folder} holds {some}: stop it with `make down` there, or give this one other ports with"
        " OTELGATE_PORT_OFFSET=1000"
    )


def _stack_of(pid: int | None) -> Path | None:
    """The state folder of the stack whose supervisor started this process."""
    try:
        url = psutil.Process(pid).environ().get("SUPERVISOR_SERVER_URL", "") if pid else ""
    except psutil.Error:
        return None
    socket_file = Path(url.removeprefix("unix://"))
    return socket_file.parents[1] if socket_file.parts[-2:] == ("native", "supervisor.sock") else None


def holder(port: int) -> str:
    """The process that listens on this port: pid and command, as far as this user may know."""
    return _describe_process(_listener(port))


def _listener(port: int) -> int | None:
    """Its pid, where this user may know it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return connection.pid
    except psutil.Error:
        pass
    return None


def _describe_process(pid: int | None) -> str:
    if pid is None:
        return "a process that cannot be seen from here (another user's, or a container's)"
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return f"pid {pid}"
    if len(command) > 120:
        command = command[:120] + "…"
    return f"a container (pid {pid}: {command})" if process.name() == "docker-proxy" else f"pid {pid} ({command})"


def free_env() -> dict[str, str]:
    """`OTELGATE_*_PORT` for every port of the settings table, all free now: for tests next to a running stack.

    Recently handed-out ports are reused last, because their owner may not have bound them yet.
    """
    names = [row.env for row in ROWS if row.kind == "port"]
    return {name: str(port) for name, port in zip(names, _free(), strict=False)}


@cache
def _free() -> Iterator[int]:
    """Ports of this process's share in no order, each if it is free when it is asked for, without end."""
    number, _, processes = os.environ.get(SHARE, "0/1").partition("/")
    share = RANGE[int(number) :: int(processes)]
    candidates = random.SystemRandom().sample(share, len(share))
    return (port for port in itertools.cycle(candidates) if _bind("127.0.0.1", port) is None)


def _bind(host: str, port: int) -> OSError | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        # As Go's listeners do: connections that linger in TIME_WAIT don't hold a port.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            return error
    return None
