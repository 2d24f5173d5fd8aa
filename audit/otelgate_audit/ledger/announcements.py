"""The log events with the chain's heads: created and signed here, and read by `verify`."""

from __future__ import annotations

import hmac
from typing import Final

from .chain import Head
from .proof import sign

HEAD_EVENT: Final = "otelgate.audit.head"
HEAD_SEQ: Final = "otelgate.audit.head.seq"
HEAD_LINK: Final = "otelgate.audit.head.link"
HEAD_COUNT: Final = "otelgate.audit.head.count"
HEAD_SIGNATURE: Final = "otelgate.audit.head.signature"

# Letters instead of hexadecimal digits: the gateway masks log events, and no rule mistakes such a word for a number.
_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS: Final = str.maketrans("abcdefghijklmnop", "0123456789abcdef")


def announce(at: Head, chain_key: bytes, count: int) -> dict[str, str | int]:
    """The attributes of the log event HEAD_EVENT that announces a head, the `count`-th of all."""
    signature = _letters(_head_signature(at, chain_key, count))
    return {HEAD_SEQ: at.seq, HEAD_LINK: _letters(at.link), HEAD_COUNT: count, HEAD_SIGNATURE: signature}


def announced(
    seq: str, link_letters: str, signature: str, chain_key: bytes, count: str = ""
) -> tuple[Head, int | None] | None:
    """The head of such an event and its count; None if it is not signed with this chain's key.

    Heads from before revision 0003 have no count.
    """
    try:
        at = Head(int(seq), bytes.fromhex(link_letters.translate(_DIGITS)))
        given = bytes.fromhex(signature.translate(_DIGITS))
        number = int(count) if count else None
    except ValueError:
        return None
    return (at, number) if hmac.compare_digest(given, _head_signature(at, chain_key, number)) else None


def _head_signature(at: Head, chain_key: bytes, count: int | None) -> bytes:
    return sign(chain_key, "head", at.seq, at.link.hex(), *(() if count is None else (count,)))


def _letters(value: bytes) -> str:
    return value.hex().translate(_LETTERS)
