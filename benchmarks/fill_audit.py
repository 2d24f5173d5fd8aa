"""Fill an empty audit database with made-up turns, to measure with: `python benchmarks/fill_audit.py`.

The database is that of the audit sink's settings (OTELGATE_DATABASE_URL). Rows go straight into the tables by COPY.
They have no entries in the ledger, so `otelgate-audit verify` reports them: never do this in a database that holds
real turns.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from audit_world import SECOND, Item, World
from otelgate_audit import settings
from otelgate_audit.model import clock, copying, database, partitions
from otelgate_audit.model.clock import DAY_US
from otelgate_audit.model.records import ModelCall, Text
from otelgate_audit.store import turn
from otelgate_audit.store.people import People
from otelgate_audit.store.turn_rows import TURNS
from psycopg import sql
from tqdm import tqdm

PRICES: Final = (("estate-bot", "free", 0), ("estate-bot", "basic", 19), ("estate-bot", "pro", 49))
"""Monthly prices in USD that are set with it, so that revenue can be shown."""

_QUESTION_KEY: Final = turn.question_key(bytes(32))


def main(arguments: list[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Exit code 0, or 1 if there are turns and no --force. `env`: the sink's settings (default: the process's)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=_count, default=1_000_000, metavar="N", help="default: 1000000")
    parser.add_argument("--days", type=_count, default=90, metavar="N", help="how far back they go (default: 90)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same rows (1)")
    parser.add_argument(
        "--until", type=clock.option, metavar="TIME", help="when they end: 2026-01-31T12:00Z (default: now)"
    )
    parser.add_argument("--no-model-calls", action="store_true", help="leave audit.model_calls empty; totals stay")
    parser.add_argument("--force", action="store_true", help="even where there are turns already")
    options = parser.parse_args(arguments)
    known = settings.load(env)
    started = time.monotonic()
    with database.connect(known.database_url, name="fill_audit", password=known.database_password) as connection:
        database.require_schema(connection)
        if connection.execute("SELECT 1 FROM audit.turns LIMIT 1").fetchone() and not options.force:
            print("audit.turns has rows: expected an empty database, or --force", file=sys.stderr)
            return 1
        print("these rows go past the ledger: `otelgate-audit verify` will report them", file=sys.stderr)
        until = options.until or datetime.now(UTC)
        world = World(options.turns, options.days, int(until.timestamp()) * SECOND, options.seed)
        with tqdm(total=options.turns, unit=" turns", unit_scale=True, disable=None) as progress:
            counts = fill(connection, world, model_calls=not options.no_model_calls, progress=progress)
        vacuum(connection)
        size = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    for table, count in counts.items():
        print(f"{table:20} {count:>12,}")
    print(f"{'size':20} {size[0] if size else '?':>12}\n{'time':20} {time.monotonic() - started:>10,.0f} s")
    return 0


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


def _count(raw: str) -> int:
    if not raw.isdigit() or not int(raw):
        raise argparse.ArgumentTypeError(f"{raw!r}: expected a whole number of at least 1")
    return int(raw)


if __name__ == "__main__":
    sys.exit(main())
