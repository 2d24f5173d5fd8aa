"""The receivers of alerts, and the alerts that are silent while another fires: rendered/routing.json, for the stack.

The stack (otelgate_stack.config.alert_routes) makes Alertmanager's configuration of it and of the channels that are
set.
"""

import json
from collections.abc import Mapping
from typing import Final

from .model import Alert, Channel, Receiver

RECEIVERS: Final[Mapping[Receiver, tuple[Channel, ...]]] = {
    "pagerduty-slack": ("pagerduty", "slack"),
    "slack": ("slack",),
    "slack-email": ("slack", "email"),
    "email": ("email",),
    "none": (),
}
"""Receiver -> its channels."""

_WORDS: Final[Mapping[Channel, str]] = {"pagerduty": "PagerDuty", "slack": "Slack", "email": "e-mail"}

DEFAULT: Final[Receiver] = "slack"
"""Of the alerts that no route names."""

ROUTES: Final[tuple[tuple[str, str, Receiver], ...]] = (
    ("notify", "none", "none"),
    ("notify", "slack", "slack"),
    ("notify", "slack-email", "slack-email"),
    ("notify", "email", "email"),
    ("severity", "critical", "pagerduty-slack"),
)
"""Label, value, receiver; the first that holds decides."""

_SERVICE: Final = ("service_name", "deployment_environment_name")

INHIBITIONS: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = (
    # The critical one tells what its warning would.
    ("TurnErrorRatioCritical", ("TurnErrorRatioHigh",), _SERVICE),
    ("HttpErrorRatioSustained", ("HttpErrorRatioHigh",), _SERVICE),
    ("TtftCritical", ("TtftHigh",), _SERVICE),
    ("CostHourOverrun", ("CostHourHigh",), _SERVICE),
    ("SessionsOverload", ("SessionsHigh",), _SERVICE),
    ("AgentSuccessBurnFast", ("AgentSuccessBurnSlow",), _SERVICE),
    ("AgentLatencyBurnFast", ("AgentLatencyBurnSlow",), _SERVICE),
    ("TtftBurnFast", ("TtftBurnSlow",), _SERVICE),
    ("GatewayQueueFull", ("GatewayQueueFilling",), ("instance", "exporter")),
    ("DerivedSeriesOverflow", ("DerivedSeriesNearCap",), ("instance", "otelgate_derive_metric")),
    # A service that is down fails, is slow, gets no requests and sends nothing. Alerts on cost and loss still go out.
    (
        "ServiceDown",
        (
            *("HttpErrorBurst", "HttpErrorRatioHigh", "HttpErrorRatioSustained", "HttpLatencyHigh", "WebSocketDrops"),
            *("TurnErrorRatioHigh", "TurnErrorRatioCritical", "ToolErrorBurst", "TurnLatencyHigh", "TtftHigh"),
            *("TtftCritical", "VectorSearchSlow", "LlmAvailabilityLow", "LowTraffic", "NoQueries", "NoReservations"),
            *("AgentSuccessBurnFast", "AgentSuccessBurnSlow", "AgentLatencyBurnFast", "AgentLatencyBurnSlow"),
            *("TtftBurnFast", "TtftBurnSlow", "TelemetryAbsent"),
        ),
        ("service_name",),  # a probe knows no environment
    ),
    # Without a gateway, no service is visible.
    (
        "GatewayAbsent",
        ("TelemetryAbsent", "AuditSinkAbsent", "AuditKeeperAbsent", "LowTraffic", "NoQueries", "NoReservations"),
        (),
    ),
)
"""While the first fires, the others are silent where they agree in these labels."""

_ONLY: Final = {"ServiceDown": 'kind=~"api|llm"'}
"""Without a vector store or embeddings a service still answers, and may fail for another reason."""


def receiver(alert: Alert) -> Receiver:
    """By the first route that the alert's own labels hold."""
    labels = alert.rule_labels
    return next((name for label, value, name in ROUTES if labels.get(label) == value), DEFAULT)


def words(alert: Alert) -> str:
    """The channels of the alert, as its documentation names them."""
    return " and ".join(_WORDS[channel] for channel in RECEIVERS[receiver(alert)]) or "none"


def text() -> str:
    """rendered/routing.json."""
    inhibitions = [
        {"source": source, "targets": targets, "equal": equal, "only": _ONLY.get(source, "")}
        for source, targets, equal in INHIBITIONS
    ]
    found = {"receivers": RECEIVERS, "default": DEFAULT, "routes": ROUTES, "inhibitions": inhibitions}
    return json.dumps(found, indent=1) + "\n"
