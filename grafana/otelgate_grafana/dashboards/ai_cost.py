"""What the models cost, by whom and what for, and where the month is going."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.dashboards.what_if import MODEL, WHAT_IF
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import Column, bargauge, piechart, rising, stat, table, timeseries
from otelgate_grafana.promql import CALLS, COST, TOKENS, TURNS, increase, mean, or_zero, rate, ratio, select
from otelgate_grafana.queries import TRACE, analytics, prom, sql

_COST = select(COST, "agent", "model", "tier")
_COST_OF_AGENTS = select(COST, "agent", "tier")
_TURNS = select(f"{TURNS}_count", "agent", "tier")
_CALLS = select(f"{CALLS}_count", "agent", "model", "tier", where='gen_ai_operation_name!="retrieval"')
_UNPRICED = _CALLS.replace('!="retrieval"', '!="retrieval", otelgate_cost_status="unpriced"')
_TOKENS = select(f"{TOKENS}_sum", "agent", "model", "tier")

_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance", more="&${agent:queryparam}")
_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit", more="&${agent:queryparam}")
_GATEWAY = links.dashboard(uids.GATEWAY, "Gateway")

_TOTALS = Row(
    "How much",
    stat(
        "Cost, 24 h",
        [prom(or_zero(increase(_COST, "24h")), instant=True)],
        unit="currencyUSD",
        description="What the model calls of the last 24 hours cost.",
        thresholds=rising(50, 100),
        covers=("A26",),
        alerts=("CostDayHigh",),
        links=[_AUDIT],
    ),
    stat(
        "Mean cost of a query, 24 h",
        [prom(mean(_COST_OF_AGENTS, _TURNS, window="24h"), instant=True)],
        unit="currencyUSD",
        decimals=4,
        description="Cost of the last 24 hours by the turns of agents in it; all models, whichever is chosen above.",
        covers=("A27",),
        links=[_AGENTS],
    ),
    stat(
        "Tokens, 24 h",
        [prom(or_zero(increase(_TOKENS, "24h")), instant=True)],
        unit="short",
        description="Tokens of the last 24 hours, in and out; input counts cached ones too, output those of reasoning.",
        covers=("A28",),
        links=[_AGENTS],
    ),
    stat(
        "Projected month",
        [
            sql(
                f"""
                SELECT coalesce(sum(projected_month_usd), 0) AS projected
                FROM analytics.projected_cost
                WHERE analytics.chosen(service, {variables.chosen("service")})
                    AND analytics.chosen(environment, {variables.chosen("environment")})
                """
            )
        ],
        unit="currencyUSD",
        description="30 days at the pace of the last 7; a service younger than that is measured since it began. "
        "By service and environment only.",
        covers=("A29",),
        links=[_AUDIT],
    ),
    stat(
        "Calls without a price, 24 h",
        [prom(ratio(_UNPRICED, _CALLS, window="24h"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of model calls whose model is in no price list: what they cost is in none of the sums. "
        "The table below says which models.",
        thresholds=rising(0.01, 0.1),
        alerts=("UnpricedTokensHigh",),
        links=[_GATEWAY],
    ),
    stat(
        "Dearest model, 24 h",
        [
            prom(
                f"topk(1, {increase(_COST, '24h', by='gen_ai_request_model')})",
                "{{gen_ai_request_model}}",
                instant=True,
            )
        ],
        unit="currencyUSD",
        names=True,
        description="The model that cost most in the last 24 hours, and how much.",
        links=[_AGENTS],
    ),
)

_TIME = Row(
    "Over time",
    timeseries(
        "Cost over time",
        [prom(increase(_COST, "1h", by="service_name"), "{{service_name}}")],
        unit="currencyUSD",
        stack=True,
        description="What the hour before each moment cost, by service. Over 5 USD an alert warns, over 10 USD it "
        "is critical.",
        thresholds=rising(5, 10),
        covers=("A30",),
        alerts=("CostHourHigh", "CostHourOverrun"),
        links=[_AUDIT],
    ),
    timeseries(
        "Tokens in and out",
        [prom(f"60 * {rate(_TOKENS, by='gen_ai_token_type')}", "{{gen_ai_token_type}}")],
        unit="short",
        description="Tokens a minute that models read (input) and wrote (output). Input that grows while queries do "
        "not: prompts or histories get longer.",
        covers=("A31", "B8"),
        links=[_AGENTS],
    ),
    timeseries(
        "Cost of a query",
        [prom(mean(_COST_OF_AGENTS, _TURNS, by="service_name", window="1h"), "{{service_name}}")],
        unit="currencyUSD",
        decimals=4,
        description="Cost by turn over the hour before each moment; all models.",
        covers=("A34",),
        links=[_AGENTS],
    ),
    timeseries(
        "Queries that a dollar buys",
        [prom(mean(_TURNS, _COST_OF_AGENTS, by="service_name", window="1h"), "{{service_name}}")],
        unit="short",
        description="Turns by cost over the hour before each moment; all models. The higher the better.",
        covers=("A35",),
        links=[_AGENTS],
    ),
    timeseries(
        "Cost a day",
        [prom(increase(_COST, "24h", by="service_name"), "{{service_name}}", step="10m")],
        unit="currencyUSD",
        description="What the 24 hours before each moment cost, by service, with the limits of 50 and 100 USD.",
        thresholds=rising(50, 100),
        covers=("B9",),
        alerts=("CostDayHigh",),
        links=[_AUDIT],
    ),
    timeseries(
        "Model calls",
        [
            prom(
                rate(_CALLS, by="gen_ai_request_model, otelgate_feature"),
                "{{gen_ai_request_model}} {{otelgate_feature}}",
            )
        ],
        unit="reqps",
        stack=True,
        description="Calls to models a second, by model and by what they are for (`otelgate.feature`).",
        covers=("B7",),
        links=[_AGENTS],
    ),
    timeseries(
        "Tokens a minute, by model",
        [
            prom(
                f"60 * {rate(_TOKENS, by='gen_ai_request_model, gen_ai_token_type')}",
                "{{gen_ai_request_model}} {{gen_ai_token_type}}",
            )
        ],
        unit="short",
        stack=True,
        width=24,
        description="Tokens a minute by model and direction; a model's rate limit is given in these.",
        covers=("C15",),
        links=[_AGENTS],
    ),
)

_SHARES = Row(
    "By model, and what for",
    piechart(
        "Cost by model",
        [
            prom(
                f"{increase(_COST, '$__range', by='gen_ai_request_model')} > 0",
                "{{gen_ai_request_model}}",
                instant=True,
            )
        ],
        unit="currencyUSD",
        width=12,
        description="Which model the money of the range went to.",
        covers=("A32",),
        links=[_AGENTS],
    ),
    piechart(
        "Tokens by model",
        [
            prom(
                f"{increase(_TOKENS, '$__range', by='gen_ai_request_model')} > 0",
                "{{gen_ai_request_model}}",
                instant=True,
            )
        ],
        unit="short",
        width=12,
        description="Which model read and wrote the tokens of the range. Beside the cost it shows the dear models.",
        covers=("A33",),
        links=[_AGENTS],
    ),
    bargauge(
        "Cost by feature",
        [
            sql(
                f"""
                SELECT label, cost_usd
                FROM {analytics("cost_by", arguments="dimension => 'feature'")}
                ORDER BY cost_usd DESC LIMIT 10
                """
            )
        ],
        unit="currencyUSD",
        all_values=True,
        width=8,
        description="What each feature (`otelgate.feature`) cost in the range; (none): not said. Adds up to the total.",
        links=[_AUDIT],
    ),
    bargauge(
        "Cost by tool",
        [sql(f"SELECT tool, cost_usd FROM {analytics('cost_by_tool', 'agent')} ORDER BY cost_usd DESC LIMIT 10")],
        unit="currencyUSD",
        all_values=True,
        width=8,
        description="Each conversation's cost, shared out over its tool calls; (none): conversations without any.",
        links=[_AGENTS],
    ),
    bargauge(
        "Cost by tier",
        [
            sql(
                f"""
                SELECT label, cost_usd
                FROM {analytics("cost_by", arguments="dimension => 'tier'")}
                ORDER BY cost_usd DESC LIMIT 10
                """
            )
        ],
        unit="currencyUSD",
        all_values=True,
        width=8,
        description="What the users of each tier cost in the range. What they bring: User analytics.",
        links=[links.dashboard(uids.USER_ANALYTICS, "User analytics")],
    ),
)

_LISTS = Row(
    "One by one",
    table(
        "Dearest queries",
        [
            sql(
                f"""
                SELECT started_at, {TRACE}, service, agent, tier, user_id, cost_usd, models, model_calls, tool_calls,
                    input_tokens, output_tokens, latency_seconds
                FROM {analytics("expensive_conversations", "agent", "tier", arguments="top => 20")}
                """
            )
        ],
        description="The 20 conversations of the range that cost most. Many calls: a loop; many input tokens: a long "
        "history. The trace id opens the trace, the log lines or the conversation.",
        columns={
            "started_at": Column(title="Time", unit="dateTimeAsIso"),
            "trace_id": Column(title="Trace", links=links.everywhere()),
            "user_id": Column(title="User", links=(links.user(),)),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "input_tokens": Column(unit="short"),
            "output_tokens": Column(unit="short"),
            "latency_seconds": Column(title="Time taken", unit="s"),
        },
        width=24,
        covers=("A36",),
    ),
    table(
        "Models",
        [
            sql(
                f"""
                SELECT provider, model, calls, errors, input_tokens, output_tokens, cost_usd, cost_per_call, unpriced
                FROM {analytics("cost_by_model", "agent")}
                """
            )
        ],
        description="Each model that answered in the range. `unpriced`: calls that cost nothing here since no price "
        "is known; add the model to a prices file (OTELGATE_PRICES_FILE).",
        columns={
            "input_tokens": Column(unit="short"),
            "output_tokens": Column(unit="short"),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "cost_per_call": Column(title="Cost of a call", unit="currencyUSD"),
            "unpriced": Column(title="Without a price", unit="short", thresholds=rising(1)),
        },
        width=24,
        links=[_GATEWAY],
    ),
)

DASHBOARD = Dashboard(
    uid=uids.AI_COST,
    title="AI and cost",
    description="What the models cost, by whom and what for, and where the month is going.",
    variables=variables.common(variables.agent(), variables.model(), variables.tier(), MODEL),
    rows=(_TOTALS, _TIME, _SHARES, WHAT_IF, _LISTS),
    period="now-24h",
)
