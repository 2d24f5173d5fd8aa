"""Single values out of OTLP: text that PostgreSQL takes, names and numbers within bounds.

What is out of bounds raises Unfit, whose text is the reason of the Reject.
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
"""Bytes. Ids and names stand in indexes, whose entries have at most 2,704 bytes, several together."""
MAX_COUNT: Final = 10**9
"""Tokens of a call. The gateway has the same bounds (collector/genai/mapping.yaml; tests/golden/numbers.json)."""
MAX_VALUE: Final = 10**15
"""Of product events and scores, also below 0: the gateway's derived metrics have the same bound."""
MAX_INT: Final = 2**63 - 1
MAX_USD: Final = 1_000_000
MAX_DEPTH: Final = 64
_EARLIEST_NS: Final = clock.to_us(datetime(2000, 1, 1, tzinfo=UTC)) * 1000
_DAY_NS: Final = clock.DAY_US * 1000
_SHOWN: Final = 64


class Unfit(ValueError):
    """A record that can't be stored; the text says why."""


def text(raw: bytes) -> str:
    """UTF-8 as text; what is not UTF-8, and NUL, becomes U+FFFD."""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        decoded = raw.decode(errors="replace")
    return decoded.replace("\0", "\ufffd") if "\0" in decoded else decoded


def clean(written: str) -> str:
    """Text that came out of JSON, where NUL and lone surrogates can be written with escapes."""
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
    """A short string; numbers and booleans as they are written. None where it is missing or empty."""
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
    raise Unfit(f"{key}: expected a string")


def label(attributes: Attributes, key: str) -> str | None:
    """As `name`, for what has few different values (models, agents, tiers): remembered."""
    found = attributes.get(key)
    if found is None:
        return None
    raw = found.string_value
    return _remembered(raw, key) if raw else name(attributes, key)


def bounded(raw: bytes, key: str) -> str:
    """A string of at most 512 bytes."""
    if len(raw) > MAX_NAME:
        raise Unfit(f"{key} of {len(raw)} bytes: expected at most {MAX_NAME}")
    found = text(raw)
    if "\ufffd" in found and len(found.encode()) > MAX_NAME:  # each bad byte became three
        raise Unfit(f"{key}: expected UTF-8 of at most {MAX_NAME} bytes")
    return found


_remembered = functools.lru_cache(maxsize=4096)(bounded)


def whole(attributes: Attributes, key: str, low: int = 0, high: int = MAX_COUNT) -> int | None:
    """A whole number within bounds; a double or a string that is one counts too."""
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
            raise Unfit(f"{key} {cut(plain(found, key))}: expected a whole number, {low} to {high}")
    if not low <= value <= high:
        raise Unfit(f"{key} {value}: expected a whole number, {low} to {high}")
    return int(value)


def number(attributes: Attributes, key: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number within bounds; a string that is one counts too."""
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
        raise Unfit(f"{key} {cut(plain(found, key))}: expected {bounds}")
    return float(value)


def time_us(nanoseconds: int, now_us: int, what: str) -> int:
    """Microseconds since 1970 of a time that a row can have."""
    if not _EARLIEST_NS <= nanoseconds <= now_us * 1000 + _DAY_NS:
        moment = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
        raise Unfit(f"{what} {moment:%Y-%m-%dT%H:%M:%SZ}: expected a time between 2000 and one day from now")
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
        raise Unfit(f"{key}: nested deeper than {MAX_DEPTH}")
    try:
        if kind == "array_value":
            return [plain(each, key, depth + 1) for each in wire.ArrayValue.FromString(inner).values]
        values = wire.KeyValueList.FromString(inner).values
    except wire.DecodeError:
        raise Unfit(f"{key}: not readable as OTLP") from None
    return {text(each.key): plain(each.value, key, depth + 1) for each in values}


def as_json(value: Any) -> str:
    """Compact JSON of what `plain` gave; NaN and infinity as null."""
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
