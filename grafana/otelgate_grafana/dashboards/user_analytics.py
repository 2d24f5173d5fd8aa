"""Users: activity, retention, revenue and satisfaction."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import AMBER, GREEN, RED, Column, bargauge, gauge, piechart, stat, table, timeseries
from otelgate_grafana.promql import or_zero, select
from otelgate_grafana.queries import analytics, prom, sql

from . import user_habits

_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit")
_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")

_ACTIVE = select("otelgate_user_active", where='otelgate_window="5m"', environment=False)
_DAY = "from_time => now() - interval '24 hours'"
_SERVICE = f"analytics.chosen(service, {variables.chosen('service')})"
_TIER = f"analytics.chosen(tier, {variables.chosen('tier')})"
# A point for each thirtieth of the range.
_BUCKET = "bucket => greatest(interval '1 minute', ($__timeTo()::timestamptz - $__timeFrom()::timestamptz) / 30)"
_UTC = "day::timestamp AT TIME ZONE 'UTC' AS time"

_NOW = Row(
    "Now, and the last 24 hours",
    stat(
        "Active now",
        [prom(or_zero(f"sum ({_ACTIVE})"))],
        unit="short",
        decimals=0,
        spark=True,
        description="Users with a turn or a product event in the last 5 minutes, of all environments and "
        "tiers. The audit sink counts them every 15 s.",
        covers=("A15",),
        links=[_MISSION],
    ),
    stat(
        "Users, 24 h",
        [sql(f"SELECT users FROM {analytics('kpis', 'tier', arguments=_DAY, ranged=False)}")],
        unit="short",
        decimals=0,
        description="Distinct users with a turn in the last 24 hours.",
        covers=("C8",),
        links=[_AUDIT],
    ),
    stat(
        "Sessions, 24 h",
        [sql(f"SELECT sessions FROM {analytics('kpis', 'tier', arguments=_DAY, ranged=False)}")],
        unit="short",
        decimals=0,
        description="Sessions with a turn in the last 24 hours.",
        covers=("C7",),
        alerts=("SessionsHigh", "SessionsOverload"),
        links=[_AUDIT],
    ),
    stat(
        "Signups, 24 h",
        [sql(f"SELECT sum(signups) AS signups FROM {analytics('signups', arguments=_DAY, ranged=False)}")],
        unit="short",
        decimals=0,
        description="Users who signed up in the last 24 hours (product event `user.signup`); each user counts once.",
        covers=("A14",),
        links=[_MISSION],
    ),
    stat(
        "Upgrades, 24 h",
        [
            sql(
                f"""
                SELECT coalesce(sum(upgrades), 0) AS upgrades
                FROM {analytics("upgrades", arguments=_DAY, ranged=False)}
                """
            )
        ],
        unit="short",
        decimals=0,
        description="Upgrades to a more expensive tier in the last 24 hours (product event `subscription.upgraded`).",
        covers=("A16",),
        links=[_MISSION],
    ),
    stat(
        "Monthly revenue",
        [sql(f"SELECT coalesce(sum(mrr_usd), 0) AS mrr FROM analytics.mrr WHERE {_SERVICE}")],
        unit="currencyUSD",
        description="MRR: monthly revenue of the current subscriptions, by the prices of the tiers "
        "(`otelgate-audit tier`). 0 if no tier has a price.",
        covers=("A17",),
        links=[links.dashboard(uids.AI_COST, "AI and cost")],
    ),
)

_COURSE = Row(
    "Over time",
    timeseries(
        "Signups",
        [sql(f"SELECT {_UTC}, signups FROM {analytics('signups')} ORDER BY 1", series=True)],
        unit="short",
        decimals=0,
        bars=True,
        description="Users who signed up, by day (UTC). Today's bar is incomplete.",
        covers=("A18",),
        links=[_MISSION],
    ),
    timeseries(
        "Active users",
        [
            sql(
                f"""
                SELECT {_UTC}, dau AS "in a day", wau AS "in 7 days", mau AS "in 30 days"
                FROM {analytics("active_users", "tier")} ORDER BY 1
                """,
                series=True,
            )
        ],
        unit="short",
        decimals=0,
        description="Distinct active users of the day, and of the 7 and the 30 days that end with it. "
        "The closer the lines, the more often users return.",
        covers=("A19",),
        links=[_AUDIT],
    ),
    timeseries(
        "Turns in a session",
        [
            sql(
                f"""
                SELECT time, turns_per_session AS "turns in a session"
                FROM {analytics("sessions", "tier", arguments=_BUCKET)} ORDER BY 1
                """,
                series=True,
            )
        ],
        unit="short",
        decimals=1,
        description="Turns per session. More may mean interest, or answers that users have to ask for again: "
        "compare with the satisfaction.",
        covers=("C12", "KPI10"),
        links=[_AUDIT],
    ),
    timeseries(
        "Revenue",
        [
            sql(
                f"""
                SELECT {_UTC}, mrr_usd AS "a month", gained_usd AS gained, -lost_usd AS lost
                FROM analytics.revenue(from_time => $__timeFrom()::timestamptz,
                    to_time => $__timeTo()::timestamptz, services => {variables.chosen("service")})
                ORDER BY 1
                """,
                series=True,
            )
        ],
        unit="currencyUSD",
        low=None,
        description="Monthly revenue of the subscriptions at the end of each day, and the gain and loss of that "
        "day (UTC).",
        covers=("A25",),
        links=[links.dashboard(uids.AI_COST, "AI and cost")],
    ),
)

_SHARES = Row(
    "Tiers, limits, agents, votes",
    piechart(
        "Users by tier",
        [
            sql(
                f"""
                SELECT tier, sum(users) AS users FROM analytics.users_by_tier
                WHERE {_SERVICE} AND {_TIER} GROUP BY tier ORDER BY 2 DESC
                """
            )
        ],
        unit="short",
        all_values=True,
        description="All known users, by their current tier; (none): the application names no tier.",
        covers=("A20",),
        links=[_MISSION],
    ),
    bargauge(
        "Limit hits by tier",
        [sql(f"SELECT tier, hits FROM {analytics('limit_hits')} ORDER BY hits DESC")],
        unit="short",
        all_values=True,
        width=8,
        description="Turns that the limit of each tier refused in the range (product event "
        "`quota.hit`). After each, the user may upgrade or leave.",
        normally_empty="only applications with limits send the event quota.hit",
        covers=("A21",),
        links=[_MISSION],
    ),
    stat(
        "Limit to upgrade",
        [sql(f"SELECT user_ratio FROM {analytics('conversion')}")],
        unit="percentunit",
        decimals=1,
        width=4,
        height=8,
        description="Of the users who hit a limit in the range, the share that upgraded afterwards. Distinct users: "
        "ten hits of one user count once.",
        normally_empty="no user hit a limit",
        covers=("A22",),
        links=[_MISSION],
    ),
    gauge(
        "Satisfaction",
        [sql(f"SELECT satisfaction FROM {analytics('kpis', 'tier')}")],
        unit="percentunit",
        high=1,
        height=8,
        description="Positive votes among all votes on the turns of the range; turns without a vote "
        "do not "
        "count. Target: over 80 %.",
        thresholds=[(None, RED), (0.7, AMBER), (0.8, GREEN)],
        normally_empty="no user voted",
        covers=("C9", "KPI09"),
        alerts=("SatisfactionLow",),
        links=[links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit", more="&var-feedback=negative")],
    ),
    piechart(
        "Share of runs by agent",
        [sql(f"SELECT agent, runs FROM {analytics('agents', 'tier')} ORDER BY runs DESC")],
        unit="short",
        all_values=True,
        width=12,
        description="Share of each agent in the runs of the range. A router and the agent that it hands on to each "
        "count one run.",
        covers=("C11", "KPI11"),
        links=[_AGENTS],
    ),
    timeseries(
        "Peak concurrent sessions",
        [sql(f"SELECT {_UTC}, peak_sessions AS sessions FROM {analytics('peak_sessions')} ORDER BY 1", series=True)],
        unit="short",
        decimals=0,
        bars=True,
        description="The largest number of sessions with a turn within the same 5 minutes, on each day (UTC). "
        "BestBox "
        "is designed for 5 to 8.",
        covers=("KPI12",),
        alerts=("SessionsHigh", "SessionsOverload"),
        links=[_AUDIT],
    ),
)

_USER_COLUMNS = {
    "user_id": Column(title="User", links=(links.user(),)),
    "turns": Column(title="Turns", unit="short"),
    "sessions": Column(title="Sessions", unit="short"),
    "cost_usd": Column(title="Cost", unit="currencyUSD"),
    "cost_per_turn": Column(title="Cost of a turn", unit="currencyUSD"),
    "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
}

_TOP = Row(
    "Top users",
    table(
        "Top users by turns",
        [
            sql(
                f"""
                SELECT user_id, service, tier, turns, sessions, cost_usd, last_seen
                FROM {analytics("top_users", "tier", arguments="top => 10")}
                """
            )
        ],
        description="The ten users with the most turns in the range. A click opens their turns.",
        columns=_USER_COLUMNS,
        covers=("A23", "C10"),
        alerts=("UserQueryBurst",),
        links=[_AUDIT],
    ),
    table(
        "Top users by cost",
        [
            sql(
                f"""
                SELECT user_id, service, tier, cost_usd, cost_per_turn, turns, last_seen
                FROM {analytics("top_users", "tier", arguments="by_what => 'cost', top => 10")}
                """
            )
        ],
        description="The ten users whose turns of the range cost most. Compare with the revenue of their tier.",
        columns=_USER_COLUMNS,
        covers=("A24",),
        links=[_AUDIT],
    ),
)

DASHBOARD = Dashboard(
    uid=uids.USER_ANALYTICS,
    title="User analytics",
    description="Users: activity, retention, revenue and satisfaction.",
    variables=variables.common(variables.tier()),
    rows=(_NOW, _COURSE, _SHARES, _TOP, *user_habits.ROWS),
    period="now-30d",
    refresh="5m",
)
