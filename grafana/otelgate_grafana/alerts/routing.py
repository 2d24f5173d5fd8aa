"""The receivers of alerts, and the alerts that are silent while another fires: rendered/routing.json, for the stack.

The stack (otelgate_stack.config.alert_routes) makes Alertmanager's configuration of it and of the channels that are
set.
"""

import json
from collections.abc import Mapping
from typing import Final

from .model import Alert, Channel, Receiver
from .rules import ALERTS

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

INHIBITIONS: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = tuple(
    (source.name, targets, source.silencing.equal)
    for source in ALERTS
    if (targets := tuple(alert.name for alert in ALERTS if source.name in alert.silent_while))
)
"""While the first fires, the others are silent where they agree in these labels: `silent_while` of the alerts."""


def receiver(alert: Alert) -> Receiver:
    """By the first route that the alert's own labels hold."""
    labels = alert.rule_labels
    return next((name for label, value, name in ROUTES if labels.get(label) == value), DEFAULT)


def words(alert: Alert) -> str:
    """The channels of the alert, as its documentation names them."""
    return " and ".join(_WORDS[channel] for channel in RECEIVERS[receiver(alert)]) or "none"


def text() -> str:
    """rendered/routing.json."""
    only = {alert.name: alert.silencing.only for alert in ALERTS}
    inhibitions = [
        {"source": source, "targets": targets, "equal": equal, "only": only[source]}
        for source, targets, equal in INHIBITIONS
    ]
    found = {"receivers": RECEIVERS, "default": DEFAULT, "routes": ROUTES, "inhibitions": inhibitions}
    return json.dumps(found, indent=1) + "\n"
