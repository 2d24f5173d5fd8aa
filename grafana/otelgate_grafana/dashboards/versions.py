"""The effect of deployments: a row of the dashboard Agent performance."""

from otelgate_grafana import links, uids, variables
from otelgate_grafana.layout import Row
from otelgate_grafana.panels import Column, falling, rising, table
from otelgate_grafana.queries import sql

_WINDOW = variables.typed("window")
COMPARE = variables.one_of(
    "window", "Compare", ("1 hour", "6 hours", "1 day", "7 days"), "How long before and after a deployment."
)

# A comparison ends where the next deployment of the same service begins, and begins where the one before did.
_BEFORE_AND_AFTER = f"""
    WITH deployments AS (
        SELECT e.start_time AS time, e.service, e.attributes ->> 'version' AS version,
            lag(e.start_time) OVER one AS before, lead(e.start_time) OVER one AS after
        FROM audit.events e
        WHERE e.name = 'deployment' AND analytics.chosen(e.service, {variables.chosen("service")})
            AND e.start_time >= $__timeFrom()::timestamptz - interval '90 days'
            AND e.start_time < $__timeTo()::timestamptz
        WINDOW one AS (PARTITION BY e.service ORDER BY e.start_time)
    )
    SELECT d.time AS deployed, d.service, d.version, b.turns AS turns_before,
        a.turns AS turns_after, b.p95_seconds AS p95_before, a.p95_seconds AS p95_after,
        b.error_ratio AS errors_before,
        a.error_ratio AS errors_after, b.cost_per_turn AS cost_before, a.cost_per_turn AS cost_after,
        b.satisfaction AS satisfaction_before, a.satisfaction AS satisfaction_after
    FROM deployments d
    CROSS JOIN LATERAL analytics.kpis(greatest(d.before, d.time - {_WINDOW}::interval), d.time, ARRAY[d.service],
        {variables.chosen("environment")}, {variables.chosen("agent")}, {variables.chosen("tier")}) b
    CROSS JOIN LATERAL analytics.kpis(d.time, least(d.after, d.time + {_WINDOW}::interval, now()), ARRAY[d.service],
        {variables.chosen("environment")}, {variables.chosen("agent")}, {variables.chosen("tier")}) a
    WHERE d.time >= $__timeFrom()::timestamptz
    ORDER BY d.time DESC
    LIMIT 20
"""

VERSIONS = Row(
    "Before and after a deployment",
    table(
        "Versions",
        [sql(_BEFORE_AND_AFTER)],
        description='Each deployment of the range (`otelgate.event("deployment", version=…)`, or `make annotate`): the '
        "time after it compared with the time before, as long as chosen above and at most until the next one. Small "
        "numbers of turns prove nothing.",
        columns={
            "deployed": Column(title="Deployed", unit="dateTimeAsIso"),
            "turns_before": Column(unit="short"),
            "turns_after": Column(unit="short"),
            "p95_before": Column(unit="s"),
            "p95_after": Column(unit="s", thresholds=rising(15, 20)),
            "errors_before": Column(unit="percentunit"),
            "errors_after": Column(unit="percentunit", thresholds=rising(0.05, 0.1)),
            "cost_before": Column(unit="currencyUSD"),
            "cost_after": Column(unit="currencyUSD"),
            "satisfaction_before": Column(unit="percentunit"),
            "satisfaction_after": Column(unit="percentunit", thresholds=falling(0.7, 0.8)),
        },
        width=24,
        normally_empty="nothing was deployed in the range, or no application reports it",
        covers=("F21",),
        links=[links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit", more="&${agent:queryparam}")],
    ),
)
