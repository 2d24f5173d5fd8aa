"""Records for the tests of the ledger, committed as the sink does it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
from otelgate_audit import settings as audit_settings
from otelgate_audit.model import database as audit_database
from otelgate_audit.model.records import Batch, Event, Feedback, ModelCall, Run, Score, Text, ToolCall
from otelgate_audit.store.group import Group
from otelgate_audit.store.transaction import Transactions, kept

KEY = bytes(range(32))
DAY = 86_400_000_000
NOW = 1_781_524_800_000_000  # 2026-06-15T12:00:00Z
SERVICE = "shop"


def settings(database: str, folder: Path, **more: str) -> audit_settings.Settings:
    """Settings for the database, with KEY as the chain key; no Loki and no Prometheus answers."""
    file = folder / "chain.key"
    file.write_text(KEY.hex())
    away = dict.fromkeys(("OTELGATE_LOKI_URL", "OTELGATE_PROMETHEUS_URL"), "http://127.0.0.1:9")
    away["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    given = {"OTELGATE_DATABASE_URL": database, "OTELGATE_AUDIT_KEY_FILE": str(file)}
    return audit_settings.load(away | given | more)


def as_writer(database: str) -> psycopg.Connection[Any]:
    """A connection to the owner's database as the sink's role, in autocommit."""
    return audit_database.connect_writer(
        audit_settings.load({"OTELGATE_DATABASE_URL": database}), name="test", autocommit=True
    )


def commit(connection: psycopg.Connection[Any], batch: Batch, now_us: int = NOW, days: int = 90) -> None:
    """Commit a batch on a connection in autocommit, with a retention of that many days."""
    keep = kept(timedelta(days=days), timedelta(days=400))
    group = Group()
    group.add(batch, now_us, keep)
    Transactions(KEY, keep).commit(connection, group, now_us)


def trace_id(number: int) -> str:
    return f"{number:032x}"


def turn(number: int, user: str | None, start_us: int = NOW - DAY, service: str = SERVICE) -> Batch:
    """A trace with a run, two model calls, a tool call, a vote with a comment, two scores and an event with words.

    Only the run and the first model call name the user; all others belong to the trace.
    """
    trace, session = trace_id(number), user and f"session-of-{user}"
    span = [f"{number:08x}{at:08x}" for at in range(4)]
    said = f"I am {user}, order {number}"

    def shared(at: int, named: bool) -> tuple[Any, ...]:
        parent = span[0] if at else None
        who = (session, user) if named else (None, None)
        spent = (5_000_000 - at * 1000, "ok", False, None, None)
        return (start_us + at * 1000, trace, span[at], parent, service, "test", "helper", *who, "pro", "search", *spent)

    call = ("chat", "openai", "gpt-4.1", "gpt-4.1-2025", 100, 20, 7, 0, 3, 250_000, 1_234_567 + number, "priced", "v1")
    batch = Batch(
        runs=[Run(*shared(0, True), "invoke_agent", start_us + 6_000_000)],
        model_calls=[
            ModelCall(*shared(1, True), *call, "stop", start_us + 6_000_000),
            ModelCall(*shared(3, False), *call, None, None),
        ],
        tool_calls=[ToolCall(*shared(2, False), "find_order", f"call-{number}")],
        feedback=[
            Feedback(start_us + 9_000_000, f"vote-{number}", trace, service, "test", session, user, "positive", 5)
        ],
        scores=[
            Score(
                start_us + 8_000_000, f"score-{number}", trace, service, "test", None, None, "confidence", 0.75, None
            ),
            Score(
                start_us + 8_000_001, f"grade-{number}", trace, service, "test", session, user, "grade", -0.0, "fair"
            ),
        ],
        events=[
            Event(
                *(start_us + 7_000_000, f"event-{number}", None, service, "test", session, user, "pro", "order.placed"),
                *(3, "{order}", orjson.dumps({"zip": "12345", "plan": "pro", "a": f"by-{user}"}).decode()),
            )
        ],
    )
    words = [
        Text(start_us, trace, span[0], said, f"Hello {user}", None),
        Text(start_us + 1000, trace, span[1], said, None, None),
        Text(start_us + 2000, trace, span[2], orjson.dumps({"who": said}).decode(), "found", None),
        Text(start_us + 3000, trace, span[3], said, f"Hello {user}", "too late"),
        Text(start_us + 9_000_000, trace, f"vote-{number}", f"thanks from {user}", None, None),
        Text(start_us + 7_000_000, "", f"event-{number}", orjson.dumps({"note": said}).decode(), None, None),
    ]
    batch.texts = {each[:3]: each for each in words}
    return batch


RECORDS = 8
"""Records of one `turn`."""
