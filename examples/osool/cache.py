"""A cache of searches in a real Redis server, started for the example where REDIS_URL names none."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

START_S = 10.0
KEEP_S = 60
_PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1")


class Cache:
    """JSON by key, for a minute. A cache that is away is a cache that knows nothing."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url, socket_timeout=2.0)

    def get(self, key: str) -> Any:
        try:
            found = self.redis.get(key)
        except redis.RedisError:
            return None
        return None if found is None else json.loads(found)  # type: ignore[arg-type]

    def put(self, key: str, value: Any) -> None:
        try:
            self.redis.set(key, json.dumps(value), ex=KEEP_S)
        except redis.RedisError:
            return


@contextmanager
def running_redis() -> Iterator[str]:
    """The URL of a server: REDIS_URL's, or one of our own on a free port until the block ends.

    Raises RuntimeError where there is no `redis-server`, or it doesn't answer.
    """
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    binary = redis_server()
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="osool-redis-") as folder:
        command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command += ["--maxmemory", "32mb", "--maxmemory-policy", "allkeys-lru", "--daemonize", "no"]
        libraries = {"LD_LIBRARY_PATH": str(binary.parents[1] / "lib" / "x86_64-linux-gnu")}
        env = {**os.environ, **(libraries if binary.is_relative_to(_unpacked_folder()) else {})}
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(process, port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(10)


def redis_server() -> Path:
    """The program: on PATH, or Debian's package, downloaded with apt-get and unpacked without root."""
    if found := shutil.which("redis-server"):
        return Path(found)
    program = _unpacked_folder() / "usr" / "bin" / "redis-server"
    if not program.exists():
        with tempfile.TemporaryDirectory() as folder:
            try:
                subprocess.run(["apt-get", "download", *_PACKAGES], cwd=folder, check=True, capture_output=True)
                for package in Path(folder).glob("*.deb"):
                    subprocess.run(["dpkg-deb", "-x", str(package), str(_unpacked_folder())], check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise RuntimeError("no redis-server: install it, or set REDIS_URL") from error
    return program


def _unpacked_folder() -> Path:
    return Path.home() / ".cache" / "otelgate" / "redis"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"redis-server ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not answer within {START_S:.0f} s") from None
            time.sleep(0.02)
