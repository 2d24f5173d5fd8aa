"""Finds the ids and applications under which a person is stored: by their own id, its pseudonyms, or a session's."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ..model.pseudonyms import patterns
from . import erasure_statements as statements


class SharedSession(ValueError):
    """The id is that of a session of several users."""


def known_as(
    connection: psycopg.Connection[Any], key: bytes | None, user_id: str, service: str | None = None
) -> list[str]:
    """The ids under which there are records of a person. Reads the whole tables.

    If no record has it as `user.id`, it is looked up as the id of one of their sessions or turns, with
    `service` only in that application. Raises SharedSession: an id such as `1` may be that of several users' sessions.
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


def services_of(connection: psycopg.Connection[Any], user_id: str) -> list[str]:
    """The applications whose records name a user. Reads the whole tables."""
    union = sql.SQL(" UNION ").join(
        sql.SQL("SELECT service FROM {} WHERE user_id = %(user)s").format(sql.Identifier(*table.split(".")))
        for table in statements.NAMING
    )
    with connection.transaction():
        return sorted(service for (service,) in connection.execute(union, {"user": user_id}))
