"""The cryptography of the ledger's entries: MACs of records, links between entries, signatures of facts.

All are HMAC-SHA256 (RFC 2104) of JSON without spaces, so that they can be recomputed from the database's rows.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import orjson

from ..model.columns import SPANS
from ..model.records import Event, ModelCall, Run, Score, Text

_GENESIS: Final = bytes(32)
_NO_WORDS: Final = (None, None, None)
_VALUE: Final = {"events": Event._fields.index("value") + 1, "scores": Score._fields.index("value") + 1}
_ATTRIBUTES: Final = Event._fields.index("attributes") + 1
_RECEIVED: Final = ModelCall._fields.index("received_at") + 1
_STATUS: Final = Run._fields.index("status") + 1
"""Also of model calls and tool calls; `cancelled` comes next."""


def encode(kind: str, record: Sequence[Any], words: Sequence[str | None] = _NO_WORDS) -> bytes:
    """The input of a MAC: JSON of the kind, the record's fields in order, and input, output and error message.

    `record` is a records.Record, or the same fields as the database returns them.
    """
    fields = [kind, *record, *words]
    if kind in _VALUE:
        _settle(kind, fields)
    elif kind in SPANS:
        _as_before(kind, fields)
    return orjson.dumps(fields)


def mac(key: bytes, kind: str, record: Sequence[Any], text: Text | None) -> bytes:
    """The MAC of a record with its content."""
    return digest(key, encode(kind, record, text[3:] if text else _NO_WORDS))


def link(chain_key: bytes, previous: bytes, entry: Sequence[Any]) -> bytes:
    """The link of a ledger.Entry (its own field `link` is ignored) after the one whose link is `previous`."""
    return digest(chain_key, b"".join((b"link", previous or _GENESIS, entry[7], orjson.dumps(entry[:7]))))


def sign(chain_key: bytes, what: str, *facts: str | int) -> bytes:
    """A signature of facts that are not an entry, under the chain key."""
    return digest(chain_key, orjson.dumps([what, *facts]))


def dropped(chain_key: bytes, facts: Sequence[Any]) -> bytes:
    """The signature of a row of ledger.dropped: its columns in order, times in microseconds, the link as bytes."""
    return sign(chain_key, "dropped", *(each.hex() if isinstance(each, bytes) else each for each in facts))


def digest(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256, from a copy of a keyed object: `hmac.digest` would process the key again for each record."""
    made = _keyed(key).copy()
    made.update(message)
    return made.digest()


@lru_cache(maxsize=4096)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def _as_before(kind: str, fields: list[Any]) -> None:
    """Encode the additions of the schema's revision 0002 so that the MACs of earlier rows stay valid.

    A missing time of receipt is omitted, as there was no such field. A cancelled record has the status `cancelled`, as
    it had then. A combination that the sink doesn't write keeps both fields, so that no two encodings are equal.
    """
    if kind == "model_calls" and fields[_RECEIVED] is None:
        del fields[_RECEIVED]
    match fields[_STATUS : _STATUS + 2]:
        case ["ok" | "error", False]:
            del fields[_STATUS + 1]
        case ["ok", True]:
            fields[_STATUS : _STATUS + 2] = ["cancelled"]


def _settle(kind: str, fields: list[Any]) -> None:
    """Numbers as in the database, double precision; attributes with sorted keys, as jsonb has its own order."""
    at = _VALUE[kind]
    value = fields[at]
    if value is not None:
        # JSON has no NaN: it would be null, like a missing value.
        fields[at] = float(value) if isfinite(value) else str(value)
    if kind == "events":
        try:
            settled = orjson.dumps(orjson.loads(fields[_ATTRIBUTES]), option=orjson.OPT_SORT_KEYS)
        except ValueError:  # the sink does not write this: let it differ
            return
        fields[_ATTRIBUTES] = settled.decode()
