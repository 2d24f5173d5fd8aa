"""Every turn, from PostgreSQL alone; a trace id opens the trace, the log lines and the turn itself."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import AMBER, GREEN, RED, Column, falling, rising, stat, table, text
from otelgate_grafana.queries import TRACE, analytics, sql
from otelgate_grafana.variables import chosen, typed

_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance", more="&${agent:queryparam}")
_USERS = links.dashboard(uids.USER_ANALYTICS, "User analytics")
_PEOPLE = f"users => {chosen('user')}"
_FILTERED = f"{_PEOPLE}, ratings => {chosen('feedback')}"
_NO_TRACE = "no trace id is given"
_OF_TRACE = f"trace_id IN (SELECT analytics.trace_parts({typed('trace')}))"
_NOT_GRANTED = "without the right to read content, which is not granted by default"

_RATING = Column(
    title="Feedback",
    values=(("positive", "positive", GREEN), ("negative", "negative", RED), ("none", "", GREEN)),
)
_STATUS = Column(
    title="Status",
    values=(
        ("ok", "ok", GREEN),
        ("cancelled", "cancelled", GREEN),
        ("error", "error", RED),
        ("running", "running", AMBER),
    ),
)
_ENDED = "CASE WHEN cancelled THEN 'cancelled' ELSE coalesce(status, 'running') END"
_COMMON = {
    "started_at": Column(title="Time", unit="dateTimeAsIso", width=180),
    "trace_id": Column(title="Trace", links=links.everywhere(), width=260),
    "user_id": Column(title="User", links=(links.user(),)),
    "status": _STATUS,
    "latency_seconds": Column(title="Duration", unit="s", thresholds=rising(15, 20)),
    "confidence": Column(title="Confidence", unit="percentunit", thresholds=falling(0.3, 0.5)),
    "rating": _RATING,
    "cost_usd": Column(title="Cost", unit="currencyUSD"),
}

_COUNTS = Row(
    "Selection",
    *(
        stat(
            title,
            [sql(f"SELECT {expression} AS value FROM {analytics('kpis', 'agent', 'tier')}")],
            unit=unit,
            description=description,
            links=[_AGENTS],
            thresholds=limits,
        )
        for title, expression, unit, description, limits in (
            ("Turns", "turns", "short", "Traces in which an agent ran, in the range.", ()),
            ("Users", "users", "short", "Different users with a turn in the range.", ()),
            ("Sessions", "sessions", "short", "Different sessions with a turn in the range.", ()),
            ("Errors", "error_ratio", "percentunit", "Share of turns that ended with an error; the target is "
             "under 5 %.", rising(0.05, 0.1)),
            ("Duration, P95", "p95_seconds", "s", "95 % of turns were faster; the target is under 15 s.",
             rising(15, 20)),
            ("Satisfaction", "satisfaction", "percentunit", "Positive votes by all votes; the target is over 80 %.",
             falling(0.7, 0.8)),
        )
    ),
)  # fmt: skip

_LAST = Row(
    "The last 50",
    table(
        "Turns of the range",
        [
            sql(
                f"""
                SELECT started_at, {TRACE}, user_id, agent, array_to_string(route, ' > ') AS route, service,
                    environment, tier, session_id, {_ENDED} AS status, error_type, latency_seconds, cost_usd,
                    tool_calls, confidence, coalesce(rating, 'none') AS rating
                FROM {analytics("recent_turns", "agent", "tier", arguments=f"{_FILTERED}, top => 5000")}
                WHERE ({typed("status")} = 'all' OR {_ENDED} = {typed("status")})
                    AND ({typed("session")} = '' OR session_id = {typed("session")})
                ORDER BY started_at DESC
                LIMIT 50
                """
            )
        ],
        description="The newest 50 of the 5000 newest turns, without their content. Filter by the boxes above "
        "(date: the range at the top right) or by the funnel in a column's head. The trace id opens the trace, the "
        "log lines or the turn.",
        columns=_COMMON | {"session_id": Column(title="Session"), "tool_calls": Column(title="Tools", unit="short")},
        width=24,
        height=14,
        covers=("C19", "F8"),
        links=[_AGENTS],
    ),
    table(
        "Questions and answers",
        [
            sql(
                f"""
                SELECT started_at, {TRACE}, user_id, agent, question, reply, latency_seconds, confidence,
                    coalesce(rating, 'none') AS rating
                FROM {analytics("content.recent_turns", "agent", "tier", arguments=f"{_FILTERED}, top => 50")}
                """
            )
        ],
        description="The same turns with the first 100 characters of question and answer, masked by the "
        "gateway. Needs the right to read content: an owner of the database runs `GRANT otelgate_content TO "
        "otelgate_grafana`, and then everyone who may see this dashboard may read them. Until then: permission denied.",
        columns=_COMMON | {"question": Column(title="Question"), "reply": Column(title="Answer")},
        width=24,
        height=14,
        normally_empty=_NOT_GRANTED,
        covers=("C19",),
        links=[_AGENTS],
    ),
)

_USERS_ROW = Row(
    "By user",
    table(
        "Users and their sessions",
        [
            sql(
                f"""
                SELECT user_id, service, tier, sessions, turns,
                    turns::float8 / nullif(sessions, 0) AS mean_turns, mean_seconds, errors, cost_usd,
                    satisfaction, last_seen
                FROM {analytics("user_summary", "agent", "tier", arguments=f"{_PEOPLE}, top => 100")}
                """
            )
        ],
        description="Each user's sessions and turns in the range, the last seen first. A click on a user filters "
        "the tables above.",
        columns={
            "user_id": Column(title="User", links=(links.user(),)),
            "turns": Column(title="Turns", unit="short"),
            "mean_turns": Column(title="Turns a session", unit="short"),
            "mean_seconds": Column(title="Mean time", unit="s"),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "satisfaction": Column(title="Satisfaction", unit="percentunit", thresholds=falling(0.7, 0.8)),
            "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
        },
        width=24,
        height=10,
        covers=("C20",),
        links=[_USERS],
    ),
    table(
        "Negative feedback",
        [
            sql(
                f"""
                SELECT voted_at, {TRACE}, user_id, agent, service, tier, {_ENDED} AS status, error_type,
                    latency_seconds, confidence
                FROM {analytics("negatives", "agent", "tier")}
                WHERE cardinality({chosen("user")}) = 0 OR user_id = ANY ({chosen("user")})
                LIMIT 50
                """
            )
        ],
        description="Turns whose newest vote is negative: read some of them every week.",
        columns=_COMMON | {"voted_at": Column(title="Voted", unit="dateTimeAsIso", width=180)},
        width=24,
        normally_empty="no answer got a negative vote in the range",
        covers=("F9",),
        alerts=("SatisfactionLow",),
        links=[_AGENTS],
    ),
)

_STEPS = f"""
    SELECT time, kind, name, agent, status, error_type, duration_ms, tokens, cost_usd
    FROM (
        SELECT start_time AS time, 'agent' AS kind, agent AS name, agent, {_ENDED} AS status, error_type,
            duration_us / 1e3 AS duration_ms, NULL::bigint AS tokens, NULL::numeric AS cost_usd
        FROM audit.runs WHERE {_OF_TRACE} AND duplicate_of IS NULL
        UNION ALL
        SELECT start_time, operation, coalesce(response_model, request_model), agent, {_ENDED}, error_type,
            duration_us / 1e3, input_tokens + output_tokens, cost_usd
        FROM audit.model_calls WHERE {_OF_TRACE} AND duplicate_of IS NULL
        UNION ALL
        SELECT start_time, 'tool', tool, agent, {_ENDED}, error_type, duration_us / 1e3, NULL, NULL
        FROM audit.tool_calls WHERE {_OF_TRACE} AND duplicate_of IS NULL
        UNION ALL
        SELECT start_time, 'vote', rating, NULL, NULL, NULL, NULL, NULL, NULL
        FROM audit.feedback WHERE {_OF_TRACE}
        UNION ALL
        SELECT start_time, 'event', name, NULL, NULL, NULL, NULL, NULL, NULL
        FROM audit.events WHERE {_OF_TRACE}
    ) steps
    ORDER BY time
"""

_ONE = Row(
    "One turn",
    text(
        "How to open a conversation",
        "Paste a trace id into **Trace** above, or click one in a table. "
        "Its row and its steps are below, and its content for users who may read it.",
        description="A trace id identifies the turn in every store: here, in Tempo, in Loki. "
        "If several applications took part, each has a row; `id@application` shows the part of one.",
        height=2,
    ),
    table(
        "The turn",
        [
            sql(
                f"""
                SELECT started_at, {TRACE}, user_id, session_id, service, environment, agent,
                    array_to_string(route, ' > ') AS route, tier, feature, {_ENDED} AS status,
                    error_type, latency_us / 1e6 AS latency_seconds, ttft_us / 1e6 AS ttft_seconds, model_calls,
                    tool_calls, input_tokens, output_tokens, cost_usd, array_to_string(models, ', ') AS models,
                    confidence,
                    coalesce(rating, 'none') AS rating
                FROM audit.turns
                WHERE {_OF_TRACE}
                """
            )
        ],
        description="The row of the trace id above: user, agents in order, duration, cost.",
        columns=_COMMON | {"ttft_seconds": Column(title="First chunk", unit="s", thresholds=rising(2, 5))},
        width=24,
        height=4,
        normally_empty=_NO_TRACE,
        covers=("F8",),
    ),
    table(
        "Spans",
        [sql(_STEPS)],
        description="Agents, model calls, tools, votes and product events of the turn, by start time.",
        columns={
            "time": Column(title="Time", unit="dateTimeAsIso", width=180),
            "status": _STATUS,
            "duration_ms": Column(title="Duration", unit="ms"),
            "tokens": Column(title="Tokens", unit="short"),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
        },
        width=24,
        height=10,
        normally_empty=_NO_TRACE,
    ),
    table(
        "Texts",
        [
            sql(
                f"""
                SELECT question, reply, jsonb_pretty(tool_calls) AS tool_calls, jsonb_pretty(votes) AS votes
                FROM content.turn({typed("trace")})
                """
            )
        ],
        description="Question, answer, arguments and results of tools, comments; masked by the gateway. "
        "Needs the right to read content (`GRANT otelgate_content TO otelgate_grafana`); until then: permission "
        "denied.",
        columns={
            "question": Column(title="Question"),
            "reply": Column(title="Answer"),
            "tool_calls": Column(title="Tools"),
            "votes": Column(title="Votes"),
        },
        width=24,
        height=10,
        normally_empty=f"{_NO_TRACE}, or {_NOT_GRANTED}",
    ),
)

DASHBOARD = Dashboard(
    uid=uids.CONVERSATION_AUDIT,
    title="Conversation audit",
    description="Every turn, from the audit database. Content only if the right to read it was granted.",
    variables=variables.common(
        variables.agent(),
        variables.tier(),
        variables.user(),
        variables.choice("feedback", "Feedback", ("positive", "negative", "none"), "Votes; none: no vote."),
        variables.one_of("status", "Status", ("all", "ok", "cancelled", "error", "running"), "How the turn ended."),
        variables.text("session", "Session", "Only this session; empty: all."),
        variables.text("trace", "Trace", "A trace id: shows that one turn below."),
    ),
    rows=(_COUNTS, _LAST, _USERS_ROW, _ONE),
    period="now-24h",
    refresh="1m",
)
