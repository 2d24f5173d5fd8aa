"""The overview: success, latency, cost and users at a glance."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.logql import SELECTED
from otelgate_grafana.panels import Column, bargauge, falling, logs, piechart, rising, stat, table, timeseries
from otelgate_grafana.promql import COST, EVENTS, TOOLS, TURNS, increase, mean, or_zero, quantile, rate, ratio, select
from otelgate_grafana.queries import analytics, logql, prom, sql

_TURNS = select(f"{TURNS}_count", "agent", "tier")
_GOOD = select(f"{TURNS}_count", "agent", "tier", where='error_type=""')
_BAD = select(f"{TURNS}_count", "agent", "tier", where='error_type!=""')
_TIME = select(f"{TURNS}_sum", "agent", "tier")
_COST = select(COST, "agent", "tier")
_BUCKETS = select(f"{TURNS}_bucket", "agent", "tier")

_ACTIVE = select("otelgate_user_active", where='otelgate_window="5m"', environment=False)

_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance", more="&${agent:queryparam}")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost", more="&${agent:queryparam}")
_USERS = links.dashboard(uids.USER_ANALYTICS, "User analytics")
_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit", more="&${agent:queryparam}")

_NOW = Row(
    "The last hour",
    stat(
        "Turns, 1 h",
        [prom(or_zero(increase(_TURNS, "1h")), instant=True)],
        unit="short",
        decimals=0,
        description="Turns of agents in the last hour. If a router hands a turn on, both agents count one.",
        covers=("A1",),
        alerts=("NoQueries",),
        links=[_AGENTS],
    ),
    stat(
        "Success, 1 h",
        [prom(ratio(_GOOD, _TURNS, window="1h"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of turns that ended without an error. The target is over 95 %; no value: no turns.",
        thresholds=falling(0.9, 0.95),
        covers=("A2",),
        alerts=("TurnErrorRatioHigh", "TurnErrorRatioCritical"),
        links=[_AGENTS],
    ),
    stat(
        "Cost, 1 h",
        [prom(or_zero(increase(_COST, "1h")), instant=True)],
        unit="currencyUSD",
        description="Cost of the model calls of the last hour. Calls of models without a price are not included.",
        thresholds=rising(5, 10),
        covers=("A3",),
        alerts=("CostHourHigh", "CostHourOverrun"),
        links=[_MONEY],
    ),
    stat(
        "Active users",
        [prom(or_zero(f"sum ({_ACTIVE})"), instant=True)],
        unit="short",
        decimals=0,
        description="Users with a turn or a product event in the last 5 minutes, of all environments. "
        "The audit sink counts them every 15 s.",
        covers=("A4",),
        links=[_USERS],
    ),
    stat(
        "Mean response, 1 h",
        [prom(mean(_TIME, _TURNS, window="1h"), instant=True)],
        unit="s",
        description="Mean duration of turns in the last hour; half of them should take less than 8 s, 95 % less "
        "than 15 s.",
        thresholds=rising(8, 15),
        covers=("A5",),
        links=[_AGENTS],
    ),
    stat(
        "Errors, 1 h",
        [prom(or_zero(increase(_BAD, "1h")), instant=True)],
        unit="short",
        decimals=0,
        description="Turns that ended with an error in the last hour. Compare with the number of turns.",
        thresholds=rising(1, 20),
        covers=("A6",),
        alerts=("TurnErrorRatioHigh",),
        links=[_AUDIT],
    ),
)

_COURSE = Row(
    "Over time",
    timeseries(
        "Turns a minute",
        [
            prom(f"60 * {rate(_GOOD)}", "success"),
            prom(f"60 * ({rate(_BAD)} or 0 * {rate(_TURNS)})", "failure"),
        ],
        unit="cpm",
        stack=True,
        description="Turns a minute, those that failed on top. A sudden drop is as bad as a rise of failures.",
        covers=("A7",),
        alerts=("LowTraffic",),
        links=[_AGENTS],
    ),
    timeseries(
        "Response time",
        [prom(quantile(share, _BUCKETS), f"P{share * 100:g}") for share in (0.5, 0.95, 0.99)],
        unit="s",
        description="P50, P95 and P99 of the duration of turns; a dot is one turn and opens its trace. "
        "Targets: P50 under 8 s, P95 under 15 s; over 20 s is slow.",
        thresholds=rising(15, 20),
        covers=("A8",),
        alerts=("TurnLatencyHigh",),
        links=[_AGENTS],
    ),
    bargauge(
        "Tools, top 10",
        [
            prom(
                f"topk(10, {increase(select(f'{TOOLS}_count', 'agent', 'tier'), '$__range', by='gen_ai_tool_name')})",
                "{{gen_ai_tool_name}}",
                instant=True,
            )
        ],
        unit="short",
        decimals=0,
        width=8,
        description="Calls of each tool by agents in the range; the ten most used.",
        covers=("A9",),
        links=[_AGENTS],
    ),
    piechart(
        "Commands",
        [
            prom(
                increase(select(EVENTS, where='event_name="command.used"'), "$__range", by="command") + " > 0",
                "{{command}}",
                instant=True,
            )
        ],
        unit="short",
        decimals=0,
        description="Shares of the commands that users gave in the range, from the product event `command.used`.",
        normally_empty="only applications with commands send the event command.used",
        covers=("A10",),
        links=[_USERS],
    ),
    timeseries(
        "Cost per hour",
        [prom(f"3600 * {rate(_COST, by='service_name')}", "{{service_name}}")],
        unit="currencyUSD",
        stack=True,
        width=8,
        description="Cost of an hour at the pace of that moment, by service. The alerts look at the last whole hour.",
        thresholds=rising(5, 10),
        covers=("A11",),
        alerts=("CostHourHigh", "CostHourOverrun"),
        links=[_MONEY],
    ),
)

_PEOPLE = Row(
    "Users and logs",
    table(
        "Top users",
        [
            sql(
                f"""
                SELECT user_id, turns, service, tier, cost_usd, last_seen
                FROM {analytics("top_users", "tier", arguments="top => 10")}
                """
            )
        ],
        description="Users with the most turns in the range. The application sends the ids: "
        "pseudonyms, if it follows the rules. A click opens a user's turns.",
        columns={
            "user_id": Column(title="User", links=(links.user(),)),
            "turns": Column(title="Turns", unit="short"),
            "service": Column(title="Service"),
            "tier": Column(title="Tier"),
            "cost_usd": Column(title="Cost", unit="currencyUSD"),
            "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
        },
        width=24,
        covers=("A12",),
        links=[_USERS],
    ),
    logs(
        "Log lines, live",
        [logql(SELECTED)],
        description="Log lines of the applications, the newest first, without message content. A click on a line "
        "shows its "
        "fields and a link to its trace.",
        covers=("A13",),
        links=[links.dashboard(uids.SERVICE_HEALTH, "Service health")],
    ),
)

DASHBOARD = Dashboard(
    uid=uids.MISSION_CONTROL,
    title="Mission control",
    description="The overview: success, latency, cost and users at a glance. Start here.",
    variables=variables.common(variables.agent(), variables.tier()),
    rows=(_NOW, _COURSE, _PEOPLE),
    refresh="10s",
)
