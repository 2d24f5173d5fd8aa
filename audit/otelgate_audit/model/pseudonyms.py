"""Under which ids a person may be stored: their own, and what the gateway made of it.

Where an id is personal data (an e-mail as `user.id`), the gateway stores a pseudonym, `[email:3f9a…]`: a keyed digest
of the whole id, behind the name of the masking rule that found something in it (collector/redact/pseudonym.go).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Any, Final

import psycopg
from psycopg import sql

from ..jobs import erasure_statements as statements

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


class SharedSession(ValueError):
    """The id is that of a session of several users."""


def known_as(
    connection: psycopg.Connection[Any], key: bytes | None, user_id: str, service: str | None = None
) -> list[str]:
    """The ids under which there are records of a person. Reads all of the tables.

    Where none has it as `user.id`, it is taken as the id of a session or a conversation of theirs, with `service` only
    of that one. Raises SharedSession: an id such as `1` may be that of several users' sessions.
    """
    union = sql.SQL(" UNION ").join(
        sql.SQL("SELECT user_id FROM {} WHERE user_id = %(user)s OR user_id LIKE ANY(%(patterns)s)").format(
            sql.Identifier(*table.split("."))
        )
        for table in statements.NAMING
    )
    # A session's row names the first of its users only.
    by_session = sql.SQL(" UNION ").join(
        sql.SQL(
            "SELECT user_id FROM {} WHERE (session_id = %(user)s OR session_id LIKE ANY(%(patterns)s))"
            " AND user_id IS NOT NULL AND (%(service)s::text IS NULL OR service = %(service)s)"
        ).format(sql.Identifier(*table.split(".")))
        for table in statements.IN_SESSIONS
    )
    given = {"user": user_id, "patterns": patterns(key, user_id), "service": service}
    with connection.transaction():
        found = connection.execute(union, given).fetchall()
        if not found:
            found = connection.execute(by_session, given).fetchall()
            if len(found) > 1:
                what = f"expected the id of one user; as a session's it belongs to {len(found)} users"
                raise SharedSession(f"--user={user_id!r}: {what}")
        return sorted(each for (each,) in found)
