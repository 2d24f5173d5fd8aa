"""The applications' own telemetry: instruments, product events, attributes of log lines.

The gateway's metrics are in promql.py. Those of OpenTelemetry's instrumentations, and of exporters that Prometheus
scrapes, keep the names that these give them. `series` of an instrument is what Prometheus calls it, by the rules of
OpenTelemetry's translation: dots become underscores, a unit is appended (one in braces is not), a gauge of unit 1 is a
`_ratio`, a rate is `_per_second`, a counter ends in `_total`.
"""

from dataclasses import dataclass
from typing import Final, Literal

from otelgate.names import DURATION_BOUNDS, ERROR_TYPE, GEN_AI_TOOL_NAME

Kind = Literal["counter", "updown", "gauge", "histogram"]
"""Of the OpenTelemetry API; gauges and up-down counters may be observable ones."""

_UNITS: Final = {"s": "seconds", "By": "bytes"}
_PER: Final = {"s": "second"}


@dataclass(frozen=True)
class Instrument:
    """One metric of an application: what `create_counter` and its like are given, and what comes out."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """`explicit_bucket_boundaries_advisory` of a histogram."""

    @property
    def series(self) -> str:
        """Its name in Prometheus; of a histogram without `_bucket`, `_sum`, `_count`."""
        parts = [self.name.replace(".", "_")]
        unit, _, per = self.unit.partition("/")
        if unit == "1":
            parts += ["ratio"] if self.kind == "gauge" else []
        elif unit and not unit.startswith("{"):
            parts.append(_UNITS[unit])
        if per:
            parts.append(f"per_{_PER[per]}")
        if self.kind == "counter":
            parts.append("total")
        return "_".join(parts)


@dataclass(frozen=True)
class Event:
    """One product event, `otelgate.event(name, value=…, unit=…, **attributes)`: counted and, if it has one, summed."""

    name: str
    description: str
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Attribute and the values that dashboards and alerts know; none: any."""
    unit: str = ""
    """Of its value; none: it has no value."""


@dataclass(frozen=True)
class LogAttribute:
    """An attribute of log lines (`extra={name: …}` of Python's logging); Loki keeps it as structured metadata."""

    name: str
    description: str

    @property
    def label(self) -> str:
        """Its name in LogQL."""
        return self.name.replace(".", "_")


# HTTP and databases: OpenTelemetry's instrumentations, with OTEL_SEMCONV_STABILITY_OPT_IN=http,database.
HTTP_REQUESTS: Final = Instrument(
    "http.server.request.duration", "histogram", "s", "Time of a request, by route.",
    ("http.request.method", "http.route", "http.response.status_code"), DURATION_BOUNDS,
)  # fmt: skip
DATABASE_OPERATIONS: Final = Instrument(
    "db.client.operation.duration", "histogram", "s", "Time of a statement, as the application sees it.",
    ("db.system.name", "db.operation.name"), DURATION_BOUNDS,
)  # fmt: skip
DATABASE_CONNECTIONS: Final = Instrument(
    "db.client.connection.count", "updown", "{connection}", "Connections of the pool; SQLAlchemy's pool holds 50.",
    ("pool.name", "state"),
)  # fmt: skip
"""`state`: used, idle."""
PROCESS_CPU: Final = Instrument("process.cpu.time", "counter", "s", "CPU time of the process.", ("type",))
PROCESS_MEMORY: Final = Instrument("process.memory.usage", "updown", "By", "Resident memory of the process.")

# Osool: property search, reservations, a marketplace of liquidity pools in Egyptian pounds.
BREAKER_STATE: Final = Instrument(
    "osool.circuit_breaker.state", "gauge", "{state}", "0 closed, 1 half-open, 2 open.",
    ("osool.circuit_breaker.name",),
)  # fmt: skip
"""`osool.circuit_breaker.name`: openai, blockchain, paymob."""
BREAKER_FAILURES: Final = Instrument(
    "osool.circuit_breaker.failures", "counter", "{failure}", "Calls through the breaker that failed.",
    ("osool.circuit_breaker.name",),
)  # fmt: skip
POOL_RESERVE: Final = Instrument(
    "osool.liquidity.pool.reserve", "gauge", "{EGP}", "What a pool holds.", ("osool.liquidity.pool.id",)
)
"""The property's title is not a label: it stays in the application's database."""
TRADE_VOLUME: Final = Instrument(
    "osool.liquidity.trade.volume", "counter", "{EGP}", "Volume of the trades.", ("osool.liquidity.pool.id",)
)
TRADE_LOSS: Final = Instrument(
    "osool.liquidity.trade.loss", "counter", "{EGP}", "What slippage cost: each trade's volume times its slippage.",
    ("osool.liquidity.pool.id",),
)  # fmt: skip
"""By TRADE_VOLUME: slippage weighted by volume."""
TRADE_SLIPPAGE: Final = Instrument(
    "osool.liquidity.trade.slippage", "histogram", "1", "Slippage of a trade as a share of it, once for each.",
    ("osool.liquidity.pool.id",), (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1),
)  # fmt: skip

# BestBox: agents on its own model server.
GPU_MEMORY: Final = Instrument(
    "hw.gpu.memory.utilization", "gauge", "1", "Share of a GPU's memory that is in use.", ("hw.id", "hw.name")
)

# Execora: a voice assistant for invoices and payments, over a websocket.
WEBSOCKET_ACTIVE: Final = Instrument(
    "execora.websocket.active", "updown", "{connection}", "Websocket connections that are open."
)
WEBSOCKET_CLOSED: Final = Instrument(
    "execora.websocket.closed", "counter", "{connection}", "Websocket connections that ended.", ("reason",)
)
"""`reason`: normal, going_away; any other is abnormal: error, abnormal, timeout."""
PAYMENT_AMOUNT: Final = Instrument(
    "execora.payment.amount", "histogram", "{INR}", "Amount of a payment that was completed.",
    (), (100.0, 500.0, 1000.0, 5000.0, 10000.0, 50000.0, 100000.0),
)  # fmt: skip
QUEUE_PENDING: Final = Instrument("execora.queue.pending", "updown", "{task}", "Tasks that wait.")
ERRORS: Final = Instrument("execora.error", "counter", "{error}", "Errors, by type.", (ERROR_TYPE,))

INSTRUMENTS: Final = (
    HTTP_REQUESTS, DATABASE_OPERATIONS, DATABASE_CONNECTIONS, PROCESS_CPU, PROCESS_MEMORY,
    BREAKER_STATE, BREAKER_FAILURES, POOL_RESERVE, TRADE_VOLUME, TRADE_LOSS, TRADE_SLIPPAGE,
    GPU_MEMORY,
    WEBSOCKET_ACTIVE, WEBSOCKET_CLOSED, PAYMENT_AMOUNT, QUEUE_PENDING, ERRORS,
)  # fmt: skip

# Product events. Of their attributes the gateway makes labels of command, from_tier, operation, status, tier, to_tier.
_TIERS: Final = ("free", "basic", "pro")
SIGNUP: Final = Event("user.signup", "A user's first contact.", (("source", ()), ("tier", _TIERS)))
COMMAND: Final = Event("command.used", "A command of the chat, with its slash.", (("command", ()),))
QUOTA_HIT: Final = Event("quota.hit", "A turn that the tier's limit refused.", (("tier", _TIERS),))
UPGRADED: Final = Event("subscription.upgraded", "To a dearer tier.", (("from_tier", _TIERS), ("to_tier", _TIERS)))
SESSION_START: Final = Event("session.start", "A chat began.")
PROPERTY_SEARCH: Final = Event("property.search", "A search for properties.")
RESERVATION: Final = Event(
    "reservation", "An attempt to reserve; its fee, 50,000 EGP, if it was completed.",
    (("status", ("completed", "failed")),), unit="{EGP}",
)  # fmt: skip
VOICE_COMMAND: Final = Event("voice.command", "A command that was spoken.", (("status", ("success", "failed")),))
INVOICE: Final = Event(
    "invoice", "An operation on an invoice.", (("operation", ("create", "update", "send", "cancel")),)
)
CUSTOMER: Final = Event("customer", "An operation on a customer.", (("operation", ("create", "update", "search")),))
PAYMENT: Final = Event(
    "payment", "An attempt to pay; its amount, if it was completed.", (("status", ("completed", "failed")),),
    unit="{INR}",
)  # fmt: skip

EVENTS: Final = (
    SIGNUP, COMMAND, QUOTA_HIT, UPGRADED, SESSION_START, PROPERTY_SEARCH, RESERVATION, VOICE_COMMAND, INVOICE, CUSTOMER,
    PAYMENT,
)  # fmt: skip

# Attributes of log lines. Numbers always reach Loki; strings only while they are one word.
LOG_TURN_SECONDS: Final = LogAttribute("turn.seconds", "On the line that ends a turn: how long it took.")
LOG_TURN_COST: Final = LogAttribute("turn.cost_usd", "On the same line: what the application thinks that it cost.")
LOG_AMOUNT: Final = LogAttribute("amount_inr", "Of a payment or an invoice, in rupees.")
LOG_TOOL: Final = LogAttribute(GEN_AI_TOOL_NAME, "On a line about a tool's failure.")
LOG_BREAKER: Final = LogAttribute("osool.circuit_breaker.name", "On a line about a breaker that opened or closed.")

LOG_ATTRIBUTES: Final = (LOG_TURN_SECONDS, LOG_TURN_COST, LOG_AMOUNT, LOG_TOOL, LOG_BREAKER)
