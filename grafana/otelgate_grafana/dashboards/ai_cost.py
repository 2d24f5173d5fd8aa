"""The cost of models by service, user, feature and tier, and the projected month."""

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
    "Totals",
    stat(
        "Cost, 24 h",
        [prom(or_zero(increase(_COST, "24h")), instant=True)],
        unit="currencyUSD",
        description="Cost of the model calls of the last 24 hours.",
        thresholds=rising(50, 100),
        covers=("A26",),
        alerts=("CostDayHigh",),
        links=[_AUDIT],
    ),
    stat(
        "Mean cost per turn, 24 h",
        [prom(mean(_COST_OF_AGENTS, _TURNS, window="24h"), instant=True)],
        unit="currencyUSD",
        decimals=4,
        description="Cost of the last 24 hours divided by its turns; all models, regardless of the choice above.",
        covers=("A27",),
        links=[_AGENTS],
    ),
    stat(
        "Tokens, 24 h",
        [prom(or_zero(increase(_TOKENS, "24h")), instant=True)],
        unit="short",
        description="Tokens of the last 24 hours, in and out; input includes cached tokens, output includes reasoning "
        "tokens.",
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
        description="30 days at the pace of the last 7; a younger service is measured since its start. "
        "By service and environment only.",
        covers=("A29",),
        links=[_AUDIT],
    ),
    stat(
        "Calls without a price, 24 h",
        [prom(ratio(_UNPRICED, _CALLS, window="24h"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of model calls whose model has no price: their cost is missing from all sums. "
        "The table below lists the models.",
        thresholds=rising(0.01, 0.1),
        alerts=("UnpricedTokensHigh",),
        links=[_GATEWAY],
    ),
    stat(
        "Most expensive model, 24 h",
        [
            prom(
                f"topk(1, {increase(_COST, '24h', by='gen_ai_request_model')})",
                "{{gen_ai_request_model}}",
                instant=True,
            )
        ],
        unit="currencyUSD",
        names=True,
        description="The model with the highest cost in the last 24 hours, and its cost.",
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
        description="Cost of the previous hour, by service. Over 5 USD an alert warns, over 10 USD it is critical.",
        thresholds=rising(5, 10),
        covers=("A30",),
        alerts=("CostHourHigh", "CostHourOverrun"),
        links=[_AUDIT],
    ),
    timeseries(
        "Tokens in and out",
        [prom(f"60 * {rate(_TOKENS, by='gen_ai_token_type')}", "{{gen_ai_token_type}}")],
        unit="short",
        description="Tokens a minute that models read (input) and wrote (output). If input grows and turns do not, "
        "prompts or histories get longer.",
        covers=("A31", "B8"),
        links=[_AGENTS],
    ),
    timeseries(
        "Cost per turn",
        [prom(mean(_COST_OF_AGENTS, _TURNS, by="service_name", window="1h"), "{{service_name}}")],
        unit="currencyUSD",
        decimals=4,
        description="Cost per turn over the previous hour; all models.",
        covers=("A34",),
        links=[_AGENTS],
    ),
    timeseries(
        "Turns per dollar",
        [prom(mean(_TURNS, _COST_OF_AGENTS, by="service_name", window="1h"), "{{service_name}}")],
        unit="short",
        description="Turns per dollar over the previous hour; all models. Higher is better.",
        covers=("A35",),
        links=[_AGENTS],
    ),
    timeseries(
        "Cost per day",
        [prom(increase(_COST, "24h", by="service_name"), "{{service_name}}", step="10m")],
        unit="currencyUSD",
        description="Cost of the previous 24 hours, by service, with the limits of 50 and 100 USD.",
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
        description="Model calls a second, by model and by feature (`otelgate.feature`).",
        covers=("B7",),
        links=[_AGENTS],
    ),
    timeseries(
        "Tokens per minute, by model",
        [
            prom(
                f"60 * {rate(_TOKENS, by='gen_ai_request_model, gen_ai_token_type')}",
                "{{gen_ai_request_model}} {{gen_ai_token_type}}",
            )
        ],
        unit="short",
        stack=True,
        width=24,
        description="Tokens a minute by model and direction; rate limits of models use this unit.",
        covers=("C15",),
        links=[_AGENTS],
    ),
)

_SHARES = Row(
    "By model, feature, tool and tier",
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
        description="Cost of the range by model.",
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
        description="Tokens of the range by model. Compare with the cost to find the expensive models.",
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
        description="What each feature (`otelgate.feature`) cost in the range; (none): no feature was set. Adds up to "
        "the total.",
        links=[_AUDIT],
    ),
    bargauge(
        "Cost by tool",
        [sql(f"SELECT tool, cost_usd FROM {analytics('cost_by_tool', 'agent')} ORDER BY cost_usd DESC LIMIT 10")],
        unit="currencyUSD",
        all_values=True,
        width=8,
        description="Each turn's cost, divided among its tool calls; (none): turns without tool calls.",
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
        description="Cost of the users of each tier in the range. Their revenue is on User analytics.",
        links=[links.dashboard(uids.USER_ANALYTICS, "User analytics")],
    ),
)

_LISTS = Row(
    "Details",
    table(
        "Most expensive turns",
        [
            sql(
                f"""
                SELECT started_at, {TRACE}, service, agent, tier, user_id, cost_usd, models, model_calls, tool_calls,
                    input_tokens, output_tokens, latency_seconds
                FROM {analytics("expensive_turns", "agent", "tier", arguments="top => 20")}
                """
            )
        ],
        description="The 20 turns of the range with the highest cost. Many calls: a loop; many input tokens: "
        "a long "
        "history. The trace id opens the trace, the log lines or the turn.",
        columns={
            "started_at": Column(title="Time", unit="dateTimeAsIso"),
            "trace_id": Column(title="Trace", links=links.everywhere()),
            "user_id": Column(title="User", links=(links.user(),)),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "input_tokens": Column(unit="short"),
            "output_tokens": Column(unit="short"),
            "latency_seconds": Column(title="Duration", unit="s"),
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
        description="Each model that answered in the range. `unpriced`: calls counted as free since no price "
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
    description="The cost of models by service, user, feature and tier, and the projected month.",
    variables=variables.common(variables.agent(), variables.model(), variables.tier(), MODEL),
    rows=(_TOTALS, _TIME, _SHARES, WHAT_IF, _LISTS),
    period="now-24h",
)
