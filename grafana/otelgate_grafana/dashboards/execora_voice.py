"""Execora: voice commands, invoices, payments, and the websockets that carry them."""

from otelgate_grafana import links, logql, names, uids, variables
from otelgate_grafana.layout import Dashboard, Row
from otelgate_grafana.panels import falling, rising, stat, timeseries
from otelgate_grafana.promql import EVENTS, increase, or_zero, quantile, rate, ratio, select
from otelgate_grafana.queries import prom

_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_HEALTH = links.dashboard(uids.SERVICE_HEALTH, "Service health")
_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")
_USERS = links.dashboard(uids.USER_ANALYTICS, "User analytics")

_INR = "currencyINR"
_ABNORMAL = 'reason!~"normal|going_away"'


def _event(event: names.Event, where: str = "") -> str:
    return select(EVENTS, where=f'event_name="{event.name}"' + (f", {where}" if where else ""))


_VOICE = _event(names.VOICE_COMMAND)
_UNDERSTOOD = _event(names.VOICE_COMMAND, 'status="success"')
_PAID = select(f"{names.PAYMENT_AMOUNT.series}_sum")
_PAID_BUCKETS = select(f"{names.PAYMENT_AMOUNT.series}_bucket")
_SPEECH = select("otelgate_speech_duration_seconds_bucket")
_ACTIVE = select(names.WEBSOCKET_ACTIVE.series)
_CLOSED = select(names.WEBSOCKET_CLOSED.series)
_BROKEN = select(names.WEBSOCKET_CLOSED.series, where=_ABNORMAL)

_NOW = Row(
    "The last hour",
    stat(
        "Voice success, 1 h",
        [prom(ratio(_UNDERSTOOD, _VOICE, window="1h"), instant=True)],
        unit="percentunit",
        decimals=1,
        description="Share of the spoken commands of the last hour that succeeded.",
        thresholds=falling(0.8, 0.95),
        covers=("D9",),
        links=[_AGENTS],
    ),
    stat(
        "Payments, 1 h",
        [prom(or_zero(increase(_PAID, "1h")), instant=True)],
        unit=_INR,
        description="Amount paid in the last hour.",
        covers=("D7",),
        links=[_USERS],
    ),
    stat(
        "Invoices, 1 h",
        [prom(or_zero(increase(_event(names.INVOICE), "1h")), instant=True)],
        unit="short",
        decimals=0,
        description="Operations on invoices in the last hour.",
        covers=("D6",),
        links=[_USERS],
    ),
    stat(
        "Open websockets",
        [prom(or_zero(f"sum ({_ACTIVE})"))],
        unit="short",
        decimals=0,
        spark=True,
        description="Open connections: users who speak, or could.",
        links=[_HEALTH],
    ),
    stat(
        "Broken websockets, 5 min",
        [prom(or_zero(increase(_BROKEN, "5m")), instant=True)],
        unit="short",
        decimals=0,
        description="Connections that ended without a normal close in the last 5 minutes.",
        thresholds=rising(1, 2),
        alerts=("WebSocketDrops",),
        links=[_HEALTH],
    ),
    stat(
        "Waiting tasks",
        [prom(or_zero(f"sum ({select(names.QUEUE_PENDING.series)})"))],
        unit="short",
        decimals=0,
        spark=True,
        description="Tasks in the queue now.",
        links=[_HEALTH],
    ),
)

_BUSINESS = Row(
    "Business",
    timeseries(
        "Invoices per second",
        [prom(rate(_event(names.INVOICE), by="operation"), "{{operation}}")],
        unit="ops",
        stack=True,
        description="Operations on invoices a second, by kind (product event `invoice`).",
        covers=("D6",),
        links=[_USERS],
    ),
    timeseries(
        "Customers per second",
        [prom(rate(_event(names.CUSTOMER), by="operation"), "{{operation}}")],
        unit="ops",
        stack=True,
        description="Operations on customers a second, by kind (product event `customer`).",
        covers=("D8",),
        links=[_USERS],
    ),
    timeseries(
        "Payments per minute",
        [prom(f"60 * {rate(_event(names.PAYMENT), by='status')}", "{{status}}")],
        unit="cpm",
        stack=True,
        description="Payments a minute that were completed, and that failed (product event `payment`).",
        covers=("D7",),
        links=[_USERS],
    ),
    timeseries(
        "Amount paid per hour",
        [prom(or_zero(increase(_PAID, "1h")), "paid")],
        unit=_INR,
        description="Amount paid in the previous hour: a sum, not a rate.",
        covers=("D7",),
        links=[_USERS],
    ),
    timeseries(
        "Amount of a payment",
        [prom(quantile(share, _PAID_BUCKETS, window="1h"), f"P{share * 100:g}") for share in (0.5, 0.95)],
        unit=_INR,
        description="P50 and P95 of the payments of the previous hour.",
        links=[_USERS],
    ),
    timeseries(
        "Voice success",
        [prom(ratio(_UNDERSTOOD, _VOICE), "success")],
        unit="percentunit",
        high=1,
        description="Share of the spoken commands that succeeded (product event `voice.command`).",
        covers=("D9",),
        links=[_AGENTS],
    ),
)

_TECHNOLOGY = Row(
    "Speech, websockets, queue",
    timeseries(
        "Speech, P50 and P95",
        [
            prom(quantile(0.5, _SPEECH, by="type"), "{{type}} P50"),
            prom(quantile(0.95, _SPEECH, by="type"), "{{type}} P95"),
        ],
        unit="s",
        description="P50 and P95 of speech to text (stt) and text to speech (tts). The user waits during both.",
        covers=("D12",),
        links=[_AGENTS],
    ),
    timeseries(
        "Queue",
        [prom(f"sum by (service_name) ({select(names.QUEUE_PENDING.series)})", "{{service_name}}")],
        unit="short",
        description="Waiting tasks. A line that only rises: tasks arrive faster than they are completed.",
        covers=("D13",),
        links=[_HEALTH],
    ),
    timeseries(
        "Closed websockets",
        [prom(increase(_CLOSED, "5m", by="reason"), "{{reason}}")],
        unit="short",
        stack=True,
        description="Connections that ended in the previous 5 minutes, by reason. More than one that is "
        "neither normal nor going_away sets off the alert.",
        covers=("D3",),
        alerts=("WebSocketDrops",),
        links=[_HEALTH],
    ),
    timeseries(
        "Errors by type",
        [prom(f"60 * {rate(select(names.ERRORS.series), by='error_type')}", "{{error_type}}")],
        unit="cpm",
        stack=True,
        description="Errors a minute that the application counted, by type.",
        normally_empty="an application without errors has no series of them",
        links=[_HEALTH],
    ),
)

_LOG_ROW = Row(
    "Log queries",
    logql.INVOICES.panel(links=[_USERS]),
    logql.LARGE_AMOUNTS.panel(links=[_USERS]),
    logql.WEBSOCKET_ERRORS.panel(links=[_HEALTH]),
    logql.ERRORS.panel(links=[_HEALTH]),
)

DASHBOARD = Dashboard(
    uid=uids.EXECORA_VOICE,
    title="Execora voice",
    description="Execora: voice commands, invoices, payments, and the websockets that carry them.",
    variables=(variables.service(only="execora"), variables.environment()),
    rows=(_NOW, _BUSINESS, _TECHNOLOGY, _LOG_ROW),
    folder=uids.APPLICATIONS_FOLDER,
)
