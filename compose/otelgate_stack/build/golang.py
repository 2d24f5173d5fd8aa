"""The machine's Go: is it there, is it new enough, where does it keep its caches."""

import functools
import json
import os
import re
import subprocess
from pathlib import Path

from ..errors import StackError

_WHERE = "install it from https://go.dev/dl/ and put it on PATH"


class NoGoError(StackError):
    """Nothing can be built here: Go is missing, too old, or does not run."""


def environment() -> dict[str, str]:
    """For `go build`: static Linux programs, from exactly the pinned modules; the rest is the machine's own."""
    return {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def toolchain(module: Path) -> str:
    """Version and architecture that build this module, "go1.26.8 amd64". Raises NoGoError."""
    values = _go_env(module)
    return f"{values['GOVERSION']} {values['GOARCH']}"


def caches(module: Path) -> list[Path]:
    """The folders into which Go fetches modules and compiles."""
    values = _go_env(module)
    return [Path(values["GOMODCACHE"]), Path(values["GOCACHE"])]


@functools.lru_cache
def _go_env(module: Path) -> dict[str, str]:
    wanted = wanted_version(module)
    try:
        result = subprocess.run(
            ["go", "env", "-json", "GOVERSION", "GOARCH", "GOMODCACHE", "GOCACHE"],
            cwd=module,
            env=environment(),
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise NoGoError(
            f"Go is missing: the native engine builds its programs with Go {wanted} or newer; {_WHERE}"
        ) from None
    if result.returncode:
        raise NoGoError(f"`go env` failed in {module}: {result.stderr.strip()}")
    values: dict[str, str] = json.loads(result.stdout)
    # A Go that may fetch newer toolchains has switched to one by now.
    if _numbers(values["GOVERSION"]) < _numbers(wanted):
        found = values["GOVERSION"].removeprefix("go")
        raise NoGoError(f"Go {found} is too old: Go {wanted} or newer is needed; {_WHERE}")
    return values


def _numbers(version: str) -> tuple[int, ...]:
    """go1.26.8 -> (1, 26, 8); what a release candidate or an experiment adds doesn't count."""
    match = re.match(r"(?:go)?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, match[1].split("."))) if match else ()


def wanted_version(module: Path) -> str:
    """The Go version that a module asks for, from its go.mod."""
    try:
        text = (module / "go.mod").read_text()
    except FileNotFoundError:
        raise StackError(f"{module / 'go.mod'} is missing: is this a complete checkout of otelgate?") from None
    match = re.search(r"^go (\S+)$", text, re.MULTILINE)
    return match[1] if match else "1.26"
