"""`make backup` and `make restore`: every store's data and the generated secrets, in one file.

A store with a tool of its own for this is copied while it works: PostgreSQL (postgres.py). Each other one is stopped
while it is copied, one after the other: a plain copy of its files is then consistent, for any store. Nothing is lost,
since the gateway queues on disk what a store can't take, and the SDKs what the gateway can't. Of the gateway the queues
are copied first, so what was under way is in the backup once or twice, and the stores take a second delivery for what
it is.

Why the others are stopped:

- Prometheus' snapshots need its admin API, which also deletes series. Grafana, Tempo and the gateway have the password,
  so any of them could remove the samples that `audit reconcile` compares the audit store with.
- Loki and Tempo have no tool for it. Their `/flush` writes chunks and blocks while the index and the write-ahead log
  change on, so only a stopped one is copied consistently, and that needs no flush: the log is in the copy.
- `badger backup`, for Jaeger's storage, and bbolt, for the gateway's queues, want the files for themselves.
- amtool exports the silences that are active, and not Alertmanager's log of notifications.
- Grafana's image has no sqlite3, and its database is a few MB: it is away for its restart.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .. import credentials, state
from ..build import images
from ..engines.engine import Engine
from ..errors import StackError
from ..report import Report
from ..settings import Settings
from . import archive, postgres
from .archive import Backup, Manifest, Packed
from .places import pack_folder, places, unpack_folder

SECRETS = "secrets"
WHILE_IT_WORKS: Final[Mapping[str, Callable[[Settings, str, Packed], None]]] = {"postgres": postgres.copy}
"""Stores with a tool of their own, for when they run -> what writes their data as a tar, for the engine of a name."""
_MIB = 1 << 20


def backup(settings: Settings, engine: Engine, report: Report, folder: Path) -> Path:
    """Write a backup into `folder` and return its path. Services are up again afterwards, even if this fails."""
    state.make_folder(folder)
    now = datetime.now(UTC)
    target = folder / f"otelgate-{now:%Y%m%dT%H%M%SZ}.tar"
    with places(engine.name, settings, report) as data:
        names = data.filled()
        if not names:
            raise StackError("nothing to back up: no store has any data")
        sizes = [data.size(name) or 0 for name in names]
        # Each is written once on its own, plain and then compressed, and once into the file.
        state.check_disk({folder: sum(sizes) + 2 * max(sizes)}, "the backup")
        up = {status.name for status in engine.status() if status.pid_or_container and status.state != "stopped"}
        with archive.create(target) as file:
            for name in names:
                packed = file.pack()
                tool = WHILE_IT_WORKS.get(name) if name in up else None
                with _away(name, engine, name in up and not tool), report.step(f"copy {name}") as step:
                    if tool:
                        tool(settings, engine.name, packed)
                    else:
                        data.pack(name, packed)
                    step.note(_mib(packed.bytes))
                file.add(name, version(settings, name), packed)
            if credentials.folder(settings).is_dir():
                packed = file.pack()
                pack_folder(credentials.folder(settings), packed)
                file.add(SECRETS, "", packed)
            manifest = file.finish(engine.name, _release(settings), f"{now:%Y-%m-%dT%H:%M:%SZ}")
    _say(manifest, target, report)
    for path in foreign_secrets(settings):
        report.line(f"not in it, since it is yours: {path}", "yellow")
    if settings.audit and not settings.own_database:
        report.line("not in it: the audit store is a database of yours (OTELGATE_DATABASE_URL); use pg_dump", "yellow")
    return target


def restore(settings: Settings, engine: Engine, report: Report, path: Path, *, force: bool = False) -> Manifest:
    """Put a backup's data in the place of this stack's, which must be empty unless `force`. It is down afterwards.

    Nothing is touched before the whole file was checked. Raises StackError.
    """
    with archive.read(path) as file:
        manifest = file.manifest
        _check(file, settings, engine, report)
        with places(engine.name, settings, report) as data:
            filled = data.filled()
            running = any(status.pid_or_container for status in engine.status())
            if (filled or running) and not force:
                what = ", ".join(filled) or "a stack without data"
                raise StackError(f"there is data already, of {what}: --force (FORCE=1) replaces it by the backup's")
            if running:
                engine.down()
            state.ensure(settings)
            _make_room(engine, manifest, settings)
            for name in manifest.parts:
                if name == SECRETS:
                    continue
                with report.step(f"restore {name}") as step, file.unpacked(name) as source:
                    data.unpack(name, source)
                    step.note(_mib(manifest.parts[name].bytes))
            data.settle()
        if SECRETS in manifest.parts:
            with report.step("restore secrets"), file.unpacked(SECRETS) as source:
                unpack_folder(credentials.folder(settings), source)
    state.remember_engine(settings, engine.name)
    for secret in foreign_secrets(settings):
        report.line(f"not restored, since it is yours: {secret}", "yellow")
    return manifest


def version(settings: Settings, name: str) -> str:
    """The pinned version of the program that reads these data; empty where there is none."""
    return images.names(settings).get(name, "").rpartition(":")[2].removeprefix("v")


def foreign_secrets(settings: Settings) -> list[Path]:
    """The files with the stores' secrets that the user has elsewhere."""
    return [path for path in credentials.wanted(settings) if path.parent != credentials.folder(settings)]


@contextmanager
def _away(name: str, engine: Engine, stop: bool) -> Iterator[None]:
    """Stopped meanwhile, if `stop`."""
    if not stop:
        yield
        return
    try:
        engine.stop(name)
        yield
    finally:
        engine.start(name)


def _check(file: Backup, settings: Settings, engine: Engine, report: Report) -> None:
    manifest = file.manifest
    if manifest.engine != engine.name:
        raise StackError(
            f"{file.path}: made with the {manifest.engine} engine, this stack has {engine.name}:"
            f" ENGINE={manifest.engine} make restore …"
        )
    for name, part in manifest.parts.items():
        now = version(settings, name)
        if now and part.version and _major(now) != _major(part.version):
            raise StackError(
                f"{file.path}: holds the data of {name} {part.version}, expected major version {_major(now)}:"
                f" check out otelgate {manifest.release} to restore it"
            )
    with report.step("check the file") as step:
        for name in manifest.parts:
            file.verify(name)
        step.note(f"of {manifest.made_at}, {len(manifest.parts)} parts")


def _make_room(engine: Engine, manifest: Manifest, settings: Settings) -> None:
    if engine.name == "native":
        state.check_disk({settings.state_dir: sum(part.bytes for part in manifest.parts.values())}, "restoring")
    else:
        engine.clean()


def _say(manifest: Manifest, target: Path, report: Report) -> None:
    rows = [(name, part.version, _mib(part.bytes)) for name, part in manifest.parts.items()]
    report.line()
    report.table(rows, ("store", "version", "size"))
    report.line(f"\n{target} ({_mib(target.stat().st_size)}): message content and keys are in it; keep it as them")
    report.line("next: " + report.style(f"make restore FROM={target}", "bold") + " on an empty stack")


def _release(settings: Settings) -> str:
    return images.pins(settings)["OTELGATE_VERSION"]


def _major(text: str) -> str:
    found = re.match(r"\d+", text)
    return found[0] if found else text


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"
