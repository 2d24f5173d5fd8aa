"""Providers' packages, installed apart from the tests' own environment, which would take them for dependencies."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass
class Providers:
    """The environment of an application that uses the providers' packages."""

    python: Path
    sdk: Path

    def run(self, program: str, *arguments: str, env: Mapping[str, str]) -> None:
        """Run a program of this folder as a user does who writes no code for its telemetry."""
        command = [str(self.python.with_name("opentelemetry-instrument")), str(self.python), str(HERE / program)]
        kept = {name: value for name, value in env.items() if not name.startswith(("PYTHON", "LANG"))}
        done = subprocess.run(
            [*command, *arguments],
            env={**kept, "PYTHONPATH": str(self.sdk)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-4000:]


def installed(lock: Path, cache: Path) -> Path:
    """The Python of an environment with what the lock file names, made in the cache unless it is there."""
    name = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache / f"providers-{name}"
    python, ready = folder / "bin/python", folder / "ready"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "providers.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not ready.exists():
            # By pip, as the tests' own environment: it trusts what this machine trusts.
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            _run(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock))
            ready.touch()
    return python


def built(root: Path, folder: Path) -> Path:
    """A folder to import this SDK from, with the entry points that opentelemetry-instrument looks for."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    _run(*pip, "--target", str(folder), str(root))
    return folder


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-4000:]}"
