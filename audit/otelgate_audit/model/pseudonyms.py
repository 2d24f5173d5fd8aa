"""The pseudonyms that the gateway may have made of a user's id.

Where an id is personal data (an e-mail as `user.id`), the gateway stores a pseudonym, `[email:3f9a…]`: a keyed digest
of the whole id, behind the name of the masking rule that found something in it (collector/redact/pseudonym.go).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Final

_BYTES: Final = 8
_TRIES: Final = 8
"""The gateway makes a digest again that a masking rule would take for something."""


def spellings(user_id: str) -> list[str]:
    """An id as it was given, and as the gateway spells addresses and numbers before it makes a digest."""
    folded = unicodedata.normalize("NFKC", user_id)
    found = [user_id, _lower(folded)]
    if all(each in "0123456789+()./" or unicodedata.category(each) in ("Zs", "Pd") for each in folded):
        found.append(re.sub(r"^00", "+", re.sub(r"[^0-9+]", "", folded)))
    return list(dict.fromkeys(found))


def _lower(text: str) -> str:
    """Each character in lower case for itself, as the gateway does it, also a sigma at the end of a word."""
    return "".join(each.lower()[0] for each in text)


def digests(key: bytes, user_id: str) -> list[str]:
    """Every digest that the gateway may have made of an id."""
    tries = [f"{each}\0{number}" if number else each for each in spellings(user_id) for number in range(_TRIES)]
    return [hmac.new(key, each.encode(), hashlib.sha256).digest()[:_BYTES].hex() for each in tries]


def patterns(key: bytes | None, user_id: str) -> list[str]:
    """What pseudonyms of an id look like to LIKE; none without a key."""
    return [f"[%:{digest}]" for digest in digests(key, user_id)] if key else []
