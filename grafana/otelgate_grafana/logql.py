"""Saved log queries: shown on dashboards, used in runbooks, and ready to paste into Explore.

Severity, trace and attributes are structured metadata, so no query guesses from the words of a line: `severity_number`
is 17 or more for errors, an attribute `turn.seconds` is `turn_seconds`. Numbers compare as numbers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import names
from .layout import Panel
from .links import Link
from .panels import logs, timeseries
from .queries import Query, logql

SELECTED: Final = "{service_name=~`${service:regex}`, deployment_environment_name=~`${environment:regex}`}"
"""The choice of the dashboard's variables. Grafana escapes no double quote for Loki, so the strings are raw ones,
and the variables offer no name with a backtick."""
EVERYTHING: Final = '{service_name=~".+"}'
"""The same without variables."""
ERROR: Final = 17
"""The lowest severity number of errors; 13 is the lowest of warnings."""


@dataclass(frozen=True)
class LogQuery:
    """One saved query. `legend`: the name of a series, for a query that returns numbers instead of lines."""

    name: str
    title: str
    description: str
    expr: str
    legend: str = ""
    unit: str = "short"
    normally_empty: str = ""
    covers: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it returns numbers over time, not lines."""
        return bool(self.legend)

    def anywhere(self) -> str:
        """The query without variables, over every service, to paste into Explore."""
        return self.expr.replace(SELECTED, EVERYTHING)

    def query(self) -> Query:
        return logql(self.expr, self.legend)

    def panel(self, *, width: int = 12, height: int = 8, links: Sequence[Link] = ()) -> Panel:
        """The query as a panel of a dashboard."""
        more: dict[str, Any] = {"width": width, "height": height, "links": links, "covers": self.covers}
        more |= {"description": self.description, "normally_empty": self.normally_empty}
        if self.counts:
            return timeseries(self.title, [self.query()], unit=self.unit, bars=True, stack=True, **more)
        return logs(self.title, [self.query()], **more)


_CALM: Final = "nothing went wrong in the range"

ERRORS: Final = LogQuery(
    "errors",
    "Errors",
    "Lines of severity ERROR and FATAL. A click on one shows its fields, and the link to its trace if it has one.",
    f"{SELECTED} | severity_number >= {ERROR}",
    normally_empty=_CALM,
)
WARNINGS: Final = LogQuery(
    "warnings",
    "Warnings and errors",
    "Lines of severity WARN and above: what to read first after an alert.",
    f"{SELECTED} | severity_number >= 13",
    normally_empty=_CALM,
)
ERRORS_WITH_TRACE: Final = LogQuery(
    "errors-with-trace",
    "Errors within a trace",
    "Errors logged during a request or a turn: each opens its trace.",
    f'{SELECTED} | severity_number >= {ERROR} | trace_id != ""',
    normally_empty=_CALM,
)
ERRORS_BY_SERVICE: Final = LogQuery(
    "errors-by-service",
    "Errors in 5 minutes, by service",
    "Errors of each service in the previous 5 minutes.",
    f"sum by (service_name) (count_over_time({SELECTED} | severity_number >= {ERROR} [5m]))",
    legend="{{service_name}}",
    normally_empty=_CALM,
)
LINES_BY_LEVEL: Final = LogQuery(
    "lines-by-level",
    "Lines in 5 minutes, by level",
    "Number of log lines. A service that falls silent has stopped, or cannot reach the gateway.",
    f"sum by (severity_text) (count_over_time({SELECTED} [5m]))",
    legend="{{severity_text}}",
)
EXCEPTIONS: Final = LogQuery(
    "exceptions",
    "Exceptions in 5 minutes, by type",
    "Exceptions that were logged, by their type. Their messages are removed, since they may quote what a user wrote.",
    f'sum by (service_name, exception_type) (count_over_time({SELECTED} | exception_type != "" [5m]))',
    legend="{{service_name}} {{exception_type}}",
    normally_empty=_CALM,
)
SLOW_TURNS: Final = LogQuery(
    "slow-turns",
    "Slow turns",
    f"Turns over 20 s, from the line that ends a turn (`{names.LOG_TURN_SECONDS.name}`). The trace says where the time "
    "went.",
    f"{SELECTED} | {names.LOG_TURN_SECONDS.label} > 20",
    normally_empty="no turn took so long, or the application does not log how long turns take",
)
COSTLY_TURNS: Final = LogQuery(
    "costly-turns",
    "Costly turns",
    f"Turns over 0.10 USD by the application's own calculation (`{names.LOG_TURN_COST.name}`).",
    f"{SELECTED} | {names.LOG_TURN_COST.label} > 0.1",
    normally_empty="no turn cost so much, or the application does not log what turns cost",
)
COST_LOGGED: Final = LogQuery(
    "cost-logged",
    "Cost per hour, as logged",
    "Cost of the previous hour as the applications calculate it. A gap to the gateway's cost (AI and cost) "
    "is a model whose price one of them does not know.",
    f"sum by (service_name) (sum_over_time({SELECTED} | {names.LOG_TURN_COST.label} > 0"
    f" | unwrap {names.LOG_TURN_COST.label} [1h]))",
    legend="{{service_name}}",
    unit="currencyUSD",
    normally_empty="only applications that log what turns cost have lines",
)
TOOL_ERRORS: Final = LogQuery(
    "tool-errors",
    "Errors of tools",
    "Errors with the name of the tool that failed.",
    f'{SELECTED} | severity_number >= {ERROR} | {names.LOG_TOOL.label} != ""',
    normally_empty=_CALM,
)
EVENTS: Final = LogQuery(
    "product-events",
    "Product events",
    "Events of the product: signups, searches, reservations, payments, in the order of arrival.",
    f'{SELECTED} | otelgate_event_name != ""',
)
NEGATIVE_VOTES: Final = LogQuery(
    "negative-votes",
    "Negative feedback",
    "Negative votes of users. The trace id opens the turn.",
    f'{SELECTED} | otelgate_feedback_rating = "negative"',
    normally_empty="no answer got a negative vote",
)
BREAKERS: Final = LogQuery(
    "circuit-breakers",
    "Circuit breakers that changed",
    "Each time a circuit breaker opened, tried again or closed.",
    f'{SELECTED} | {names.LOG_BREAKER.label} != ""',
    normally_empty=_CALM,
)
INVOICES: Final = LogQuery(
    "invoices",
    "Invoices",
    "Lines that begin with `Invoice`: created, sent, cancelled, failed.",
    f"{SELECTED} |~ `^Invoice.*`",
)
LARGE_AMOUNTS: Final = LogQuery(
    "large-amounts",
    "Over 10,000 INR",
    "Payments and invoices over 10,000 INR, by the attribute `amount_inr`, regardless of the line's text.",
    f"{SELECTED} | {names.LOG_AMOUNT.label} > 10000",
)
WEBSOCKET_ERRORS: Final = LogQuery(
    "websocket-errors",
    "Errors of websockets",
    "Errors whose line mentions a websocket.",
    f"{SELECTED} |~ `(?i)websocket` | severity_number >= {ERROR}",
    normally_empty="no connection broke",
)

QUERIES: Final = (
    ERRORS, WARNINGS, ERRORS_WITH_TRACE, ERRORS_BY_SERVICE, LINES_BY_LEVEL, EXCEPTIONS, SLOW_TURNS, COSTLY_TURNS,
    COST_LOGGED, TOOL_ERRORS, EVENTS, NEGATIVE_VOTES, BREAKERS, INVOICES, LARGE_AMOUNTS, WEBSOCKET_ERRORS,
)  # fmt: skip


def text() -> str:
    """grafana/rendered/logql.json."""
    entries = [
        {"name": query.name, "title": query.title, "description": query.description, "logql": query.anywhere()}
        for query in QUERIES
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
