"""A cache of searches in a real Redis server, started for the example if REDIS_URL names none and one is available."""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from opentelemetry.instrumentation.utils import suppress_instrumentation
from otelgate_stack.build import debian

from examples.common.server import host

START_S = 10.0
KEEP_S = 60


class Cache:
    """JSON by key, for a minute. A cache that is unavailable or not configured returns no hits."""

    def __init__(self, url: str | None) -> None:
        self.redis = redis.Redis.from_url(url, socket_timeout=2.0) if url else None

    def check(self) -> None:
        """Raises redis.RedisError if the server is unavailable. Leaves no telemetry: probes are not traffic."""
        if self.redis:
            with suppress_instrumentation():
                self.redis.ping()

    def get(self, key: str) -> Any:
        try:
            found = self.redis.get(key) if self.redis else None
        except redis.RedisError:
            return None
        return None if found is None else json.loads(found)

    def put(self, key: str, value: Any) -> None:
        if self.redis:
            with suppress(redis.RedisError):
                self.redis.set(key, json.dumps(value), ex=KEEP_S)


@contextmanager
def running_redis() -> Iterator[str | None]:
    """The URL of a server: REDIS_URL's, or one of our own on a free port until the block ends; None without a program.

    Ours is `redis-server` on PATH, or the distribution's package, fetched once. It writes nothing to disk. Raises
    RuntimeError where it doesn't answer.
    """
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    binary = debian.binary("redis-server")
    if binary is None:
        yield None
        return
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="osool-redis-") as folder:  # no other user may look into it
        command = [str(binary), "--port", str(port), "--bind", host(), "--save", "", "--dir", folder]
        command += ["--protected-mode", "no"]  # else only the loopback gets an answer
        command += ["--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru", "--daemonize", "no"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(process, port)
            yield f"redis://{host()}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((host(), 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"redis-server ended with status {process.returncode}")
        try:
            socket.create_connection((host(), port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not answer within {START_S:.0f} s") from None
            time.sleep(0.02)
