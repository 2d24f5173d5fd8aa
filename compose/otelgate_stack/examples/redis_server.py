"""A Redis server of an example's own: `redis-server` on PATH, or the distribution's package, fetched once."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..build import debian
from ..errors import StackError
from ..report import Report
from ..settings import Settings
from ..waiting import until

_START_S = 10.0


@contextmanager
def running(settings: Settings, host: str, folder: str | None = None) -> Iterator[str | None]:
    """Its URL, until the block ends: on a free port, and what it writes is below `folder`.

    None, after printing the reason, where the program can't be had. Raises StackError where it doesn't answer.
    """
    report = Report(sys.stderr)
    try:
        program = debian.fetch("redis-server", settings, report)
    except StackError as error:
        report.line(str(error), "yellow")
        yield None
        return
    port = _free_port(host)
    with tempfile.TemporaryDirectory(prefix="otelgate-redis-", dir=folder) as own:  # no other user may look into it
        command = [str(program), "--port", str(port), "--bind", host, "--save", "", "--dir", own]
        command += ["--protected-mode", "no"]  # else only the loopback gets an answer
        command += ["--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru", "--daemonize", "no"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(process, host, port)
            yield f"redis://{host}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    def missing() -> str:
        if process.poll() is not None:
            raise StackError(f"redis-server ended with status {process.returncode}")
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return f"redis-server did not answer within {_START_S:.0f} s"
        return ""

    if problem := until(missing, _START_S):
        raise StackError(problem)
