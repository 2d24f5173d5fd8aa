"""Environments with packages of others, apart from the tests' own, which would take them for dependencies."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Environment:
    """The environment of an application that uses such packages."""

    python: Path
    sdk: Path

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """For its programs: the SDK of these sources, and nothing of the tests' own Python."""
        kept = {name: value for name, value in env.items() if not name.startswith(("PYTHON", "LANG"))}
        return {**kept, "PYTHONPATH": str(self.sdk)}


def installed(lock: Path, cache: Path) -> Path:
    """The Python of an environment with what the lock file names, made in the cache unless it is there."""
    name = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache / f"{lock.stem}-{name}"
    python, ready = folder / "bin/python", folder / "ready"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{lock.stem}.lock").open("w") as held:
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
