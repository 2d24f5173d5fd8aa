"""The lower rows of User analytics: retention, churn, and the behavior of users."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.layout import Row
from otelgate_grafana.panels import Column, bargauge, stat, table
from otelgate_grafana.queries import analytics, sql

_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit")
_MONEY = links.dashboard(uids.AI_COST, "AI and cost")
_SERVICES = f"services => {variables.chosen('service')}"
_WHERE = f"{_SERVICES}, environments => {variables.chosen('environment')}"
_SERVICE = f"analytics.chosen(service, {variables.chosen('service')})"
_SHARE = Column(unit="percentunit")

_RETURN = Row(
    "Retention",
    stat(
        "Users with two sessions or more",
        [sql(f"SELECT ratio FROM {analytics('returning_users', 'tier')}")],
        unit="percentunit",
        decimals=1,
        height=8,
        description="Share of the users of the range who had more than one session in it.",
        covers=("KPI13",),
        links=[_AUDIT],
    ),
    table(
        "Weekly cohorts",
        [
            sql(
                f"""
                SELECT cohort, users, week, active, ratio
                FROM analytics.retention(from_time => $__timeTo()::timestamptz - interval '84 days',
                    to_time => $__timeTo()::timestamptz, {_WHERE})
                ORDER BY cohort DESC, week
                """
            )
        ],
        description="Users by the week in which they were first seen, and how many of them were active in each "
        "following week: the last 12 weeks.",
        columns={"cohort": Column(unit="dateTimeAsIso"), "ratio": _SHARE},
        width=10,
        links=[_AUDIT],
    ),
    table(
        "Churn by week",
        [
            sql(
                f"""
                SELECT week, before, lost, churn, gained
                FROM analytics.churn(from_time => $__timeTo()::timestamptz - interval '56 days',
                    to_time => $__timeTo()::timestamptz, {_WHERE})
                ORDER BY week DESC
                """
            )
        ],
        description="For each complete week, the share of the previous week's users who did not return: the "
        "last 8 weeks.",
        normally_empty="there is no week before the first one",
        columns={"week": Column(unit="dateTimeAsIso"), "churn": _SHARE},
        width=10,
        links=[_AUDIT],
    ),
    table(
        "Segments",
        [
            sql(
                f"""
                SELECT segment, sum(users)::bigint AS users, sum(turns_7d)::bigint AS turns_7d,
                    sum(cost_7d_usd) AS cost_7d_usd
                FROM analytics.segments WHERE {_SERVICE} GROUP BY segment ORDER BY users DESC
                """
            )
        ],
        description="lost: not seen for 30 days; dormant: for 7; new: first seen in the last 7; power, regular, "
        "casual: 35, 5 or fewer turns in 7 days.",
        columns={
            "segment": Column(title="Segment"),
            "turns_7d": Column(title="Turns, 7 days", unit="short"),
            "cost_7d_usd": Column(title="Cost, 7 days", unit="currencyUSD"),
        },
        width=10,
        links=[_AUDIT],
    ),
    table(
        "Users to win back",
        [
            sql(
                f"""
                SELECT user_id, service, tier, turns, last_seen
                FROM analytics.quiet_users({_SERVICES}, tiers => {variables.chosen("tier")}, top => 50)
                """
            )
        ],
        description="Known users with fewer than 5 turns in the last 7 days.",
        columns={
            "user_id": Column(title="User", links=(links.user(),)),
            "turns": Column(title="Turns, 7 days", unit="short"),
            "last_seen": Column(title="Last seen", unit="dateTimeFromNow"),
        },
        width=14,
        normally_empty="every user is active",
        links=[_AUDIT],
    ),
    collapsed=True,
)

_DO = Row(
    "Behavior",
    table(
        "Signup sources",
        [sql(f"SELECT source, signups, asked, asked_ratio, upgraded, upgraded_ratio FROM {analytics('acquisition')}")],
        description="Signups of the range by source (attribute `source` of `user.signup`), how many asked a question "
        "and "
        "how many upgraded.",
        columns={"asked_ratio": _SHARE, "upgraded_ratio": _SHARE},
        normally_empty="only applications with signups send the event user.signup",
        links=[_AUDIT],
    ),
    table(
        "Features",
        [
            sql(
                f"""
                SELECT feature, users, adoption, turns, cost_usd
                FROM {analytics("feature_adoption", "tier")}
                """
            )
        ],
        description="Users of each feature (`otelgate.feature`) in the range, their share among all, and the cost.",
        columns={"adoption": _SHARE, "cost_usd": Column(title="Cost", unit="currencyUSD")},
        links=[_MONEY],
    ),
    table(
        "Next steps",
        [sql(f"SELECT step, next_step, times, users, ratio FROM {analytics('journeys')} ORDER BY times DESC LIMIT 50")],
        description="Within a session: after a step (a product event or a turn), the next step and its "
        "frequency; "
        "an empty next step is the end of a session.",
        columns={"ratio": _SHARE, "next_step": Column(title="Next")},
        links=[_AUDIT],
    ),
    bargauge(
        "Turns by hour",
        [
            sql(
                f"""
                SELECT lpad(hour::text, 2, '0') || ':00' AS hour, sum(turns)::bigint AS turns
                FROM {analytics("hours", "tier")} GROUP BY 1 ORDER BY 1
                """
            )
        ],
        unit="short",
        all_values=True,
        height=12,
        description="Turns of the range by hour of the day (UTC), to choose a time for deployments.",
        links=[_AUDIT],
    ),
    collapsed=True,
)

ROWS = (_RETURN, _DO)
