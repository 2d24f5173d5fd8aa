"""Data classes of alerts, recording rules and their tests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote_plus

Severity = Literal["critical", "warning", "info"]
Team = Literal["platform", "ai", "product"]
Notify = Literal["", "slack", "slack-email", "email", "none"]
Receiver = Literal["pagerduty-slack", "slack", "slack-email", "email", "none"]
Channel = Literal["pagerduty", "slack", "email"]

BY: Final = "service_name, deployment_environment_name"
"""The labels that identify a service in rules: the same application in staging is another service."""


@dataclass(frozen=True)
class Expected:
    """One firing alert of a case. `value` is how the annotations show the expression's value."""

    labels: Mapping[str, str]
    value: str = ""


@dataclass(frozen=True)
class Case:
    """Prometheus' series (promtool's notation, a value every `step`), and the alerts that fire at time `at`.

    `why` says why a quiet case does not fire.
    """

    series: Mapping[str, str]
    at: str
    expect: tuple[Expected, ...] = ()
    why: str = ""
    step: str = "30s"


@dataclass(frozen=True)
class Silencing:
    """Labels in which an alert must agree with those that it silences; `only`: a matcher of its own labels."""

    equal: tuple[str, ...] = ("service_name", "deployment_environment_name")
    only: str = ""


@dataclass(frozen=True)
class Alert:
    """One alert. Its runbook is grafana/runbooks/<name>.md; `fires` and `quiet` are its tests.

    `group`: one of those in rules.py; its alerts are evaluated together.
    `notify` overrides the receivers of the severity: slack, slack-email, email, or none. `silent_while` names the
    alerts that already report what this one would, or its cause; they silence it as their `silencing` says.
    Annotations may use `{{ $labels.x }}` (in an address `{{ $labels.x | urlquery }}`) and `{{ $value | humanize… }}`.
    """

    name: str
    group: str
    expr: str
    for_: str
    severity: Severity
    team: Team
    summary: str
    description: str
    dashboard: str
    fires: Case
    quiet: tuple[Case, ...]
    covers: tuple[str, ...] = ()
    notify: Notify = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    silent_while: tuple[str, ...] = ()
    silencing: Silencing = field(default_factory=Silencing)

    @property
    def rule_labels(self) -> dict[str, str]:
        """The labels that the rule adds to those of the expression."""
        notify = {"notify": self.notify} if self.notify else {}
        return {**self.labels, "severity": self.severity, "team": self.team, **notify}


@dataclass(frozen=True)
class Group:
    """Alerts that are evaluated together, every `interval`."""

    name: str
    alerts: tuple[Alert, ...]
    interval: str


@dataclass(frozen=True)
class Record:
    """One recording rule; `name` is level:metric:operations."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Records:
    """Recording rules that are evaluated one after the other."""

    name: str
    rules: tuple[Record, ...]
    interval: str = "1m"


def tidy(expr: str) -> str:
    """An expression without the indentation that the Python code gives it."""
    lines = [line.rstrip() for line in expr.strip("\n").splitlines()]
    indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return "\n".join(line[indent:] for line in lines).strip()


def expand(template: str, expected: Expected) -> str:
    """An annotation as Prometheus will write it for this alert."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: expected.labels.get(match[1], ""), template)
    encoded = r"\{\{ \$labels\.(\w+) \| urlquery \}\}"
    text = re.sub(encoded, lambda match: quote_plus(expected.labels.get(match[1], "")), text)
    return re.sub(r"\{\{ \$value(?: \| [^{}]+)? \}\}", lambda _: expected.value, text)
