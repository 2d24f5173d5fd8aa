"""Osool: chats, searches, reservations, and the liquidity market."""

from otelgate_grafana import links, logql, names, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import bargauge, gauge, rising, stat, timeseries
from otelgate_grafana.promql import EVENTS, increase, mean, or_zero, quantile, rate, ratio, select
from otelgate_grafana.queries import analytics, prom, sql

from .service_resources import BREAKERS

_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_USERS = links.dashboard(uids.USER_ANALYTICS, "User analytics")
_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")
_AUDIT = links.dashboard(uids.CONVERSATION_AUDIT, "Conversation audit")

_EGP = "suffix: EGP"
_POOL = "osool_liquidity_pool_id"
_SEARCHES = select(EVENTS, where=f'event_name="{names.PROPERTY_SEARCH.name}"')
_TRIED = select(EVENTS, where=f'event_name="{names.RESERVATION.name}"')
_DONE = select(EVENTS, where=f'event_name="{names.RESERVATION.name}", status="completed"')
_FAILED = select(EVENTS, where=f'event_name="{names.RESERVATION.name}", status="failed"')
_FEES = select("otelgate_event_value_total", where=f'event_name="{names.RESERVATION.name}", status="completed"')
_RESERVE = select(names.POOL_RESERVE.series)
_VOLUME = select(names.TRADE_VOLUME.series)
_LOSS = select(names.TRADE_LOSS.series)
_SLIPPAGE = names.TRADE_SLIPPAGE.series
# A pool's reserve may be reported by several processes: it is one reserve.
_RESERVES = f"max by ({_POOL}) ({_RESERVE})"


def _converted(step: str) -> str:
    goal = f"step => '{step}', goal => '{names.RESERVATION.name}{{status=completed}}'"
    return f"SELECT user_ratio FROM {analytics('conversion', arguments=goal)}"


_NOW = Row(
    "Now, and the last 24 hours",
    stat(
        "Active chats",
        [prom(or_zero(f"sum ({select('otelgate_session_active', environment=False)})"))],
        unit="short",
        decimals=0,
        spark=True,
        description="Chats with a question in the last 5 minutes.",
        covers=("B4",),
        links=[_USERS],
    ),
    stat(
        "Searches, 24 h",
        [prom(or_zero(increase(_SEARCHES, "24h")), instant=True)],
        unit="short",
        decimals=0,
        description="Searches for properties in the last 24 hours (product event `property.search`).",
        covers=("B5",),
        links=[_USERS],
    ),
    stat(
        "Reservations, 24 h",
        [prom(or_zero(increase(_DONE, "24h")), instant=True)],
        unit="short",
        decimals=0,
        description="Reservations that were completed in the last 24 hours. None in a day is alarming.",
        covers=("B6",),
        alerts=("NoReservations",),
        links=[_USERS],
    ),
    stat(
        "Failed reservations, 1 h",
        [prom(ratio(_FAILED, _TRIED, window="1h"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of the reservations of the last hour that failed.",
        thresholds=rising(0.1, 0.2),
        alerts=("ReservationFailuresHigh",),
        links=[_HEALTH],
    ),
    stat(
        "Searches to reservations",
        [sql(_converted(names.PROPERTY_SEARCH.name))],
        unit="percentunit",
        decimals=1,
        description="Of the users who searched in the range, the share that completed a reservation afterwards. "
        "Distinct users: ten searches of one user count once.",
        normally_empty="no user searched",
        covers=("B21",),
        links=[_USERS],
    ),
    stat(
        "Chats to reservations",
        [sql(_converted(names.SESSION_START.name))],
        unit="percentunit",
        decimals=1,
        description="Of the users who began a chat in the range, the share that completed a reservation afterwards. "
        "Distinct users.",
        normally_empty="no user began a chat",
        covers=("B22",),
        links=[_USERS],
    ),
)

_SALES = Row(
    "Searches, reservations, revenue",
    timeseries(
        "Searches per hour",
        [prom(or_zero(increase(_SEARCHES, "1h")), "searches")],
        unit="short",
        description="Searches for properties in the previous hour.",
        covers=("B5",),
        links=[_USERS],
    ),
    timeseries(
        "Reservations per hour",
        [prom(or_zero(increase(_DONE, "1h")), "completed"), prom(or_zero(increase(_FAILED, "1h")), "failed")],
        unit="short",
        stack=True,
        description="Reservations in the previous hour, those that failed on top.",
        covers=("B6",),
        alerts=("NoReservations", "ReservationFailuresHigh"),
        links=[_USERS],
    ),
    timeseries(
        "Revenue per hour",
        [prom(or_zero(increase(_FEES, "1h")), "fees")],
        unit=_EGP,
        description="Fees of the reservations that were completed in the previous hour: 50,000 EGP each "
        "(the value of the product event).",
        links=[_USERS],
    ),
    bargauge(
        "From chat to reservation",
        [
            sql(
                f"""
                SELECT event, users
                FROM {analytics("funnel", arguments="events => '{session.start,property.search,reservation}'")}
                ORDER BY step
                """
            )
        ],
        unit="short",
        all_values=True,
        description="Distinct users who began a chat, searched and tried to reserve, in this order and within the "
        "range.",
        links=[_USERS],
    ),
)

_MARKET = Row(
    "Liquidity market",
    stat(
        "Traded, 24 h",
        [prom(or_zero(increase(_VOLUME, "24h")), instant=True)],
        unit=_EGP,
        width=6,
        height=6,
        description="Volume of the trades of the last 24 hours, all pools.",
        covers=("B13",),
        links=[_HEALTH],
    ),
    stat(
        "Active pools",
        [prom(or_zero(f"count ({_RESERVES} > 0)"), instant=True)],
        unit="short",
        width=6,
        height=6,
        description="Pools that hold a reserve.",
        covers=("B14",),
        links=[_HEALTH],
    ),
    stat(
        "Total reserve",
        [prom(f"sum ({_RESERVES})")],
        unit=_EGP,
        spark=True,
        width=6,
        height=6,
        description="Total reserve of all pools. A steep fall: a user drains a pool.",
        covers=("B15",),
        links=[_HEALTH],
    ),
    gauge(
        "Mean slippage",
        [prom(mean(_LOSS, _VOLUME, window="$__range"), instant=True)],
        unit="percentunit",
        high=0.05,
        width=6,
        description="Loss of the trades of the range to slippage, as a share of their value: a large trade weighs more "
        "than a small one.",
        thresholds=rising(0.01, 0.03),
        covers=("B16",),
        links=[_HEALTH],
    ),
    timeseries(
        "Traded volume per hour",
        [prom(increase(_VOLUME, "1h", by=_POOL), f"{{{{{_POOL}}}}}")],
        unit=_EGP,
        stack=True,
        description="Volume of the trades in the previous hour, by pool.",
        covers=("B13",),
        links=[_HEALTH],
    ),
    timeseries(
        "Reserve by pool",
        [prom(_RESERVES, f"{{{{{_POOL}}}}}")],
        unit=_EGP,
        stack=True,
        description="Reserve of each pool. A pool's title is in the application's own database.",
        covers=("B15",),
        links=[_HEALTH],
    ),
    timeseries(
        "Slippage of trades",
        [
            prom(quantile(0.5, select(f"{_SLIPPAGE}_bucket")), "P50"),
            prom(quantile(0.95, select(f"{_SLIPPAGE}_bucket")), "P95"),
            prom(mean(select(f"{_SLIPPAGE}_sum"), select(f"{_SLIPPAGE}_count")), "mean of trades"),
            prom(mean(_LOSS, _VOLUME), "mean by volume"),
        ],
        unit="percentunit",
        description="Slippage of single trades, and their mean, by trade and by volume. If the mean by volume is far "
        "higher, large trades suffer.",
        thresholds=rising(0.01, 0.03),
        covers=("B16",),
        links=[_HEALTH],
    ),
    timeseries(
        "Failures behind circuit breakers",
        [
            prom(
                f"60 * {rate(select(names.BREAKER_FAILURES.series), by='osool_circuit_breaker_name')}",
                "{{osool_circuit_breaker_name}}",
            )
        ],
        unit="cpm",
        description="Failed calls a minute behind each breaker, which will open it.",
        normally_empty="a breaker without failures has no series",
        alerts=("CircuitBreakerOpen",),
        links=[_HEALTH],
    ),
    BREAKERS,
)

_LOG_ROW = Row(
    "Log queries",
    logql.ERRORS_WITH_TRACE.panel(links=[_HEALTH]),
    logql.BREAKERS.panel(links=[_HEALTH]),
    logql.EVENTS.panel(width=24, links=[_USERS]),
)

DASHBOARD = Dashboard(
    uid=uids.OSOOL_BUSINESS,
    title="Osool business",
    description="Osool: chats, searches, reservations, and the liquidity market.",
    variables=(variables.service(only="osool"), variables.environment()),
    rows=(_NOW, _SALES, _MARKET, _LOG_ROW),
    folder=uids.APPLICATIONS_FOLDER,
    period="now-6h",
)
