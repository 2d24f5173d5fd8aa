"""`make sbom`: which modules each program is made of, and the Python packages of the lock, as CycloneDX JSON.

Made of the same programs, the files are the same to the byte: they have a time only where SOURCE_DATE_EPOCH says one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from ..errors import SettingsError, StackError
from ..report import Report
from ..settings import Settings
from . import builds, golang

_SPEC = "1.6"
_LOCK = "requirements/dev.txt"


def run(settings: Settings, report: Report, folder: Path, names: Sequence[str] = ()) -> dict[Path, int]:
    """Write one file for each program of the stack, or for these, and one for Python; build what is missing.

    Returns the number of components in each file.
    """
    made_at = _made_at()
    names = names or builds.STACK
    if unknown := [name for name in names if name not in builds.STACK]:
        raise SettingsError(f"no program {unknown[0]!r}: expected one of {', '.join(builds.STACK)}")
    programs = builds.build([*names, "cyclonedx-gomod"], settings, report)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name in names:
        file = folder / f"{name}.cdx.json"
        written[file] = _write(file, _of_program(name, programs, settings, made_at), report)
    file = folder / "python.cdx.json"
    return {**written, file: _write(file, _of_lock(settings, made_at), report)}


def _made_at() -> str:
    """SOURCE_DATE_EPOCH as CycloneDX writes a time; empty where it isn't set."""
    raw = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not raw:
        return ""
    try:
        if not (raw.isascii() and raw.isdigit()):
            raise ValueError(raw)
        return datetime.fromtimestamp(int(raw), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise SettingsError(f"SOURCE_DATE_EPOCH={raw!r}: expected a time in seconds since 1970") from None


def _of_program(name: str, programs: dict[str, Path], settings: Settings, made_at: str) -> dict[str, Any]:
    """Read from the program itself: what was linked, not what go.mod would allow."""
    command = [str(programs["cyclonedx-gomod"]), "bin", "-json", "-noserial", "-notimestamp", "-std"]
    command += ["-output-version", _SPEC]
    if builds.PROGRAMS[name].own:
        command += ["-version", f"v{dotenv_values(settings.root / 'versions.env')['OTELGATE_VERSION']}"]
    return _made([*command, str(programs[name])], settings, golang.environment(), made_at)


def _of_lock(settings: Settings, made_at: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--spec-version", _SPEC, "--output-reproducible"]
    command += ["--pyproject", "pyproject.toml", "--output-format", "JSON", _LOCK]
    return _made(command, settings, dict(os.environ), made_at)


def _made(command: list[str], settings: Settings, env: dict[str, str], made_at: str) -> dict[str, Any]:
    done = subprocess.run(command, cwd=settings.root, env=env, capture_output=True, text=True)
    if done.returncode:
        last = "\n".join("  " + line for line in done.stderr.strip().splitlines()[-10:])
        raise StackError(f"{' '.join(command)} failed (exit status {done.returncode}):\n{last}")
    made: dict[str, Any] = json.loads(done.stdout)
    if made_at:
        made["metadata"]["timestamp"] = made_at
    return made


def _write(file: Path, made: dict[str, Any], report: Report) -> int:
    file.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    count = len(made["components"])
    report.line(f"{file}: {count} component{'s' if count != 1 else ''}")
    return count
