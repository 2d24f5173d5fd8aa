"""Drops a partition for good; a signed row in ledger.dropped and an entry of the chain remain."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import psycopg
from psycopg import sql

from .. import ledger
from ..ledger import Chain, Head, attest, proof
from ..model import clock
from ..model.partitions import Partition

_LOGGER = logging.getLogger(__name__)

_LEDGER: Final = "ledger.entries"
# A drop waits this long for readers, and blocks others meanwhile; then it lets them pass and retries.
_LOCK_TIMEOUT: Final = "250ms"
_TRIES: Final = 5
_PAUSE_S: Final = 0.2


def drop(connection: psycopg.Connection[Any], chain: Chain, partition: Partition, rows: int, now_us: int) -> bool:
    """Drop a partition of so many rows, in a separate transaction.

    False, with a line in the log, if readers hold it all the time, or if the ledger's order forbids it.
    """
    for attempt in range(_TRIES):
        try:
            with connection.transaction():
                return _drop(connection, chain, partition, rows, now_us)
        except psycopg.errors.LockNotAvailable:
            time.sleep(_PAUSE_S * (attempt + 1))
    _LOGGER.warning("retention: %s is in use: it stays until the next time", partition.name)
    return False


def _drop(connection: psycopg.Connection[Any], chain: Chain, partition: Partition, rows: int, now_us: int) -> bool:
    connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    with connection.cursor() as cursor:
        head, now_us = ledger.locked_head(cursor, now_us)
    at = _last_entry(connection, partition) if partition.table == _LEDGER else head
    if at is None:
        return False
    start, end = clock.to_us(partition.start), clock.to_us(partition.end)
    signature = proof.dropped(chain.key, [partition.table, partition.name, start, end, rows, at.seq, at.link, now_us])
    connection.execute(
        "INSERT INTO ledger.dropped VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (table_name, partition) DO UPDATE SET (rows, seq, link, dropped_at, signature)"
        " = (excluded.rows, excluded.seq, excluded.link, excluded.dropped_at, excluded.signature)",
        [
            *(partition.table, partition.name, partition.start, partition.end, rows, at.seq, at.link),
            *(clock.from_us(now_us), signature),
        ],
    )
    told = attest.retained(chain.key, partition.table, end, partition.name, signature)
    attest.append(connection, chain, head, [told], now_us)
    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*partition.name.split("."))))
    return True


def _last_entry(connection: psycopg.Connection[Any], partition: Partition) -> Head | None:
    """The chain's last entry in a partition of the ledger; None unless all remaining entries come after it."""
    last = connection.execute(
        "SELECT seq, link FROM ledger.entries WHERE committed_at < %s ORDER BY seq DESC LIMIT 1", [partition.end]
    ).fetchone()
    last = (
        last
        or connection.execute(
            "SELECT seq, link FROM ledger.dropped WHERE table_name = %s ORDER BY seq DESC LIMIT 1", [_LEDGER]
        ).fetchone()
    )
    seq, link = last or (0, b"")
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM ledger.entries WHERE committed_at >= %s AND seq < %s),"
        " EXISTS (SELECT FROM ledger.entries WHERE committed_at < %s)",
        [partition.end, seq, partition.start],
    ).fetchone()
    if row is None or any(row):
        _LOGGER.warning("retention: %s is not the beginning of the chain: it stays", partition.name)
        return None
    return Head(seq, bytes(link))
