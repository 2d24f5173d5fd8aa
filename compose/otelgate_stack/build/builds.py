"""Static Linux programs from Go modules, built once, in parallel, into a cache keyed by everything that makes them.

The modules are pinned by go.mod and go.sum in compose/native/<backend>/ and in collector/.
"""

import contextlib
import hashlib
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from .. import state
from ..errors import StackError
from ..report import Report
from ..service_spec import Program
from ..service_table import TABLE
from ..settings import Settings
from . import golang

PARALLEL = 2
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")
# A cold build fetches modules and compiles them: about this much for each program, and the program itself.
_GO_CACHE_BYTES = 2 << 30
_PROGRAM_BYTES = 200 << 20
_SOURCES = "sources"


PROGRAMS: dict[str, Program] = {
    **{
        name: program
        for spec in TABLE
        if spec.program
        for name, program in ((spec.name, spec.program), *spec.tools.items())
    },
    "price": Program("collector", "./pricing/cmd/price", own=True, tool=True),
    "docker-compose": Program("compose/native/docker-compose", "github.com/docker/compose/v2/cmd"),
    "cyclonedx-gomod": Program(
        "compose/native/cyclonedx-gomod", "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod", tool=True
    ),
    "govulncheck": Program("compose/native/govulncheck", "golang.org/x/vuln/cmd/govulncheck", tool=True),
}
STACK = tuple(name for name, program in PROGRAMS.items() if not program.tool)
"""The programs that the stack runs, and the tools that belong to them."""


def build(names: Iterable[str], settings: Settings, report: Report) -> dict[str, Path]:
    """Paths of these programs, building those that the cache lacks, for which alone Go is needed. Raises StackError.

    Safe while another process builds the same: one of them builds, the other waits and takes the result.
    """
    paths = {name: path(name, settings) for name in names}
    missing = [name for name, program in paths.items() if not program.exists()]
    if missing:
        _check_disk(missing, settings)
        _build_all({name: paths[name] for name in missing}, settings, report)
    for name, program in paths.items():
        _note_sources(name, program, settings)
    return paths


def path(name: str, settings: Settings) -> Path:
    """The path of this program in the cache, which may not exist yet.

    Without Go it is one that was built of the same sources. Raises NoGoError where there is none.
    """
    try:
        return settings.cache_dir / f"{name}-{key(name, settings)}" / name
    except golang.NoGoError:
        if found := _built_before(name, settings):
            return found
        raise


def key(name: str, settings: Settings) -> str:
    """Changes with each input of the program: pins, Go's version, flags, and our own sources if it is ours."""
    return _digest(name, settings, golang.toolchain(settings.root / PROGRAMS[name].folder))


def _digest(name: str, settings: Settings, compiler: str) -> str:
    program = PROGRAMS[name]
    folder = settings.root / program.folder
    digest = hashlib.sha256(repr((program, _FLAGS, compiler)).encode())
    for file in _inputs(folder, program.own):
        digest.update(f"\0{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _sources(name: str, settings: Settings) -> str:
    """The key but for Go's version."""
    return _digest(name, settings, platform.machine())


def _note_sources(name: str, program: Path, settings: Settings) -> None:
    """Next to the program, so that it is found again without a Go that could tell its version."""
    note = program.with_name(_SOURCES)
    if not note.exists():
        with contextlib.suppress(OSError):  # a cache that only its owner may write
            note.write_text(_sources(name, settings))


def _built_before(name: str, settings: Settings) -> Path | None:
    """The newest of these programs, whichever Go has built it."""
    notes = sorted(settings.cache_dir.glob(f"{name}-*/{_SOURCES}"), key=lambda note: note.stat().st_mtime_ns)
    wanted = _sources(name, settings)
    programs = [note.with_name(name) for note in reversed(notes) if note.read_text() == wanted]
    return next((program for program in programs if program.exists()), None)


def _inputs(folder: Path, own: bool) -> list[Path]:
    files = {folder / "go.mod", folder / "go.sum"}
    if own:
        # Not only *.go: a source may embed any file.
        files |= {file for file in folder.rglob("*") if file.is_file() and _is_build_input(file.relative_to(folder))}
    return sorted(files)


def _is_build_input(file: Path) -> bool:
    """Tests don't end up in a program, nor what it is given when it starts or is packed."""
    return not (
        file.name.endswith("_test.go")
        or "testdata" in file.parts
        or file.parts[0] in ("config", "Dockerfile", "README.md")
    )


def _check_disk(missing: list[str], settings: Settings) -> None:
    caches = golang.caches(settings.root / PROGRAMS[missing[0]].folder)
    needs = {folder: len(missing) * _GO_CACHE_BYTES // len(caches) for folder in caches}
    needs[settings.cache_dir] = needs.get(settings.cache_dir, 0) + len(missing) * _PROGRAM_BYTES
    state.check_disk(needs, "building " + ", ".join(missing))


def _build_all(paths: dict[str, Path], settings: Settings, report: Report) -> None:
    running = _Running()
    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            futures = [
                pool.submit(_build_one, name, target, settings, report, running) for name, target in paths.items()
            ]
            for future in futures:
                future.result()
        except BaseException:
            # Ctrl-C or a failed build: the others are of no use now.
            pool.shutdown(wait=False, cancel_futures=True)
            running.stop()
            raise


def _build_one(name: str, target: Path, settings: Settings, report: Report, running: "_Running") -> None:
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    with report.step(f"build {name}") as step, state.locked(target.parent.with_suffix(".lock")):
        if target.exists():
            step.note("built by another process")
            return
        draft = target.parent.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            _compile(name, draft / name, settings, running)
            draft.rename(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _compile(name: str, output: Path, settings: Settings, running: "_Running") -> None:
    program = PROGRAMS[name]
    command = ["go", "build", *_FLAGS, *([f"-tags={program.tags}"] if program.tags else []), "-o", str(output)]
    log = settings.cache_dir / "log" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as sink:
        status = running.run([*command, program.package], settings.root / program.folder, sink)
    if status == 0:
        return
    text = log.read_text(errors="replace")
    if "no space left on device" in text:
        needs = ", ".join(map(str, [settings.cache_dir, *golang.caches(settings.root / program.folder)]))
        raise StackError(f"disk full while building {name}: make room in {needs} (about 2 GiB for each program)")
    last = "\n".join("  " + line for line in text.splitlines()[-10:])
    raise StackError(
        f"building {name} failed (exit status {status}); the whole log is in {log}, its last lines:\n{last}"
    )


class _Running:
    """The compilers under way, so that a failure or Ctrl-C ends them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def run(self, command: list[str], folder: Path, log: IO[bytes]) -> int:
        with self._lock:
            if self._stopped:
                raise StackError("stopped: another build failed")
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=golang.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            self._processes.append(process)
        return process.wait()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.terminate()
