"""Advisory locks among the audit's own processes, which no other role can block.

Every role that may connect to the database, including read-only ones, may take any advisory lock. So a lock counts only
if its holder may write here; otherwise it is ignored. Then two processes may do the same work at the same time, which
costs time and loses nothing.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import psycopg

_LOGGER = logging.getLogger(__name__)

_AGAIN_S: Final = 0.1
# As pg_locks shows a lock of one bigint. Only the owner, its members and superusers may create schemas.
_HOLDERS: Final = """
SELECT has_database_privilege(session.usesysid, current_database(), 'CREATE')
FROM pg_locks held JOIN pg_stat_activity session USING (pid)
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (held.classid::bigint << 32) | held.objid::bigint = %s
"""


def leads(connection: psycopg.Connection[Any], key: int) -> bool:
    """Take a lock for as long as the connection lives; False where another of our processes has it."""
    while not _acquired(connection, "SELECT pg_try_advisory_lock(%s)", key):
        if holders := _holders(connection, key):
            return not any(holders)
    return True


def wait(connection: psycopg.Connection[Any], key: int) -> None:
    """Take a lock until the transaction ends, after those of our processes that have it."""
    while not _acquired(connection, "SELECT pg_try_advisory_xact_lock(%s)", key):
        holders = _holders(connection, key)
        if holders and not any(holders):
            return
        time.sleep(_AGAIN_S)


def _acquired(connection: psycopg.Connection[Any], attempt: str, key: int) -> bool:
    row = connection.execute(attempt, [key]).fetchone()
    return bool(row and row[0])


def _holders(connection: psycopg.Connection[Any], key: int) -> list[bool]:
    """For each current holder of a lock, whether it may write here; empty if the lock was released."""
    connection.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the sessions of its start
    found = [bool(may) for (may,) in connection.execute(_HOLDERS, [key])]
    if found and not any(found):
        _LOGGER.warning("advisory lock %d is held by a role that may not write here: passed by", key)
    return found
