"""The pseudonyms that the gateway may have derived from a user's id.

If an id is personal data (an e-mail as `user.id`), the gateway stores a pseudonym, `[email:3f9a…]`: a keyed digest
of the whole id, after the name of the masking rule that matched it (collector/redact/pseudonym.go).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Final

_BYTES: Final = 8
_TRIES: Final = 8
"""The gateway derives another digest if a masking rule would match the first."""


def spellings(user_id: str) -> list[str]:
    """An id as given, and as the gateway normalises addresses and numbers before it derives a digest."""
    folded = unicodedata.normalize("NFKC", user_id)
    found = [user_id, _lower(folded)]
    if all(each in "0123456789+()./" or unicodedata.category(each) in ("Zs", "Pd") for each in folded):
        found.append(re.sub(r"^00", "+", re.sub(r"[^0-9+]", "", folded)))
    return list(dict.fromkeys(found))


def _lower(text: str) -> str:
    """Each character in lower case separately, as in the gateway, also a sigma at the end of a word."""
    return "".join(each.lower()[0] for each in text)


def digests(key: bytes, user_id: str) -> list[str]:
    """Every digest that the gateway may have derived from an id."""
    tries = [f"{each}\0{number}" if number else each for each in spellings(user_id) for number in range(_TRIES)]
    return [hmac.new(key, each.encode(), hashlib.sha256).digest()[:_BYTES].hex() for each in tries]


def patterns(key: bytes | None, user_id: str) -> list[str]:
    """LIKE patterns for the pseudonyms of an id; none without a key."""
    return [f"[%:{digest}]" for digest in digests(key, user_id)] if key else []
