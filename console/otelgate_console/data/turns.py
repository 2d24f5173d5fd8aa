"""Turns: a search over all of them, and everything about one. Content is in functions whose names say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from .database import Database, Row

PAGE: Final = 50
"""Turns on a page of results."""

# Field of the form -> the condition with its value, as SQL.
_CONDITIONS: Final = {
    "service": "t.service = %(service)s",
    "user": "t.user_id = %(user)s",
    "session": "t.session_id = %(session)s",
    "agent": "%(agent)s = ANY(t.route || t.agent)",
    "model": "%(model)s = ANY(t.models)",
    "tier": "t.tier = %(tier)s",
    "status": "t.status = %(status)s",
    "rating": "coalesce(t.rating, 'none') = %(rating)s",
    "cost_from": "t.cost_usd >= %(cost_from)s",
    "seconds_from": "t.latency_us >= %(seconds_from)s * 1e6",
    "text": """t.trace_id IN (
        SELECT x.trace_id FROM content.texts x
        WHERE x.start_time BETWEEN %(start)s - interval '1 day' AND %(end)s + interval '1 day'
        AND to_tsvector('simple', coalesce(x.input, '') || ' ' || coalesce(x.output, ''))
            @@ websearch_to_tsquery('simple', %(text)s)
    )""",
}
ORDERS: Final = {
    "newest": "t.started_at DESC",
    "most expensive": "t.cost_usd DESC",
    "slowest": "t.latency_us DESC NULLS LAST",
}
STATUSES: Final = ("ok", "error", "cancelled")
RATINGS: Final = ("positive", "negative", "none")
_COLUMNS: Final = """t.trace_id, t.started_at, t.service, t.environment, t.agent, t.session_id, t.user_id, t.tier,
    t.status, t.cancelled, t.error_type, t.latency_us / 1e6 AS seconds, t.ttft_us / 1e6 AS ttft_seconds, t.cost_usd,
    t.unpriced_calls, t.model_calls, t.tool_calls, t.tool_errors, t.input_tokens, t.output_tokens, t.rating, t.models,
    t.route"""


@dataclass(frozen=True)
class Search:
    """A search for turns between two times. `chosen`: by the fields of `FIELDS`, only those that were filled in."""

    start: datetime
    end: datetime
    chosen: Mapping[str, Any] = field(default_factory=dict)
    order: str = "newest"
    page: int = 1


FIELDS: Final = tuple(_CONDITIONS)


class Turns:
    """Reads turns. Raises psycopg.Error."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, search: Search) -> list[Row]:
        """The turns of one page of results, and one more if there are further ones."""
        conditions = ["t.started_at >= %(start)s", "t.started_at < %(end)s"]
        conditions += [_CONDITIONS[name] for name in search.chosen]
        statement = (
            f"SELECT {_COLUMNS} FROM audit.turns t WHERE {' AND '.join(conditions)}"
            f" ORDER BY {ORDERS[search.order]}, t.trace_id LIMIT {PAGE + 1} OFFSET %(skipped)s"
        )
        skipped = (search.page - 1) * PAGE
        values = {"start": search.start, "end": search.end, "skipped": skipped, **search.chosen}
        return await self._database.rows(statement, values)

    async def services(self) -> list[str]:
        """The names of the services that have turns."""
        found = await self._database.rows("SELECT DISTINCT service FROM audit.sessions ORDER BY 1")
        return [row["service"] for row in found]

    async def parts(self, trace_id: str) -> list[Row]:
        """The turn with this trace id, or one for each application in the trace; without content."""
        statement = (
            f"SELECT {_COLUMNS}, t.ended_at, t.feature, t.cache_read_tokens, t.cache_creation_tokens,"
            " t.reasoning_tokens, t.confidence, t.relevance, t.price_version FROM audit.turns t"
            " WHERE t.trace_id IN (SELECT analytics.trace_parts(%s)) ORDER BY t.started_at"
        )
        return await self._database.rows(statement, [trace_id])

    async def steps(self, parts: Sequence[Row]) -> list[Row]:
        """Runs, model calls and tool calls of these parts in the order in which they began; without content."""
        return await self._of_parts(_STEPS, parts)

    async def votes(self, parts: Sequence[Row]) -> list[Row]:
        """Votes and scores, in order; without comments."""
        return await self._of_parts(_VOTES, parts)

    async def events(self, parts: Sequence[Row]) -> list[Row]:
        """Product events of the trace, readings of its content among them, in order."""
        return await self._of_parts(_EVENTS, parts)

    async def session(self, service: str, session_id: str) -> list[Row]:
        """The turns of a session, in order; at most 500."""
        statement = (
            f"SELECT {_COLUMNS} FROM audit.turns t WHERE t.service = %s AND t.session_id = %s"
            " ORDER BY t.started_at LIMIT 500"
        )
        return await self._database.rows(statement, [service, session_id])

    async def content(self, parts: Sequence[Row]) -> dict[tuple[str, str], Row]:
        """The texts of these parts, by trace id and record: a span id, or the uid of a vote, score or event."""
        found = await self._of_parts(_CONTENT, parts)
        return {(row["trace_id"], row["record"]): row for row in found}

    async def questions(self, turns: Sequence[Row]) -> dict[str, Row]:
        """Question and reply of each turn, by trace id."""
        statement = "SELECT trace_id, user_message, reply FROM content.turns WHERE trace_id = ANY(%s)"
        found = await self._database.rows(statement, [[turn["trace_id"] for turn in turns]])
        return {row["trace_id"]: row for row in found}

    async def _of_parts(self, statement: str, parts: Sequence[Row]) -> list[Row]:
        """The times are given, too, so that only partitions are read that can hold the records."""
        if not parts:
            return []
        around = timedelta(days=1)
        values: dict[str, Any] = {
            "traces": [part["trace_id"] for part in parts],
            "start": min(part["started_at"] for part in parts) - around,
            "end": max(part["ended_at"] for part in parts) + around,
        }
        return await self._database.rows(statement, values)


_SPAN: Final = "trace_id, span_id, parent_span_id, start_time, agent, duration_us / 1e6 AS seconds, status, error_type"
_OF_THESE: Final = "trace_id = ANY(%(traces)s) AND start_time BETWEEN %(start)s AND %(end)s"
_STEPS: Final = f"""
SELECT 'run' AS kind, {_SPAN}, operation AS name, NULL AS model, NULL::bigint AS input_tokens,
    NULL::bigint AS output_tokens, NULL::numeric AS cost_usd, NULL AS cost_status, duplicate_of
FROM audit.runs WHERE {_OF_THESE}
UNION ALL
SELECT 'model call', {_SPAN}, operation, coalesce(response_model, request_model), input_tokens, output_tokens, cost_usd,
    cost_status, duplicate_of
FROM audit.model_calls WHERE {_OF_THESE}
UNION ALL
SELECT 'tool call', {_SPAN}, tool, NULL, NULL, NULL, NULL, NULL, duplicate_of
FROM audit.tool_calls WHERE {_OF_THESE}
ORDER BY start_time, kind DESC, span_id"""
_VOTES: Final = """
SELECT 'vote' AS kind, trace_id, uid, start_time, rating AS label, score::float8 AS value, NULL AS name, user_id
FROM audit.feedback WHERE trace_id = ANY(%(traces)s)
UNION ALL
SELECT 'score', trace_id, uid, start_time, label, value, name, user_id FROM audit.scores
WHERE trace_id = ANY(%(traces)s)
ORDER BY start_time"""
_EVENTS: Final = f"""
SELECT trace_id, uid, start_time, service, name, value, unit, user_id, attributes FROM audit.events
WHERE {_OF_THESE} ORDER BY start_time"""
_CONTENT: Final = f"SELECT trace_id, record, input, output, error_message FROM content.texts WHERE {_OF_THESE}"
