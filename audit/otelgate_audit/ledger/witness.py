"""The second witness, outside of the stack: each announced head as one more line of JSON in a file, or by HTTP.

Loki is the first witness, and runs in the same stack as the database. A file on another machine's disk, or a service
that only appends lines, is out of reach of someone who controls both. LEDGER.md describes the proof.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ..kinds import before_colon

FILE: Final = "file:"
TIME: Final = "time_unix_nano"

_WAITING: Final = 10_000
"""A week of heads, one a minute; beyond that, only the latest are kept, which cover the earlier ones."""
_PAGE: Final = 1_000
_TIMEOUT_S: Final = 10


class WitnessError(OSError):
    """The witness did not accept a head. The text never holds a webhook's address, which may be a secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the head."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirect is an error."""


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


class Witness:
    """The destination of heads: `file:/path` is appended to, an http:// or https:// URL gets a POST.

    One thread may queue heads while another one writes.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._lock = threading.Lock()

    def keep(self, attributes: Mapping[str, str | int]) -> None:
        """Queue a head, as the attributes of its event; `write` sends it."""
        line = {TIME: time.time_ns(), **attributes}
        with self._lock:
            self._waiting.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def write(self) -> None:
        """Send the queued heads, oldest first. Raises WitnessError if one fails; unsent heads stay queued."""
        while self._waiting:
            line = self._waiting[0]
            try:
                self._send(line)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise self.failure(self._reason(error)) from None
            with self._lock:
                if self._waiting[0] is line:  # else newer heads have evicted it meanwhile
                    self._waiting.popleft()

    def failure(self, reason: str) -> WitnessError:
        """The error with the reason and the number of queued heads."""
        shown = self._where if file_of(self._where) else before_colon(self._where)
        expected = "expected to take the ledger's heads"
        return WitnessError(f"OTELGATE_WITNESS={shown!r}: {expected} ({reason}); {len(self._waiting)} wait")

    def _send(self, line: bytes) -> None:
        if path := file_of(self._where):
            # One append to the file, even if several sinks share it; on the disk before it counts as sent. The line
            # before may have been cut off.
            line = b"\n" + line
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.write(opened, line) != len(line):
                    raise OSError(errno.ENOSPC, "only a part was written")
                os.fsync(opened)
            finally:
                os.close(opened)
            return
        headers = {"Content-Type": "application/json"}
        with _OPENER.open(urllib.request.Request(self._where, line, headers), timeout=_TIMEOUT_S):
            pass

    def _reason(self, error: Exception) -> str:
        """The reason as text; for a webhook only the status or the type, as error texts may name the address."""
        if file_of(self._where):
            return getattr(error, "strerror", None) or type(error).__name__
        if isinstance(error, urllib.error.HTTPError):
            return str(error.code)
        cause = getattr(error, "reason", None)
        return type(cause if isinstance(cause, Exception) else error).__name__


def file_of(where: str) -> Path | None:
    """The file of a witness that can be read; None for a write-only witness."""
    return Path(where.removeprefix(FILE)) if where.startswith(FILE) else None


def read(path: Path, *, optional: bool = False) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The heads of a file in pages, each the time in nanoseconds and the attributes, named as in Loki.

    An invalid line, such as a truncated one, has no attributes. Raises OSError, but not for a missing file that is
    `optional`.
    """
    try:
        lines = path.open("rb")
    except FileNotFoundError:
        if optional:
            return
        raise
    with lines:
        while page := list(islice(lines, _PAGE)):
            yield [_head(line) for line in page if line.strip()]


def _head(line: bytes) -> tuple[int, dict[str, Any]]:
    try:
        fields = json.loads(line)
        return int(fields[TIME]), {name.replace(".", "_"): str(value) for name, value in fields.items()}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return 0, {}
