"""One application says things under the ids of another: the other's rows stay what they were."""

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from otelgate_audit.ingest import decode
from otelgate_audit.model.records import Batch
from otelgate_audit.store.writer import Writer
from otelgate_audit.verify import verification

from ..decoding import SPAN_ID, TRACE_ID, log, logs, span, traces
from ..records import CHAIN_KEY, NOW

ID = TRACE_ID.hex()
START_NS = (NOW - 10 * 60 * 10**6) * 1000
SECOND = 10**9
TABLES = ("runs", "model_calls", "tool_calls", "feedback", "scores", "events")


def resource(application: str | None) -> dict[str, Any]:
    """A sender's resource, as the gateway changes it. Without applications, the service is the same."""
    named = {} if application is None else {"otelgate.application": application}
    return {"service.name": application or "shop", "otelgate.content": "true", **named}


def lasts(start: int, end: int) -> dict[str, int]:
    """A span's times, in seconds from the victim's start."""
    return {"start_time_unix_nano": START_NS + start * SECOND, "end_time_unix_nano": START_NS + end * SECOND}


def event(name: str, second: int, **values: Any) -> Any:
    return log(name, trace_id=TRACE_ID, time_unix_nano=START_NS + second * SECOND, attributes=values)


def sent(application: str | None, spans: list[Any], events: list[Any]) -> list[Batch]:
    own = resource(application)
    return [
        decode.decode_traces(traces(*spans, resource=own), NOW),
        decode.decode_logs(logs(*events, resource=own), NOW),
    ]


def victims(application: str | None = "shop") -> list[Batch]:
    """A turn with a model call, a tool call, a vote, a score and a product event."""
    said = {"user.id": "alice", "session.id": "s1", "gen_ai.input.messages": "where is my order?"}
    cost = {"otelgate.cost.usd": 0.0035, "otelgate.cost.status": "priced", "gen_ai.usage.input_tokens": 10}
    spans = [
        span("invoke_agent", attributes={**said, "gen_ai.agent.name": "support"}, **lasts(0, 3)),
        span("chat", span_id=b"call----", parent_span_id=SPAN_ID, attributes=cost, **lasts(1, 2)),
        span("execute_tool", span_id=b"tool----", attributes={"gen_ai.tool.name": "orders"}, **lasts(2, 3)),
    ]
    return sent(application, spans, votes("positive", 0.9, "order"))


def votes(rating: str, relevance: float, product: str, uid: str = "vote", second: int = 5) -> list[Any]:
    named = {"log.record.uid": uid}
    scored = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": relevance}
    return [
        event("otelgate.feedback", second, **{"otelgate.feedback.rating": rating, **named}),
        event("gen_ai.evaluation.result", second, **scored, **named),
        event("", second, **{"otelgate.event.name": product, **named}),
    ]


def attackers() -> list[Batch]:
    """Everything of the victim's again under the same ids, and more in the same trace: before it, after it, dearer."""
    said = {"user.id": "mallory", "session.id": "s1", "gen_ai.input.messages": "forged"}
    cost = {"otelgate.cost.usd": 1e6, "otelgate.cost.status": "priced", "gen_ai.usage.input_tokens": 10**6}
    spans = [
        span("invoke_agent", attributes={**said, "gen_ai.agent.name": "evil"}, **lasts(0, 3)),
        span("chat", span_id=b"call----", attributes=cost, **lasts(1, 2)),
        span("execute_tool", span_id=b"tool----", attributes={"gen_ai.tool.name": "transfer_money"}, **lasts(2, 3)),
        span("invoke_agent", span_id=b"earlier-", attributes=said, **lasts(-300, -299)),
        span("invoke_agent", span_id=b"later---", attributes=said, status={"code": 2}, **lasts(0, 300)),
        span("chat", span_id=b"another-", attributes=cost, **lasts(1, 2)),
    ]
    events = votes("negative", 0.1, "refund") + votes("negative", 0.1, "refund", "later", 60)
    return sent("thief", spans, events)


def rows(connection: psycopg.Connection, service: str) -> dict[str, list[Any]]:
    """All that the audit store says of a service, but for when it came here."""
    kept = {
        table: connection.execute(f"SELECT * FROM audit.{table} WHERE service = %s ORDER BY 1, 2", [service]).fetchall()
        for table in (*TABLES, "users", "sessions")
    }
    kept["turns"] = connection.execute(
        "SELECT to_jsonb(c) - 'arrived_at' - 'updated_at' FROM content.turns c WHERE service = %s", [service]
    ).fetchall()
    return kept


def empty(connection: psycopg.Connection) -> None:
    """Take all rows out again."""
    tables = ", ".join(f"audit.{table}" for table in (*TABLES, "users", "sessions", "turns"))
    connection.execute(f"TRUNCATE {tables}, content.texts, ledger.entries, ledger.keys")
    connection.execute("UPDATE ledger.head SET seq = 0, link = ''")


def commit(make_writer: Callable[[], Writer], batches: list[Batch]) -> None:
    writer = make_writer()
    for each in batches:
        assert each.rejects == []
        writer.commit(each, 30)


@pytest.mark.parametrize("order", ["victim first", "attacker first", 0, 1])
def test_send_under_the_ids_of_another_application_changes_none_of_its_rows(
    order: str | int, make_writer: Callable[[], Writer], connection: psycopg.Connection
) -> None:
    commit(make_writer, victims())
    alone = rows(connection, "shop")
    empty(connection)
    batches = [*attackers(), *victims()] if order == "attacker first" else [*victims(), *attackers()]
    if isinstance(order, int):
        random.Random(order).shuffle(batches)
    commit(make_writer, batches)
    assert rows(connection, "shop") == alone
    ((mine,),), ((theirs,),) = alone["turns"], rows(connection, "thief")["turns"]
    assert (mine["trace_id"], mine["user_id"], mine["user_message"]) == (f"{ID}@shop", "alice", "where is my order?")
    assert (mine["cost_usd"], mine["rating"], mine["relevance"]) == (0.0035, "positive", 0.9)
    assert (theirs["trace_id"], theirs["user_id"], theirs["rating"]) == (f"{ID}@thief", "mallory", "negative")
    with psycopg.connect(connection.info.dsn) as reading:
        assert [str(each) for each in verification.verify(reading, CHAIN_KEY).findings] == []


def test_send_a_trace_through_two_applications_gives_each_its_part(
    make_writer: Callable[[], Writer], connection: psycopg.Connection
) -> None:
    """The shop calls the payment service of another application, with the usual headers."""
    paid = span("invoke_agent", span_id=b"payment-", parent_span_id=SPAN_ID, **lasts(1, 2))
    commit(make_writer, [*victims(), *sent("payment", [paid], [])])
    parts = "SELECT trace_id, service FROM content.turn(%s)"
    assert connection.execute(parts, [ID]).fetchall() == [(f"{ID}@shop", "shop"), (f"{ID}@payment", "payment")]
    assert connection.execute(parts, [f"{ID}@payment"]).fetchall() == [(f"{ID}@payment", "payment")]


def test_send_a_trace_through_services_of_one_application_gives_one_turn(
    make_writer: Callable[[], Writer], connection: psycopg.Connection
) -> None:
    inner = span("chat", span_id=b"inner---", parent_span_id=SPAN_ID, **lasts(1, 2))
    other = {"service.name": "shop-models", "otelgate.application": "shop"}
    commit(make_writer, [*victims(), decode.decode_traces(traces(inner, resource=other), NOW)])
    found = connection.execute("SELECT trace_id, service, model_calls FROM audit.turns").fetchall()
    assert found == [(f"{ID}@shop", "shop", 2)]


def test_send_without_an_application_keeps_ids_as_they_are(
    make_writer: Callable[[], Writer], connection: psycopg.Connection
) -> None:
    commit(make_writer, victims(None))
    assert connection.execute("SELECT trace_id FROM audit.turns").fetchall() == [(ID,)]
    assert connection.execute("SELECT trace_id, uid FROM audit.feedback").fetchall() == [(ID, "vote")]
    assert connection.execute("SELECT question FROM content.turn(%s)", [ID]).fetchall() == [("where is my order?",)]
