"""`otelgate-audit generate`: fill an empty database with made-up conversations, to measure with.

Rows go straight into the tables by COPY. They have no entries in the ledger, so `verify` reports them: never do this
in a database that holds real conversations.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from tqdm import tqdm

from . import database, partitions, synthetic
from .settings import Settings

PRICES: Final = (("estate-bot", "free", 0), ("estate-bot", "basic", 19), ("estate-bot", "pro", 49))
"""Monthly prices in USD that are set, so that revenue can be shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fill the database with made-up conversations, to measure with. Bypasses the ledger: `verify` will report them."
    )
    parser.add_argument("--conversations", type=int, default=1_000_000, metavar="N", help="default: 1000000")
    parser.add_argument("--days", type=int, default=90, metavar="N", help="how far back they go (default: 90)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same rows (default: 1)")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="when they end, as in 2026-01-31T12:00Z (default: now)")
    parser.add_argument("--no-model-calls", action="store_true", help="leave audit.model_calls empty; totals stay")
    parser.add_argument("--force", action="store_true", help="even where there are conversations already")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Exit code 0, or 2 where there are conversations and no --force."""
    with database.connect(settings.database_url, name="generate", password=settings.database_password) as connection:
        database.require_schema(connection)
        if _occupied(connection) and not options.force:
            print(
                "audit.conversations has rows: expected an empty database; --force adds made-up rows to it", file=sys.stderr
            )
            return 2
        print("made-up rows go past the ledger: `otelgate-audit verify` will report them", file=sys.stderr)
        until = options.until or datetime.now(UTC).replace(microsecond=0)
        started = time.monotonic()
        counts = fill(
            connection,
            synthetic.World(options.conversations, options.days, int(until.timestamp()) * synthetic.SECOND, options.seed),
            model_calls=not options.no_model_calls,
            progress=tqdm(total=options.conversations, unit="conversation", unit_scale=True, disable=None),
        )
    for table, count in counts.items():
        print(f"{table:22}{count:>12,}")
    print(f"{'seconds':22}{time.monotonic() - started:>12,.0f}")
    return 0


def fill(
    connection: psycopg.Connection[Any],
    world: synthetic.World,
    *,
    model_calls: bool = True,
    progress: tqdm[Any] | None = None,
) -> dict[str, int]:
    """Write a world, one transaction for each day, and vacuum. Returns the rows by table."""
    counts = dict.fromkeys(synthetic.COLUMNS, 0)
    if not model_calls:
        del counts["audit.model_calls"]
    for rows in world.days():
        with connection.transaction():
            for table in counts:
                _copy(connection, table, rows.get(table, []))
                counts[table] += len(rows.get(table, []))
        if progress is not None:
            progress.update(len(rows.get("audit.conversations", [])))
    with connection.transaction():
        for price in PRICES:
            connection.execute("INSERT INTO audit.tiers VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", price)
    if progress is not None:
        progress.close()
    _vacuum(connection, counts)
    return counts


def _occupied(connection: psycopg.Connection[Any]) -> bool:
    with connection.transaction():
        return connection.execute("SELECT 1 FROM audit.conversations LIMIT 1").fetchone() is not None


def _copy(connection: psycopg.Connection[Any], table: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    if table in partitions.DAILY or table in partitions.MONTHLY:
        days = {str(row[0])[:10] for row in rows}  # they begin with their start time
        starts = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days)
        partitions.create(
            connection, [partitions.covering(table, int(start.timestamp()) * synthetic.SECOND) for start in starts]
        )
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, synthetic.COLUMNS[table]))
    )
    with connection.cursor().copy(statement) as copy:
        for first in range(0, len(rows), 1000):
            copy.write("".join(map(_line, rows[first : first + 1000])))


def _line(row: tuple[Any, ...]) -> str:
    """A row in COPY's text format; only a hash has a backslash, and nothing has a tab or a line's end."""
    return "\t".join("\\N" if value is None else str(value).replace("\\", "\\\\") for value in row) + "\n"


def _vacuum(connection: psycopg.Connection[Any], tables: dict[str, int]) -> None:
    """As autovacuum would in time: statistics for the planner, and the map that index-only scans need."""
    before = connection.autocommit
    connection.commit()
    connection.autocommit = True
    for table in tables:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(*table.split("."))))
    connection.autocommit = before


def _moment(raw: str) -> datetime:
    moment = datetime.fromisoformat(raw)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
