"""The second witness, outside of the stack: each announced head as one more line of JSON in a file, or by HTTP.

Loki is the first witness, and stands beside the database. A file on another machine's disk, or a service that takes
lines and deletes none, is out of reach of someone who holds both. LEDGER.md says what that proves.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

FILE: Final = "file:"
TIME: Final = "time_unix_nano"

_WAITING: Final = 10_000
"""A week of heads, one a minute; of more, the latest are kept, which speak for those before them."""
_PAGE: Final = 1_000
_TIMEOUT_S: Final = 10


class WitnessError(OSError):
    """The witness did not take a line. Its text never holds the address, which may be a secret."""


class Witness:
    """Where heads go: `file:/path` is appended to, an http:// or https:// URL gets a POST. Not for several threads."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)

    def keep(self, attributes: Mapping[str, str | int]) -> None:
        """Take a head, as the attributes of its event; `write` sends it."""
        line = {TIME: time.time_ns(), **attributes}
        self._waiting.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def write(self) -> None:
        """Send what waits, oldest first. What could not be sent waits on; then this raises WitnessError."""
        while self._waiting:
            try:
                self._send(self._waiting[0])
            except (OSError, ValueError, http.client.HTTPException) as error:
                reason = getattr(error, "code", None) or getattr(error, "reason", None) or type(error).__name__
                waiting = f"{len(self._waiting)} heads wait"
                self._waiting[0] = b"\n" + self._waiting[0].lstrip()  # a part of it may have been written
                raise WitnessError(f"the witness does not take the ledger's head ({reason}): {waiting}") from None
            self._waiting.popleft()

    def _send(self, line: bytes) -> None:
        if path := file_of(self._where):
            # One write at the end of the file, whichever sinks share it; on the disk before it counts as sent.
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.write(opened, line) != len(line):
                    raise OSError(f"{path}: only a part was written")
                os.fsync(opened)
            finally:
                os.close(opened)
            return
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self._where, line, headers), timeout=_TIMEOUT_S):
            pass


def file_of(where: str) -> Path | None:
    """The file of a witness that can be read; None of one that is only written to."""
    return Path(where.removeprefix(FILE)) if where.startswith(FILE) else None


def read(path: Path) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The heads of a file in pages, each the time in nanoseconds and the attributes, named as Loki does.

    A line that is none, such as one that was cut off, has no attributes. Raises OSError.
    """
    with path.open("rb") as lines:
        while page := list(islice(lines, _PAGE)):
            yield [_head(line) for line in page if line.strip()]


def _head(line: bytes) -> tuple[int, dict[str, Any]]:
    try:
        fields = json.loads(line)
        return int(fields[TIME]), {name.replace(".", "_"): str(value) for name, value in fields.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return 0, {}
