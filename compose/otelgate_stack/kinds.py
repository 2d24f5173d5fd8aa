"""The kinds of values a setting can have: how each is read, and the words that say what was expected."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}


def masked(text: str) -> str:
    """A text with the passwords of the URLs in it taken out."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", text)


def before_colon(text: str) -> str:
    """Of an address that may be a secret, no more than its scheme."""
    scheme, colon, _ = text.partition(":")
    return f"{scheme}:…" if colon else "…"


@dataclass(frozen=True)
class Kind:
    """`parse(raw, root)` gives the value or raises ValueError; `expected` completes "expected ..."."""

    expected: str
    parse: Callable[[str, Path], Any]
    shown: Callable[[str], str] = masked
    """How a value is shown, which may hold a secret."""


def choice(*allowed: str) -> Kind:
    """One of a few words."""

    def parse(raw: str, root: Path) -> str:
        if raw not in allowed:
            raise ValueError(raw)
        return raw

    return Kind("one of " + ", ".join(allowed), parse)


def show(value: object) -> str:
    """A value the way the environment writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _path(raw: str, root: Path) -> Path:
    return root / Path(raw).expanduser()


def _whole(raw: str, least: int, most: float = float("inf")) -> int:
    if not raw.isascii() or not raw.isdigit() or not least <= int(raw) <= most:
        raise ValueError(raw)
    return int(raw)


def _bool(raw: str, root: Path) -> bool:
    return {"true": True, "false": False}[raw.lower()]


def _host(raw: str, root: Path) -> str:
    # A name or an IPv4 address, or an IPv6 address, with or without the brackets of a URL.
    if raw.startswith("[") and raw.endswith("]") and ":" in raw:
        raw = raw[1:-1]
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", raw):
        raise ValueError(raw)
    return raw


def loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`. Names other than localhost are not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _endpoint(raw: str, root: Path) -> str:
    host, _, port = raw.rpartition(":")
    _host(host, root)
    _whole(port, 1, 65535)
    return raw


def _store(raw: str, root: Path) -> str:
    _endpoint(raw.removeprefix("https://"), root)
    return raw


def _url(raw: str, root: Path) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(raw)
    return raw


def _source(raw: str, root: Path) -> str:
    if "://" not in raw:
        return str(_path(raw, root))
    parts = urlsplit(raw)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return url2pathname(parts.path)
    return _url(raw, root)


def _witness(raw: str, root: Path) -> str:
    return raw if re.fullmatch(r"file:/[^\0]+", raw) else _url(raw, root)


def _database(raw: str, root: Path) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise ValueError(raw)
    return raw


def _origins(raw: str, root: Path) -> str:
    if not all(re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", part.strip()) for part in raw.split(",")):
        raise ValueError(raw)
    return raw


def _addresses(raw: str, most: float = float("inf")) -> str:
    parts = raw.split(",")
    if len(parts) > most or not all(re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", part.strip()) for part in parts):
        raise ValueError(raw)
    return raw


def _rate(raw: str, root: Path) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}/(second|minute|hour|day)", raw):
        raise ValueError(raw)
    return raw


def _retention(raw: str, root: Path) -> str:
    # Given to the backends in whole hours: Tempo and Jaeger read Go's durations, which know no days. Under a day,
    # Loki's compactor and Prometheus' two-hour blocks would keep data longer than they say.
    match = re.fullmatch(r"([0-9]+)([mhdw])", raw)
    hours = int(match[1]) * _HOURS[match[2]] if match else 0
    if hours < 24 or hours % 1:
        raise ValueError(raw)
    return f"{hours:.0f}h"


def _decimal(raw: str, above: float, most: float = float("inf")) -> str:
    # Plain decimals, as the gateway's Go reads them; kept as written.
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", raw) or not above < float(raw) <= most:
        raise ValueError(raw)
    return raw


def _duration(raw: str, root: Path) -> str:
    if not re.fullmatch(r"[0-9]+[smh]", raw) or int(raw[:-1]) < 1:
        raise ValueError(raw)
    return raw


def _caught(parse: Callable[[str, Path], Any]) -> Callable[[str, Path], Any]:
    def wrapped(raw: str, root: Path) -> Any:
        try:
            return parse(raw, root)
        except KeyError as error:
            raise ValueError(raw) from error

    return wrapped


PORT = Kind("a port, 1 to 65535", lambda raw, root: _whole(raw, 1, 65535))
OFFSET = Kind("a whole number from 0 to 40000", lambda raw, root: _whole(raw, 0, 40000))
COUNT = Kind("a whole number of at least 1", lambda raw, root: _whole(raw, 1))
NONE_OR_MORE = Kind("a whole number of at least 0", lambda raw, root: _whole(raw, 0))
PROXIES = Kind("a whole number from 0 to 10", lambda raw, root: _whole(raw, 0, 10))
ITEM = Kind("a whole number from 16384 to 1250000", lambda raw, root: _whole(raw, 16_384, 1_250_000))
QUEUE = Kind("a whole number of at least 8192", lambda raw, root: _whole(raw, 8192))
RESERVE = Kind("a whole number of at least 1048576", lambda raw, root: _whole(raw, 1 << 20))
MEMORY = Kind("a whole number of at least 128", lambda raw, root: _whole(raw, 128))
PERCENT = Kind("a number from 0 to 100", lambda raw, root: _decimal(raw, -1, 100))
POSITIVE = Kind("a number above 0", lambda raw, root: _decimal(raw, 0))
DURATION = Kind("a duration of at least 1s, such as 30s, 5m or 1h", _duration)
BOOL = Kind("true or false", _caught(_bool))
PATH = Kind("a path", _path)
HOST = Kind("an IP address or a host name", _host)
ENDPOINT = Kind("host:port", _endpoint)
STORE = Kind("host:port, or https://host:port with TLS", _store)
URL = Kind("an http:// or https:// URL", _url)
SOURCE = Kind("a path, or a file://, http:// or https:// URL", _source)
WITNESS = Kind("file: with an absolute path, or an http:// or https:// URL", _witness, before_colon)
DATABASE = Kind("a postgresql:// URL", _database)
ORIGINS = Kind("origins such as https://app.example, with commas between", _origins)
ADDRESS = Kind("a mail address", lambda raw, root: _addresses(raw, 1))
ADDRESSES = Kind("mail addresses, with commas between", lambda raw, root: _addresses(raw))
RATE = Kind("a number per second, minute, hour or day, such as 30/minute", _rate)
TEXT = Kind("text", lambda raw, root: raw)
RETENTION = Kind("a duration of at least 24h in hours, days or weeks, such as 30d", _retention)
