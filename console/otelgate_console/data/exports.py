"""Exports of turns to files, in the background, with progress."""

import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from otelgate_audit.export import rows
from otelgate_audit.export.formats import FORMATS
from otelgate_audit.export.rows import Selection

from ..asking.database import connect

AT_ONCE: Final = 2
"""Exports that run at the same time; further ones wait."""
KEPT_S: Final = 3600
"""How long a finished file stays, in seconds."""
_MOST: Final = 20
_STATEMENT_S: Final = 300


class TooMany(Exception):
    """There are too many exports; the text says what to do."""


@dataclass
class Export:
    """One export. `state`: waiting, running, done or failed."""

    id: str
    owner: str
    form: str
    selection: Selection
    file: Path
    state: str = "waiting"
    written: int = 0
    total: int = 0
    problem: str = ""
    ended: float = field(default=0.0)


class Exports:
    """All exports of this process. Their files are in a private folder, which `close` removes."""

    def __init__(self, conninfo: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._conninfo, self._clock = conninfo, clock
        self._folder = tempfile.TemporaryDirectory(prefix="otelgate-exports-")
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="export")
        self._known: dict[str, Export] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def start(self, owner: str, form: str, selection: Selection) -> Export:
        """Begin an export. Raises TooMany."""
        with self._lock:
            self._forget_old()
            if len(self._known) >= _MOST:
                raise TooMany(
                    f"there are {_MOST} exports already; the first of them go {KEPT_S // 60} min after their end"
                )
            name = secrets.token_urlsafe(16)
            export = Export(name, owner, form, selection, Path(self._folder.name) / name)
            self._known[name] = export
        self._pool.submit(self._run, export)
        return export

    def find(self, name: str, owner: str) -> Export | None:
        """An export of this owner."""
        export = self._known.get(name)
        return export if export and export.owner == owner else None

    def of(self, owner: str) -> list[Export]:
        """The owner's exports, the newest first."""
        return [export for export in reversed(self._known.values()) if export.owner == owner]

    def close(self) -> None:
        """Stop, and remove all files."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    def _run(self, export: Export) -> None:
        export.state = "running"
        try:
            self._write(export)
            export.state = "done"
        except (psycopg.Error, OSError, InterruptedError) as error:
            export.state, export.problem = "failed", str(error).partition("\n")[0]
            export.file.unlink(missing_ok=True)
        finally:
            export.ended = self._clock()

    def _write(self, export: Export) -> None:
        with (
            connect(self._conninfo, _STATEMENT_S) as connection,
            rows.snapshot(connection),
            export.file.open("xb") as file,
        ):
            export.total = rows.count(connection, export.selection)
            form = FORMATS[export.form](file, content=export.selection.content)
            for batch in rows.batches(connection, export.selection):
                if self._closing.is_set():
                    raise InterruptedError("the console was stopped")
                form.write(batch)
                export.written += len(batch)
            form.close()

    def _forget_old(self) -> None:
        now = self._clock()
        for name, export in list(self._known.items()):
            if export.ended and now - export.ended > KEPT_S:
                export.file.unlink(missing_ok=True)
                del self._known[name]
