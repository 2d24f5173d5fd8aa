"""Programs of the machine's own distribution: on PATH, or a package that apt-get fetches, unpacked into the cache.

No root is needed, nothing is installed, and neither an address nor a version is ours: apt's own sources and signatures
say what comes. Without apt-get, or if it reaches no archive, the stack runs without these programs.
"""

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import state
from ..errors import StackError
from ..report import Report
from ..service_table import TABLE
from ..settings import Settings

_FETCH_WITHIN_S = 300
# An unreachable archive is reported soon.
_APT_OPTIONS = ("-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


@dataclass(frozen=True)
class Package:
    """A package with a program of its name. `also`: those with its libraries. `names`: what others call the program."""

    also: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


PACKAGES: dict[str, Package] = {
    "prometheus-blackbox-exporter": Package(names=("blackbox_exporter",)),
    "prometheus-node-exporter": Package(names=("node_exporter",)),
    "prometheus-postgres-exporter": Package(names=("postgres_exporter",)),
    "prometheus-redis-exporter": Package(names=("redis_exporter",)),
    "redis-server": Package(also=("redis-tools", "libjemalloc2", "liblzf1", "libatomic1")),
}

EXPORTERS = {spec.name: spec.package for spec in TABLE if spec.package}
"""The services that probe and export -> their packages."""


def installed(name: str, settings: Settings) -> Path | None:
    """The program if it is on PATH or was fetched before. Makes no request."""
    for program in (name, *PACKAGES[name].names):
        if found := shutil.which(program):
            return Path(found)
    program_file = _folder(name, settings) / name
    return program_file if program_file.exists() else None


def fetch(name: str, settings: Settings, report: Report) -> Path:
    """The program, fetched where it is missing. Raises StackError with the reason where it can't be had.

    Safe while another process fetches the same: one of them does, the other waits and takes the result.
    """
    if found := installed(name, settings):
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise StackError(f"{name} is not on PATH, and there is no apt-get to fetch it with")
    target = _folder(name, settings)
    state.make_folder(settings.cache_dir)
    with report.step(f"fetch {name}") as step, state.locked(target.with_name(f"{target.name}.lock")):
        if target.exists():
            step.note("fetched by another process")
        else:
            _unpack(name, target)
    return target / name


def _folder(name: str, settings: Settings) -> Path:
    """Packages of another release or architecture are other programs."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:  # no Linux distribution
        release = {}
    system = "-".join([release.get("ID", platform.system()), release.get("VERSION_ID", ""), platform.machine()])
    return settings.cache_dir / f"{name}-{system}"


def _unpack(name: str, target: Path) -> None:
    """Under another name until it is whole and has run once."""
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    content = draft / "content"
    content.mkdir(parents=True)
    packages = (name, *PACKAGES[name].also)
    _run(["apt-get", *_APT_OPTIONS, "download", *packages], draft, f"apt-get cannot fetch {name}")
    for package in sorted(draft.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(content)], draft, f"{package.name} cannot be unpacked")
        package.unlink()
    program = content / "usr" / "bin" / name
    libraries = sorted((content / "usr" / "lib").glob("*-linux-*"))
    here = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))} if libraries else {}
    _run([str(program), "--version"], draft, f"{name} was fetched, but does not run here", here)
    if libraries:  # those that came along are found by a variable only
        there = ":".join(str(target / folder.relative_to(draft)) for folder in libraries)
        command = f"LD_LIBRARY_PATH={shlex.quote(there)} exec {shlex.quote(str(target / program.relative_to(draft)))}"
        (draft / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (draft / name).chmod(0o755)
    else:
        (draft / name).symlink_to(program.relative_to(draft))
    draft.rename(target)


def _run(command: Sequence[str], folder: Path, failure: str, more: dict[str, str] | None = None) -> None:
    env = {**os.environ, "LC_ALL": "C", **(more or {})}
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{failure}: no end within {_FETCH_WITHIN_S} s") from None
    except OSError as error:
        raise StackError(f"{failure}: {error.strerror}") from None
    if answer.returncode:
        lines = [line.strip() for line in answer.stderr.splitlines() if not line.startswith("W:")]
        raise StackError(f"{failure}: {' '.join(lines)[-500:] or f'exit status {answer.returncode}'}")
