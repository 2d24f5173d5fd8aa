"""The kinds of values that a setting can have, and the reader for a table of settings.

The tables are generated from compose/settings.yaml (`settings_table.py` here and in the stack). The gateway's Go reads
the same kinds; tests hold both to the examples in that file.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from psycopg import ProgrammingError, conninfo


@dataclass(frozen=True)
class Row:
    """One setting. `default` is text, empty if there is none; `expected` completes "expected ..."."""

    field: str
    env: str
    kind: str
    default: str
    expected: str
    doc: str
    readers: frozenset[str] = frozenset()
    least: float = 0
    most: float = float("inf")
    values: tuple[str, ...] = ()

    def parse(self, raw: str, root: Path) -> Any:
        """The value; relative paths start at `root`. Raises ValueError."""
        return KINDS[self.kind](raw, self, root)

    def shown(self, raw: str) -> str:
        """A value as messages show it, masked if it may hold a secret."""
        return before_colon(raw) if self.kind == "witness" else masked(raw)

    def fault(self, raw: str) -> str:
        return f"{self.env}={self.shown(raw)!r}: expected {self.expected}"


def masked(text: str) -> str:
    """A text without the passwords of the URLs in it."""
    # Also of malformed URLs: everything between a colon and the last @.
    text = re.sub(r":(?!//)\S*@", ":***@", text)
    return re.sub(r"(?i)(password=)('[^']*'|[^&\s]*)", r"\1***", text)


def before_colon(text: str) -> str:
    """An address that may be a secret, reduced to its scheme."""
    scheme, colon, _ = text.partition(":")
    return f"{scheme}:…" if colon else "…"


def show(value: object) -> str:
    """A value as the environment writes it; durations in hours, which Go reads too."""
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value / _HOUR:.0f}h"
        case tuple():
            return ",".join(value)
    return str(value)


def read(
    rows: Iterable[Row],
    given: Mapping[str, str],
    root: Path = Path(),
    default: Callable[[Row, Mapping[str, str]], str] = lambda row, texts: row.default,
) -> tuple[dict[str, Any], list[str]]:
    """The value of each row by its field, and a line for each wrong value.

    `given` has names and values of the environment; empty values count as unset. `default(row, texts)` is the text of a
    row that is not given; `texts` has those of the rows before it.
    """
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    problems = []
    for row in rows:
        raw = given.get(row.env) or default(row, texts)
        try:
            values[row.field] = row.parse(raw, root) if raw else () if row.kind == "origins" else None
        except ValueError:
            problems.append(row.fault(raw))
            values[row.field] = None
        texts[row.field] = raw
    return values, problems


def unknown(names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """A line for each unknown name, with the setting that is probably meant."""
    for name in sorted(set(names) - set(known)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        yield f"{name}: unknown setting; " + (
            f"did you mean {near[0]}?" if near else "docs/reference/settings.md lists them"
        )


def ports_used_twice(rows: Iterable[Row], values: Mapping[str, Any]) -> Iterator[str]:
    """A line for each port that another setting also has."""
    first: dict[int, str] = {}
    for row in rows:
        if row.kind == "port" and (port := values[row.field]) is not None:
            if port in first:
                yield f"{row.env}='{port}': expected a port of its own, {first[port]} has the same"
            first.setdefault(port, row.env)


_HOUR: Final = timedelta(hours=1)
_UNITS: Final = {"h": _HOUR, "d": timedelta(days=1), "w": timedelta(weeks=1)}
_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"


def _matches(pattern: str, raw: str) -> str:
    if not re.fullmatch(pattern, raw):
        raise ValueError(raw)
    return raw


def _whole(raw: str, least: float, most: float) -> int:
    if not raw.isascii() or not raw.isdigit() or not least <= int(raw) <= most:
        raise ValueError(raw)
    return int(raw)


def _decimal(raw: str, above: float, most: float = float("inf")) -> str:
    # Plain decimals, kept as they are written.
    if not above < float(_matches(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", raw)) <= most:
        raise ValueError(raw)
    return raw


def _one_of(raw: str, row: Row, root: Path) -> str:
    if raw not in row.values:
        raise ValueError(raw)
    return raw


def _boolean(raw: str, row: Row, root: Path) -> bool:
    return _matches("true|false", raw) == "true"


def _duration(raw: str, row: Row, root: Path) -> str:
    if int(_matches(r"[0-9]+[smh]", raw)[:-1]) < 1:
        raise ValueError(raw)
    return raw


def _retention(raw: str, row: Row, root: Path) -> timedelta:
    # Under a day, Loki's compactor and Prometheus' two-hour blocks would keep data longer than configured.
    kept = int(_matches(r"[0-9]{1,6}[hdw]", raw)[:-1]) * _UNITS[raw[-1]]
    if not timedelta(days=1) <= kept <= timedelta(days=36500):
        raise ValueError(raw)
    return kept


def _host(raw: str) -> str:
    # A name or an IPv4 address, or an IPv6 address, with or without the brackets of a URL.
    if raw.startswith("[") and raw.endswith("]") and ":" in raw:
        raw = raw[1:-1]
    return _matches(_HOST, raw)


def _endpoint(raw: str) -> str:
    host, _, port = raw.rpartition(":")
    _host(host)
    _whole(port, 1, 65535)
    return raw


def _store(raw: str, row: Row, root: Path) -> str:
    _endpoint(raw.removeprefix("https://"))
    return raw


def _url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(raw)
    return raw.rstrip("/")


def _path(raw: str, root: Path) -> Path:
    return root / Path(raw).expanduser()


def _source(raw: str, row: Row, root: Path) -> str:
    if "://" not in raw:
        return str(_path(raw, root))
    parts = urlsplit(raw)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return url2pathname(parts.path)
    return _url(raw)


def _witness(raw: str, row: Row, root: Path) -> str:
    return raw if re.fullmatch(r"file:/[^\0]+", raw) else _url(raw)


def _database(raw: str, row: Row, root: Path) -> str:
    if not raw.startswith(("postgresql://", "postgres://")):
        raise ValueError(raw)
    try:
        conninfo.conninfo_to_dict(raw)
    except ProgrammingError:
        raise ValueError(raw) from None
    return raw


def _origins(raw: str, row: Row, root: Path) -> tuple[str, ...]:
    return tuple(_matches(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", part.strip()) for part in raw.split(","))


def _addresses(raw: str, row: Row, root: Path) -> str:
    for part in raw.split(","):
        _matches(r"[^@\s<>]+@[^@\s<>]+", part.strip())
    return raw


KINDS: Final[Mapping[str, Callable[[str, Row, Path], Any]]] = {
    "text": lambda raw, row, root: raw,
    "boolean": _boolean,
    "whole": lambda raw, row, root: _whole(raw, row.least, row.most),
    "percent": lambda raw, row, root: _decimal(raw, -1, 100),
    "positive": lambda raw, row, root: _decimal(raw, 0),
    "one_of": _one_of,
    "duration": _duration,
    "retention": _retention,
    "port": lambda raw, row, root: _whole(raw, 1, 65535),
    "host": lambda raw, row, root: _host(raw),
    "endpoint": lambda raw, row, root: _endpoint(raw),
    "store": _store,
    "url": lambda raw, row, root: _url(raw),
    "path": lambda raw, row, root: _path(raw, root),
    "file": lambda raw, row, root: _path(raw, root),  # read when it is needed
    "database": _database,
    "witness": _witness,
    "origins": _origins,
    "rate": lambda raw, row, root: _matches(r"[1-9][0-9]{0,5}/(second|minute|hour|day)", raw),
    "address": lambda raw, row, root: _matches(r"[^@\s<>,]+@[^@\s<>,]+", raw),
    "addresses": _addresses,
    "source": _source,
}
"""By its name in compose/settings.yaml: `parse(raw, row, root)` gives the value or raises ValueError."""
