"""Agents, models and tools: latency, quality, and the effect of the last deployment."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.dashboards.versions import COMPARE, VERSIONS
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import GREEN, RED, Column, bargauge, falling, heatmap, rising, stat, table, timeseries
from otelgate_grafana.promql import (
    CALLS,
    FIRST_CHUNK,
    TOKENS,
    TOOLS,
    TURNS,
    increase,
    mean,
    quantile,
    rate,
    ratio,
    select,
)
from otelgate_grafana.queries import TRACE, analytics, prom, sql

_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit", more="&${agent:queryparam}")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost", more="&${agent:queryparam}")
_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")

_TURN_BUCKETS = select(f"{TURNS}_bucket", "agent", "tier")
_TURNS = select(f"{TURNS}_count", "agent", "tier")
_FAILED = select(f"{TURNS}_count", "agent", "tier", where='error_type!=""')
_TOOL_CALLS = select(f"{TOOLS}_count", "agent", "tier")
_TOOL_GOOD = select(f"{TOOLS}_count", "agent", "tier", where='error_type=""')
_CALL_BUCKETS = select(f"{CALLS}_bucket", "agent", "model", "tier")
_TTFT = select(f"{FIRST_CHUNK}_bucket", "agent", "model", "tier")
_RATE = select("otelgate_llm_output_rate_per_second_bucket", "agent", "model", "tier")
_FAILED_CALLS = select(f"{CALLS}_count", "agent", "model", "tier", where='error_type!=""')
_FLAGS = (("true", "yes", RED), ("false", "", GREEN))
_THREE = ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))

_NOW = Row(
    "Quality",
    stat(
        "Router accuracy",
        [sql(f"SELECT sum(accuracy * routed) / sum(routed) AS accuracy FROM {analytics('router_accuracy')}")],
        unit="percentunit",
        decimals=1,
        description="An estimate: (1 - error ratio) times the share of turns that stayed with the agent "
        "that they were handed to. A real change of subject counts as misrouted, so this is a lower bound. "
        "Target: over 90 %.",
        thresholds=falling(0.8, 0.9),
        normally_empty="applications without a router have none",
        covers=("C13", "KPI06"),
        links=[_AUDIT],
    ),
    stat(
        "Tool success",
        [prom(ratio(_TOOL_GOOD, _TOOL_CALLS, window="$__range"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of tool calls of the range that ended without an error. Target: over 95 %.",
        thresholds=falling(0.9, 0.95),
        covers=("C14", "KPI07"),
        alerts=("ToolErrorBurst",),
        links=[_AUDIT],
    ),
    stat(
        "Turn success",
        [prom(f"1 - ({ratio(_FAILED, _TURNS, window='$__range')})", instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of turns of the range that ended without an error. Target: over 95 %.",
        thresholds=falling(0.9, 0.95),
        alerts=("TurnErrorRatioHigh", "TurnErrorRatioCritical"),
        links=[_AUDIT],
    ),
    stat(
        "First chunk, P95",
        [prom(quantile(0.95, _TTFT, window="$__range"), instant=True)],
        unit="s",
        description="95 % of streamed model calls of the range sent their first chunk sooner. Target: under 2 s.",
        thresholds=rising(2, 5),
        covers=("KPI01",),
        alerts=("TtftHigh", "TtftCritical"),
        links=[_HEALTH],
    ),
    stat(
        "Output tokens per second, P50",
        [prom(quantile(0.5, _RATE, window="$__range"), instant=True)],
        unit="suffix: /s",
        decimals=0,
        description="A model's speed after its first chunk; half of the calls are slower. Target: over 20 tokens/s.",
        thresholds=falling(10, 20),
        covers=("KPI02",),
        links=[_MONEY],
    ),
    stat(
        "Relevance of retrieved documents",
        [
            prom(
                mean(
                    select("otelgate_retrieval_score_sum", "agent"),
                    select("otelgate_retrieval_score_count", "agent"),
                    window="$__range",
                ),
                instant=True,
            )
        ],
        unit="percentunit",
        decimals=0,
        description="Mean relevance of retrieved documents. Target: over 70 %; under 50 % the model may hallucinate.",
        thresholds=falling(0.5, 0.7),
        normally_empty="only applications that score their retrieval send it",
        covers=("KPI08",),
        links=[_AUDIT],
    ),
)

_LATENCY = Row(
    "Latency",
    timeseries(
        "Turn latency by agent, P95",
        [prom(quantile(0.95, _TURN_BUCKETS, by="gen_ai_agent_name"), "{{gen_ai_agent_name}}")],
        unit="s",
        description="95 % of turns of each agent are faster. Targets: simple ones under 10 s, complex ones under "
        "60 s; a router under 0.5 s. A dot is one turn and opens its trace.",
        thresholds=rising(10, 30),
        covers=("KPI03", "KPI05"),
        alerts=("TurnLatencyHigh",),
        links=[_AUDIT],
    ),
    heatmap(
        "Latency by agent",
        [prom(f"sum by (le) (increase({_TURN_BUCKETS}[$__rate_interval]))", "{{le}}", heatmap=True)],
        unit="s",
        description="Distribution of the duration of turns: darker cells have more turns. Choose an agent above to "
        "see only it. "
        "Two bands are two kinds of turns; a rising band is a slowdown that a percentile may hide.",
        covers=("C17",),
        alerts=("TurnLatencyHigh",),
        links=[_AUDIT],
    ),
    timeseries(
        "First chunk",
        [prom(quantile(share, _TTFT), name) for share, name in _THREE],
        unit="s",
        description="Time from a streamed model call's start to its first chunk: the time a user sees nothing. Over "
        "2 s an alert warns, over 5 s it is critical.",
        thresholds=rising(2, 5),
        alerts=("TtftHigh", "TtftCritical"),
        links=[_HEALTH],
    ),
    timeseries(
        "Model and retrieval latency, P95",
        [
            prom(
                quantile(0.95, _CALL_BUCKETS, by="gen_ai_operation_name, gen_ai_request_model"),
                "{{gen_ai_operation_name}} {{gen_ai_request_model}}",
            )
        ],
        unit="s",
        description="95 % of calls are faster. Targets: embeddings under 0.1 s, retrieval under 0.2 s.",
        covers=("KPI04", "KPI16"),
        alerts=("VectorSearchSlow",),
        links=[_HEALTH],
    ),
    timeseries(
        "Tool latency, P95",
        [
            prom(
                quantile(0.95, select(f"{TOOLS}_bucket", "agent", "tier"), by="gen_ai_tool_name"),
                "{{gen_ai_tool_name}}",
            )
        ],
        unit="s",
        description="95 % of calls of each tool are faster; a tool over 2 s is slow.",
        thresholds=rising(2),
        links=[_AUDIT],
    ),
    timeseries(
        "Output tokens per second",
        [prom(quantile(share, _RATE), name) for share, name in ((0.05, "P5"), (0.5, "P50"), (0.95, "P95"))],
        unit="suffix: /s",
        description="Speed of models after their first chunk. At P5, 5 % of the calls are slower. "
        "Target: over 20 tokens/s.",
        thresholds=falling(10, 20),
        links=[_MONEY],
    ),
)

_LOAD = Row(
    "Volume",
    timeseries(
        "Turns per minute, by agent",
        [prom(f"60 * {rate(_TURNS, by='gen_ai_agent_name')}", "{{gen_ai_agent_name}}")],
        unit="cpm",
        stack=True,
        description="Turns by agent. A turn that a router hands on counts for the router and for the other agent.",
        links=[_AUDIT],
    ),
    timeseries(
        "Tokens per minute, by agent",
        [
            prom(
                f"60 * {rate(select(f'{TOKENS}_sum', 'agent', 'model', 'tier'), by='gen_ai_agent_name')}",
                "{{gen_ai_agent_name}}",
            )
        ],
        unit="short",
        stack=True,
        description="Tokens a minute that each agent's models read and wrote. By model: AI and cost.",
        covers=("C15",),
        links=[_MONEY],
    ),
    bargauge(
        "Tool calls",
        [prom(increase(_TOOL_CALLS, "$__range", by="gen_ai_tool_name"), "{{gen_ai_tool_name}}", instant=True)],
        unit="short",
        decimals=0,
        description="Calls of each tool in the range, including failed ones.",
        covers=("C16",),
        links=[_AUDIT],
    ),
    timeseries(
        "Errors per minute, by kind",
        [
            prom(f"60 * {rate(_FAILED, by='error_type')}", "turn {{error_type}}"),
            prom(f"60 * {rate(_FAILED_CALLS, by='error_type')}", "model {{error_type}}"),
        ],
        unit="cpm",
        bars=True,
        description="Failed turns and model calls by error type; _OTHER: the span had no error type.",
        normally_empty="nothing failed in the range",
        alerts=("TurnErrorRatioHigh",),
        links=[_AUDIT],
    ),
)

_TOOLS = Row(
    "Tool details",
    table(
        "Tools",
        [
            sql(
                f"""
                SELECT tool, calls, users, success_ratio, p50_ms, p95_ms, positive, negative, satisfaction,
                    slow, failing, disliked
                FROM {analytics("tools", "agent", "tier")}
                """
            )
        ],
        description="Tools by use. Slow: P95 over 2000 ms; failing: success under 95 %; disliked: under half of the "
        "votes on turns that used it are positive.",
        columns={
            "success_ratio": Column(title="Success", unit="percentunit", thresholds=falling(0.9, 0.95)),
            "p50_ms": Column(title="P50", unit="ms"),
            "p95_ms": Column(title="P95", unit="ms", thresholds=rising(2000)),
            "satisfaction": Column(title="Satisfaction", unit="percentunit", thresholds=falling(0.5, 0.8)),
            **{flag: Column(values=_FLAGS) for flag in ("slow", "failing", "disliked")},
        },
        width=24,
        links=[_AUDIT],
    ),
    table(
        "Failed tool calls",
        [
            sql(
                f"""
                SELECT time, tool, error_type, {TRACE}, service, agent, user_id, duration_ms
                FROM {analytics("failed_tool_calls", "agent", arguments="top => 50")}
                """
            )
        ],
        description="The newest failed calls of the range. The trace shows the steps before it; the tool's "
        "arguments are in the turn, for users who may read content.",
        columns={
            "time": Column(title="Time", unit="dateTimeAsIso"),
            "trace_id": Column(title="Trace", links=links.everywhere()),
            "user_id": Column(title="User", links=(links.user(),)),
            "duration_ms": Column(title="Duration", unit="ms"),
        },
        width=24,
        normally_empty="no tool failed in the range",
        covers=("C18",),
        alerts=("ToolErrorBurst",),
    ),
)

DASHBOARD = Dashboard(
    uid=uids.AGENT_PERFORMANCE,
    title="Agent performance",
    description="Agents, models and tools: latency, quality, and the effect of the last deployment.",
    variables=variables.common(
        variables.agent(),
        variables.model(),
        variables.tier(),
        COMPARE,
    ),
    rows=(_NOW, _LATENCY, _LOAD, _TOOLS, VERSIONS),
)
