"""Reads single values from OTLP: text that PostgreSQL accepts, names and numbers within bounds.

A value out of bounds raises InvalidValue, whose text is the reason of the Reject.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from ..model import clock
from . import wire

Attributes = Mapping[str, Any]
"""key -> wire AnyValue"""

MAX_NAME: Final = 512
"""Bytes. Ids and names are indexed, several together, and an index entry has at most 2,704 bytes."""
MAX_COUNT: Final = 10**9
"""Tokens of a call. The gateway has the same limits (collector/genai/mapping.yaml; tests/golden/numbers.json)."""
MAX_VALUE: Final = 10**15
"""For product events and scores, also below 0: the gateway's derived metrics have the same limit."""
MAX_INT: Final = 2**63 - 1
MAX_USD: Final = 1_000_000
MAX_DEPTH: Final = 64
_EARLIEST_NS: Final = clock.to_us(datetime(2000, 1, 1, tzinfo=UTC)) * 1000
_DAY_NS: Final = clock.DAY_US * 1000
_SHOWN: Final = 64


class InvalidValue(ValueError):
    """A record can't be stored; the text gives the reason."""


def text(raw: bytes) -> str:
    """UTF-8 as text; invalid bytes and NUL become U+FFFD."""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        decoded = raw.decode(errors="replace")
    return decoded.replace("\0", "\ufffd") if "\0" in decoded else decoded


def clean(written: str) -> str:
    """Clean text from JSON, in which escapes can encode NUL and lone surrogates."""
    if "\0" in written:
        written = written.replace("\0", "\ufffd")
    if written.isascii():
        return written
    try:
        written.encode()
    except UnicodeEncodeError:
        return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return written


def name(attributes: Attributes, key: str) -> str | None:
    """A short string; numbers and booleans as written. None if it is missing or empty."""
    found = attributes.get(key)
    if found is None:
        return None
    raw = found.string_value
    if raw:
        return bounded(raw, key)
    value = plain(found, key)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise InvalidValue(f"{key}: expected a string")


def label(attributes: Attributes, key: str) -> str | None:
    """As `name`, with a cache, for attributes with few different values (models, agents, tiers)."""
    found = attributes.get(key)
    if found is None:
        return None
    raw = found.string_value
    return _remembered(raw, key) if raw else name(attributes, key)


def bounded(raw: bytes, key: str) -> str:
    """A string of at most 512 bytes."""
    if len(raw) > MAX_NAME:
        raise InvalidValue(f"{key} of {len(raw)} bytes: expected at most {MAX_NAME}")
    found = text(raw)
    if "\ufffd" in found and len(found.encode()) > MAX_NAME:  # each invalid byte became three
        raise InvalidValue(f"{key}: expected UTF-8 of at most {MAX_NAME} bytes")
    return found


_remembered = functools.lru_cache(maxsize=4096)(bounded)


def whole(attributes: Attributes, key: str, low: int = 0, high: int = MAX_COUNT) -> int | None:
    """A whole number within bounds; also accepts a double or a string with a whole number."""
    found = attributes.get(key)
    if found is None:
        return None
    value: Any = found.int_value
    if not value:
        value = plain(found, key)
        if value is None:
            return None
        if isinstance(value, str):
            value = _number_in(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(f"{key} {cut(plain(found, key))}: expected a whole number, {low} to {high}")
    if not low <= value <= high:
        raise InvalidValue(f"{key} {value}: expected a whole number, {low} to {high}")
    return int(value)


def number(attributes: Attributes, key: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number within bounds; also accepts a string with a number."""
    found = attributes.get(key)
    if found is None:
        return None
    value: Any = found.double_value
    if not value:
        value = plain(found, key)
        if value is None:
            return None
        if isinstance(value, str):
            value = _number_in(value)
    valid = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not valid or not low <= value <= high:
        bounds = "a number" if low == -math.inf else f"a number, {low:.16g} to {high:.16g}"
        raise InvalidValue(f"{key} {cut(plain(found, key))}: expected {bounds}")
    return float(value)


def time_us(nanoseconds: int, now_us: int, what: str) -> int:
    """Microseconds since 1970, for a time within the range of rows."""
    if not _EARLIEST_NS <= nanoseconds <= now_us * 1000 + _DAY_NS:
        moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
        raise InvalidValue(f"{what} {moment:%Y-%m-%dT%H:%M:%SZ}: expected a time between 2000 and one day from now")
    return nanoseconds // 1000


def plain(value: Any, key: str, depth: int = 0) -> Any:
    """An AnyValue as str, bool, int, float, list, dict, or None; bytes as base64, as in OTLP's JSON."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "string_value":
        return text(inner)
    if kind == "bytes_value":
        return base64.b64encode(inner).decode()
    if kind not in ("array_value", "kvlist_value"):
        return inner
    if depth == MAX_DEPTH:
        raise InvalidValue(f"{key}: nested deeper than {MAX_DEPTH}")
    try:
        if kind == "array_value":
            return [plain(each, key, depth + 1) for each in wire.ArrayValue.FromString(inner).values]
        values = wire.KeyValueList.FromString(inner).values
    except wire.DecodeError:
        raise InvalidValue(f"{key}: not readable as OTLP") from None
    return {text(each.key): plain(each.value, key, depth + 1) for each in values}


def as_json(value: Any) -> str:
    """Compact JSON of `plain`'s result; NaN and infinity as null."""
    return orjson.dumps(value).decode()


def cut(value: object) -> str:
    """A value for an error text: as Python writes it, at most 64 characters."""
    written = ascii(value[:_SHOWN] if isinstance(value, str) else value)
    return written if len(written) <= _SHOWN else written[: _SHOWN - 3] + "..."


def _number_in(written: str) -> int | float | str:
    for convert in (int, float):
        try:
            return convert(written)
        except ValueError:
            continue
    return written
