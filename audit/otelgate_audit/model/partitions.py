"""The partitions of the time-partitioned tables: names, creation, listing.

pg_partman does this too, but it is an extension, and a database of the operator's own may not have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from . import clock

DAILY: Final = ("audit.runs", "audit.model_calls", "audit.tool_calls", "content.texts")
MONTHLY: Final = ("audit.events", "ledger.entries")


@dataclass(frozen=True)
class Partition:
    """One partition of a table: rows with start <= time < end."""

    table: str
    """With its schema, as in `audit.runs`."""
    name: str
    start: datetime
    end: datetime


def covering(table: str, time_us: int) -> Partition:
    """The partition of `table` for a time in microseconds since 1970."""
    start = clock.from_us(time_us).replace(hour=0, minute=0, second=0, microsecond=0)
    if table in MONTHLY:
        start = start.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
        suffix = f"{start:%Y%m}"
    else:
        end = start + timedelta(days=1)
        suffix = f"{start:%Y%m%d}"
    return Partition(table, f"{table}_{suffix}", start, end)


def create(connection: psycopg.Connection[Any], wanted: Iterable[Partition]) -> None:
    """Create the missing ones, in the caller's transaction, by a function that the sink's role may call, too.

    Safe while another process creates the same: they take turns by the row of ledger.head, which a read-only role
    cannot lock. See 0005_writer.sql.
    """
    for partition in sorted(set(wanted), key=lambda each: each.name):
        connection.execute("SELECT ledger.make_partition(%s, %s)", [partition.table, partition.start])


def ahead(connection: psycopg.Connection[Any], now_us: int) -> None:
    """Create those of today and the next two days, so that records have a partition."""
    tables, days = (*DAILY, *MONTHLY), range(3)
    create(connection, [covering(table, now_us + day * clock.DAY_US) for table in tables for day in days])


def existing(connection: psycopg.Connection[Any], table: str) -> list[Partition]:
    """The partitions of a table, oldest first."""
    rows = connection.execute(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
        " WHERE inhparent = %s::regclass ORDER BY 1",
        [table],
    ).fetchall()
    schema = table.split(".")[0]
    return [_parse(table, f"{schema}.{name}") for (name,) in rows]


def _parse(table: str, name: str) -> Partition:
    found = re.fullmatch(re.escape(table) + r"_(\d{4})(\d\d)(\d\d)?", name)
    if not found:
        raise ValueError(f"partition {name!r} of {table}: expected {table}_YYYYMM or {table}_YYYYMMDD")
    year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
    return covering(table, clock.to_us(datetime(year, month, day, tzinfo=UTC)))
