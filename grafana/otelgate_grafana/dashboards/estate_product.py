"""Dubai Estate: use of the bot, from the first command to the subscription."""

from otelgate_grafana import links, logql, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import Column, bargauge, stat, table, timeseries
from otelgate_grafana.promql import EVENTS, TOOLS, increase, or_zero, select
from otelgate_grafana.queries import analytics, prom, sql

_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_USERS = links.dashboard(uids.USER_ANALYTICS, "User analytics")
_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost")
_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")

_TOOLS = f"{TOOLS}_count"
_CHILLER = select(_TOOLS, "tier", where='gen_ai_tool_name="calculate_chiller_cost"')
_ANALYZE = select(_TOOLS, "tier", where='gen_ai_tool_name="analyze_investment"')
_FROM_CHILLER = "step => 'tool_call{tool=calculate_chiller_cost}'"
_STEPS = "events => '{user.signup,first_turn,quota.hit,subscription.upgraded}'"

_USE = Row(
    "Use",
    stat(
        "Chiller calculations, 1 h",
        [prom(or_zero(increase(_CHILLER, "1h")), instant=True)],
        unit="short",
        decimals=0,
        width=6,
        description="Calls of the tool `calculate_chiller_cost` in the last hour.",
        links=[_AGENTS],
    ),
    stat(
        "Investment analyses, 24 h",
        [prom(or_zero(increase(_ANALYZE, "24h")), instant=True)],
        unit="short",
        decimals=0,
        width=6,
        description="Calls of the tool `analyze_investment` in the last 24 hours.",
        covers=("A39",),
        links=[_AGENTS],
    ),
    stat(
        "Chiller to upgrade",
        [
            sql(f"SELECT user_ratio FROM {analytics('conversion', arguments=_FROM_CHILLER)}"),
        ],
        unit="percentunit",
        decimals=1,
        width=6,
        description="Of the users who had a chiller cost calculated in the range, the share that upgraded afterwards. "
        "Distinct users, regardless of the reason for the upgrade.",
        normally_empty="no user had one calculated",
        links=[_USERS],
    ),
    stat(
        "Limit to upgrade",
        [sql(f"SELECT user_ratio FROM {analytics('conversion')}")],
        unit="percentunit",
        decimals=1,
        width=6,
        description="Of the users who hit a limit in the range, the share that upgraded afterwards. Distinct users.",
        normally_empty="no user hit a limit",
        links=[_USERS],
    ),
    timeseries(
        "Chiller calculations per hour",
        [prom(or_zero(increase(_CHILLER, "1h")), "per hour")],
        unit="short",
        description="Calls of the tool `calculate_chiller_cost` in the previous hour.",
        covers=("A37",),
        links=[_AGENTS],
    ),
    timeseries(
        "Tool calls per hour",
        [prom(f"{increase(select(_TOOLS, 'tier'), '1h', by='gen_ai_tool_name')}", "{{gen_ai_tool_name}}")],
        unit="short",
        stack=True,
        description="Calls of each tool in the previous hour.",
        links=[_AGENTS],
    ),
)

_WAY = Row(
    "From signup to subscription",
    bargauge(
        "Funnel",
        [sql(f"SELECT event, users FROM {analytics('funnel', arguments=_STEPS)} ORDER BY step")],
        unit="short",
        all_values=True,
        description="Distinct users who signed up, asked their first question, hit a limit and upgraded, in this order "
        "and within the range. Look at the largest drop first.",
        covers=("A38",),
        links=[_USERS],
    ),
    table(
        "Funnel, step by step",
        [
            sql(
                f"""
                SELECT event, users, of_first, of_previous, median_seconds
                FROM {analytics("funnel", arguments=_STEPS)} ORDER BY step
                """
            )
        ],
        description="The same with the share of all who started, the share of the step before, and the median time "
        "since that step.",
        columns={
            "event": Column(title="Step"),
            "users": Column(title="Users", unit="short"),
            "of_first": Column(title="Of all", unit="percentunit"),
            "of_previous": Column(title="Of the step before", unit="percentunit"),
            "median_seconds": Column(title="Median wait", unit="s"),
        },
        covers=("A38",),
        links=[_USERS],
    ),
    table(
        "Commands",
        [sql(f"SELECT command, uses, users, ratio FROM {analytics('commands', 'tier')}")],
        description="Commands of the range: how often, by how many users, and their share.",
        columns={"ratio": Column(title="Share", unit="percentunit")},
        links=[_USERS],
    ),
    timeseries(
        "Limit hits and upgrades per hour",
        [
            prom(or_zero(increase(select(EVENTS, where='event_name="quota.hit"'), "1h")), "limit hits"),
            prom(or_zero(increase(select(EVENTS, where='event_name="subscription.upgraded"'), "1h")), "upgrades"),
        ],
        unit="short",
        decimals=0,
        description="Turns that a limit refused, and upgrades, in the previous hour.",
        links=[_USERS],
    ),
    table(
        "Tiers: cost and revenue",
        [
            sql(
                f"""
                SELECT tier, sum(users)::bigint AS users, sum(turns)::bigint AS turns, sum(cost_usd) AS cost_usd,
                    sum(revenue_usd) AS revenue_usd, sum(margin_usd) AS margin_usd,
                    max(break_even_turns) AS break_even
                FROM analytics.tier_margin WHERE analytics.chosen(service, {variables.chosen("service")})
                GROUP BY tier ORDER BY revenue_usd DESC
                """
            )
        ],
        description="The last 30 days: cost and revenue of the users of each tier, and the number of turns a month "
        "that one user's price pays for (empty: no price, or no cost).",
        columns={
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "revenue_usd": Column(title="Revenue", unit="currencyUSD"),
            "margin_usd": Column(title="Margin", unit="currencyUSD"),
            "break_even": Column(title="Break-even turns", unit="short"),
        },
        width=24,
        links=[_MONEY],
    ),
)

_LOG_ROW = Row(
    "Log queries",
    logql.SLOW_TURNS.panel(links=[_AGENTS]),
    logql.COSTLY_TURNS.panel(links=[_MONEY]),
    logql.COST_LOGGED.panel(links=[_MONEY]),
    logql.ERRORS.panel(links=[_HEALTH]),
    logql.EVENTS.panel(links=[_USERS]),
    logql.NEGATIVE_VOTES.panel(links=[_MISSION]),
)

DASHBOARD = Dashboard(
    uid=uids.ESTATE_PRODUCT,
    title="Estate product",
    description="Dubai Estate: use of the bot, from the first command to the subscription.",
    variables=(variables.service(only="estate-bot"), variables.environment(), variables.tier()),
    rows=(_USE, _WAY, _LOG_ROW),
    folder=uids.APPLICATIONS_FOLDER,
    period="now-7d",
    refresh="1m",
)
