"""Alert routing by the labels `severity`, `team` and `notify`, and by the configured channels."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..settings import Settings

TEMPLATES: Final = ("otelgate.tmpl", "links.tmpl")
"""Files next to the configuration: the message template, and the base addresses of its links."""

TEAMS: Final = ("platform", "ai", "product")

_SERVICE: Final = ("service_name", "deployment_environment_name")


@dataclass(frozen=True)
class Routing:
    """grafana/rendered/routing.json, which grafana/otelgate_grafana/alerts/routing.py makes and explains."""

    receivers: Mapping[str, Sequence[str]]
    default: str
    routes: Sequence[tuple[str, str, str]]
    inhibitions: Sequence[Mapping[str, Any]]


@cache
def routing(root: Path) -> Routing:
    """That of the repository at `root`."""
    return Routing(**json.loads((root / "grafana" / "rendered" / "routing.json").read_text()))


@dataclass(frozen=True)
class Given:
    """The settings, their secrets (name of a file -> its text), and where Alertmanager finds these files."""

    settings: Settings
    secrets: Mapping[str, str]
    place: Path

    @property
    def routing(self) -> Routing:
        return routing(self.settings.root)

    def channels(self, receiver: str) -> tuple[str, ...]:
        """Those of a receiver that are set; where none is, Slack or else e-mail: better there than nowhere."""
        there = {name for name in ("pagerduty", "slack") if name in self.secrets}
        there |= {"email"} if self.settings.smtp_host else set()
        wanted = self.routing.receivers[receiver]
        found = tuple(channel for channel in wanted if channel in there)
        return found or (tuple(other for other in ("slack", "email") if other in there)[:1] if wanted else ())

    def teams(self, receiver: str) -> list[str]:
        """Teams that have a webhook or a key of their own."""
        channels = self.channels(receiver)
        return [team for team in TEAMS if any(f"{channel}_{team}" in self.secrets for channel in channels)]

    def file(self, channel: str, team: str) -> str:
        own = f"{channel}_{team}"
        return str(self.place / (own if own in self.secrets else channel))

    def words(self, channels: Iterable[str]) -> str:
        told = {
            "pagerduty": "PagerDuty",
            "slack": f"Slack {self.settings.slack_channel}",
            "email": f"mail {self.settings.smtp_to}",
        }
        return " and ".join(told[channel] for channel in channels) or "no receiver"


def config(given: Given) -> dict[str, Any]:
    """alertmanager.yml."""
    return {
        "templates": [str(given.place / name) for name in TEMPLATES],
        "route": {
            "receiver": given.routing.default,
            "group_by": ["alertname", *_SERVICE],
            "group_wait": "5s",
            # How long a second target of the same alert waits, if the first was just told: it is to be known in
            # 2 minutes as well.
            "group_interval": "30s",
            "repeat_interval": "4h",
            "routes": [*_routes(given), *_team_routes(given.routing.default, given)],
        },
        "inhibit_rules": [_inhibition(**row) for row in given.routing.inhibitions],
        "receivers": [
            _receiver(given, name, team) for name in given.routing.receivers for team in ("", *given.teams(name))
        ],
    }


def _routes(given: Given) -> Iterator[dict[str, Any]]:
    for label, value, receiver in given.routing.routes:
        route: dict[str, Any] = {"matchers": [f'{label}="{value}"'], "receiver": receiver}
        if receiver == "none":
            # Watchdog: a dead man's switch expects it every minute.
            route |= {"group_interval": "1m", "repeat_interval": "1m"}
        teams = list(_team_routes(receiver, given))
        yield route | ({"routes": teams} if teams else {})


def _team_routes(receiver: str, given: Given) -> Iterator[dict[str, Any]]:
    for team in given.teams(receiver):
        yield {"matchers": [f'team="{team}"'], "receiver": f"{receiver}/{team}"}


def _receiver(given: Given, name: str, team: str) -> dict[str, Any]:
    receiver: dict[str, Any] = {"name": f"{name}/{team}" if team else name}
    for channel in given.channels(name):
        receiver[f"{channel}_configs"] = [_MAKERS[channel](given, team)]
    if "webhook" in given.secrets:
        receiver["webhook_configs"] = [{"url_file": str(given.place / "webhook"), "send_resolved": True}]
    return receiver


def _slack(given: Given, team: str) -> dict[str, Any]:
    # A team's own webhook leads to its own channel.
    channel = {} if f"slack_{team}" in given.secrets else {"channel": given.settings.slack_channel}
    return channel | {
        "api_url_file": given.file("slack", team),
        "send_resolved": True,
        "username": "otelgate",
        "color": '{{ template "otelgate.slack.color" . }}',
        "title": '{{ template "otelgate.slack.title" . }}',
        "title_link": '{{ template "otelgate.alerts_url" . }}',
        "fallback": '{{ template "otelgate.slack.title" . }}',
        "text": '{{ template "otelgate.slack.text" . }}',
    }


def _pagerduty(given: Given, team: str) -> dict[str, Any]:
    """Alertmanager makes the key by which PagerDuty knows an incident (`dedup_key`) from the group."""
    links = [{"href": '{{ template "otelgate.group_dashboard" . }}', "text": "Dashboard"}]
    if given.settings.runbooks_url:
        links.append({"href": '{{ template "otelgate.group_runbook" . }}', "text": "Runbook"})
    return {
        "routing_key_file": given.file("pagerduty", team),
        "url": given.settings.pagerduty_url,
        "send_resolved": True,
        "severity": '{{ template "otelgate.pagerduty.severity" . }}',
        "description": '{{ template "otelgate.summary" . }}',
        "client": "otelgate",
        "client_url": '{{ template "otelgate.alerts_url" . }}',
        "class": "{{ .CommonLabels.alertname }}",
        "component": "{{ .CommonLabels.service_name }}",
        "group": "{{ .CommonLabels.team }}",
        # Alertmanager has these four, with all labels in them, unless they are set.
        "details": {
            "firing": '{{ template "otelgate.text" . }}',
            "resolved": "",
            "num_firing": "{{ len .Alerts.Firing }}",
            "num_resolved": "{{ len .Alerts.Resolved }}",
        },
        "links": links,
    }


def _email(given: Given, team: str) -> dict[str, Any]:
    settings = given.settings
    user = {
        "auth_username": settings.smtp_user,
        "auth_password_file": str(given.place / "smtp_password"),
    }
    return (user if settings.smtp_user else {}) | {
        "to": settings.smtp_to,
        "from": settings.smtp_from,
        "smarthost": settings.smtp_host,
        "require_tls": settings.smtp_require_tls,
        "send_resolved": True,
        "headers": {"Subject": '{{ template "otelgate.title" . }}'},
        "html": "",
        "text": '{{ template "otelgate.text" . }}',
    }


_MAKERS: Final = {"pagerduty": _pagerduty, "slack": _slack, "email": _email}


def _inhibition(source: str, targets: Sequence[str], equal: Sequence[str], only: str) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname="{source}"', *([only] if only else [])],
        "target_matchers": [f'alertname=~"{"|".join(targets)}"'],
        "equal": list(equal),
    }
