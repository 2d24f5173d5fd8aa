"""Writes made-up turns to an empty database.

Rows go straight into the tables by COPY. They have no entries in the ledger, so `verify` reports them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

import psycopg
from otelgate_audit.model import copying, partitions
from otelgate_audit.model.clock import DAY_US
from otelgate_audit.model.records import ModelCall, Text
from otelgate_audit.store import turn
from otelgate_audit.store.people import People
from otelgate_audit.store.turn_rows import TURNS
from psycopg import sql
from tqdm import tqdm

from .world import Item, World

PRICES: Final = (("estate-bot", "free", 0), ("estate-bot", "basic", 19), ("estate-bot", "pro", 49))
"""Monthly prices in USD that are set with it, so that revenue can be shown."""

_QUESTION_KEY: Final = turn.question_key(bytes(32))


def fill(
    connection: psycopg.Connection[Any], world: World, *, model_calls: bool = True, progress: tqdm[Any] | None = None
) -> dict[str, int]:
    """Write a world, one transaction for each day. Returns the rows by table, but for users and sessions."""
    counts: Counter[str] = Counter()
    connection.commit()
    for talks, events in world.days():
        with connection.transaction():
            counts += write(connection, talks, events, model_calls)
        if progress is not None:
            progress.update(len(talks))
    with connection.transaction():
        for price in PRICES:
            connection.execute("INSERT INTO audit.tiers VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", price)
    return dict(counts)


def write(
    connection: psycopg.Connection[Any], talks: list[list[Item]], events: list[Item], model_calls: bool = True
) -> Counter[str]:
    """Store each turn's records, the rows derived from them, and events. Returns the rows by table."""
    rows = [turn.rebuild(items, items[0][0].start_time) for items in talks]
    people, counts = People(), Counter({TURNS.table: len(rows)})
    records: dict[type, list[Any]] = defaultdict(list)
    texts: list[Text] = []
    for items in [*talks, events]:
        for record, text in items:
            people.saw(record)
            if model_calls or not isinstance(record, ModelCall):
                records[type(record)].append(record)
            if text is not None:
                texts.append(text)
    for row in rows:
        row.question_hash = turn.question_hash(_QUESTION_KEY, row.question or "")
        people.moved(None, (row.service, row.user_id, row.session_id), row.started_at)
    with connection.cursor() as cursor:
        copying.copy(cursor, TURNS, rows)
        for target, made in [(copying.TARGETS[kind], made) for kind, made in records.items()] + [
            (copying.TEXTS, texts)
        ]:
            _partition(connection, target.table, made)
            copying.copy(cursor, target, made)
            counts[target.table] += len(made)
        people.write(cursor)
    return counts


def vacuum(connection: psycopg.Connection[Any]) -> None:
    """Do the work of autovacuum: the planner's statistics, and the visibility map for index-only scans."""
    connection.commit()
    before, connection.autocommit = connection.autocommit, True
    tables = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables JOIN pg_class ON relname = table_name"
        " AND relnamespace = table_schema::regnamespace AND NOT relispartition"
        " WHERE table_schema IN ('audit', 'content') AND table_type = 'BASE TABLE'"
    ).fetchall()
    for table in tables:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(*table)))
    connection.autocommit = before


def _partition(connection: psycopg.Connection[Any], table: str, records: list[Any]) -> None:
    if table in partitions.DAILY or table in partitions.MONTHLY:
        days = {record.start_time // DAY_US for record in records}
        partitions.create(connection, [partitions.covering(table, day * DAY_US) for day in days])
