"""Alertmanager's configuration, written from the settings when the stack starts: it expands no environment variables.

Who hears of an alert follows from its labels `severity`, `team` and `notify`; docs/alerting.md tells it to people.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from . import state
from .errors import SettingsError
from .settings import PREFIX, Settings

CONFIG: Final = "alertmanager.yml"
TEMPLATE: Final = "otelgate.tmpl"
LINKS: Final = "links.tmpl"

TEAMS: Final = ("platform", "ai", "product")

RECEIVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "pagerduty-slack": ("pagerduty", "slack"),
    "slack": ("slack",),
    "slack-email": ("slack", "email"),
    "email": ("email",),
    "nobody": (),
}
"""Receiver -> by what. They are the same whatever is set; what is not set is left out of them."""

_ROUTES: Final = (
    ("notify", "none", "nobody"),
    ("notify", "slack", "slack"),
    ("notify", "slack-email", "slack-email"),
    ("notify", "email", "email"),
    ("severity", "critical", "pagerduty-slack"),
)
"""Label, value, receiver; the first that holds decides. All others go to `slack`."""

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
    # What is down fails, is slow, is asked nothing and sends nothing. What it has spent or lost is told all the same.
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
    # Without a gateway nobody is heard.
    ("GatewayAbsent", ("TelemetryAbsent", "AuditSinkAbsent", "LowTraffic", "NoQueries", "NoReservations"), ()),
)
"""While the first fires, the others are silent where they agree in these labels."""


def render(settings: Settings, folder: Path, *, inside: Path | None = None) -> list[Path]:
    """Write everything that Alertmanager reads into `folder`, for this user only; returns the files.

    The configuration names its files below `inside`: the folder as Alertmanager sees it, if that is another one.
    Raises SettingsError.
    """
    given = _Given(settings, _secrets(settings), inside or folder)
    texts = {
        CONFIG: _text(_config(given)),
        TEMPLATE: (settings.root / "compose" / "alertmanager" / TEMPLATE).read_text(),
        LINKS: _links(settings),
        **given.secrets,
    }
    state.make_folder(folder)
    for stale in folder.iterdir():
        if stale.name not in texts:  # a secret that is set no more
            stale.unlink()
    return [_write(folder / name, text) for name, text in texts.items()]


def describe(settings: Settings) -> list[str]:
    """Who will hear of alerts, for `make up`. Raises SettingsError."""
    given = _Given(settings, _secrets(settings), Path())
    critical, others = given.channels("pagerduty-slack"), given.channels("slack")
    lines = ["alerts: nobody is told, they are only kept; docs/alerting.md connects Slack, PagerDuty, e-mail"]
    if critical:
        some = f"; of some {given.words(('email',))}, too" if settings.smtp_host and "email" not in others else ""
        lines = [f"alerts: critical ones to {given.words(critical)}; others to {given.words(others)}{some}"]
    if settings.alert_webhook_url:
        lines.append("alerts: every notification goes to OTELGATE_ALERT_WEBHOOK_URL, too")
    return lines


@dataclass(frozen=True)
class _Given:
    """The settings, their secrets (name of a file -> its text), and where Alertmanager finds these files."""

    settings: Settings
    secrets: Mapping[str, str]
    place: Path

    def channels(self, receiver: str) -> tuple[str, ...]:
        """Those of a receiver that are set; where none is, Slack or else e-mail: better there than nowhere."""
        there = {name for name in ("pagerduty", "slack") if name in self.secrets}
        there |= {"email"} if self.settings.smtp_host else set()
        wanted = RECEIVERS[receiver]
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
        return " and ".join(told[channel] for channel in channels) or "nobody"


# --- secrets ----------------------------------------------------------------------------------------------------------


def _secrets(settings: Settings) -> dict[str, str]:
    """Names of files in Alertmanager's folder, and what is in them: `slack`, and `slack_ai` of a team of its own."""
    found: dict[str, str] = {}
    if settings.slack_webhook_file:
        found |= _by_team(
            "slack", settings.slack_webhook_file, "slack_webhook_file", r"https?://\S+", "a webhook's URL"
        )
    if settings.pagerduty_key_file:
        key = "an integration key"
        found |= _by_team("pagerduty", settings.pagerduty_key_file, "pagerduty_key_file", r"\w+", key)
    _check_mail(settings)
    if settings.smtp_password_file:
        found["smtp_password"] = _read(settings.smtp_password_file, "smtp_password_file")
    if settings.alert_webhook_url:
        found["webhook"] = settings.alert_webhook_url  # such URLs are secrets themselves
    return found


def _check_mail(settings: Settings) -> None:
    together = (("smtp_host", "smtp_to"), ("smtp_to", "smtp_host"))
    for one, other in (*together, ("smtp_user", "smtp_password_file"), ("smtp_password_file", "smtp_user")):
        if getattr(settings, one) and not getattr(settings, other):
            raise SettingsError(f"{_env(other)}='': expected a value, since {_env(one)} has one")


def _by_team(channel: str, path: Path, field: str, pattern: str, what: str) -> dict[str, str]:
    """`channel` for all teams, `channel_team` for those that have a line of their own."""
    found = {}
    for line in _read(path, field).splitlines():
        match = re.fullmatch(rf"(?:({'|'.join(TEAMS)}):\s*)?({pattern})", line.strip())
        if match is None:
            raise SettingsError(f"{_env(field)}='{path}': expected {what} in it, or {_lines(what)}")
        found[channel + (f"_{match[1]}" if match[1] else "")] = match[2]
    if channel not in found:
        raise SettingsError(f"{_env(field)}='{path}': expected a line without a team, for all other alerts")
    return found


def _lines(what: str) -> str:
    return f"lines with {what}, those of one team beginning with " + ", ".join(f"`{team}: `" for team in TEAMS)


def _read(path: Path, field: str) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"{_env(field)}='{path}': expected a file that can be read: {reason}") from None
    if not text:
        raise SettingsError(f"{_env(field)}='{path}': expected a secret in it, it is empty")
    return text


def _env(field: str) -> str:
    return PREFIX + field.upper()


# --- the configuration ------------------------------------------------------------------------------------------------


def _config(given: _Given) -> dict[str, Any]:
    return {
        "templates": [str(given.place / TEMPLATE), str(given.place / LINKS)],
        "route": {
            "receiver": "slack",
            "group_by": ["alertname", *_SERVICE],
            "group_wait": "5s",
            # How long a second target of the same alert waits, if the first was just told: it is to be known in
            # 2 minutes as well.
            "group_interval": "30s",
            "repeat_interval": "4h",
            "routes": [*_routes(given), *_of_teams("slack", given)],
        },
        "inhibit_rules": [_inhibition(*row) for row in INHIBITIONS],
        "receivers": [_receiver(given, name, team) for name in RECEIVERS for team in ("", *given.teams(name))],
    }


def _routes(given: _Given) -> Iterator[dict[str, Any]]:
    for label, value, receiver in _ROUTES:
        route: dict[str, Any] = {"matchers": [f'{label}="{value}"'], "receiver": receiver}
        if receiver == "nobody":
            # Watchdog: what waits for it wants it every minute.
            route |= {"group_interval": "1m", "repeat_interval": "1m"}
        teams = list(_of_teams(receiver, given))
        yield route | ({"routes": teams} if teams else {})


def _of_teams(receiver: str, given: _Given) -> Iterator[dict[str, Any]]:
    for team in given.teams(receiver):
        yield {"matchers": [f'team="{team}"'], "receiver": f"{receiver}/{team}"}


def _receiver(given: _Given, name: str, team: str) -> dict[str, Any]:
    receiver: dict[str, Any] = {"name": f"{name}/{team}" if team else name}
    for channel in given.channels(name):
        receiver[f"{channel}_configs"] = [_MAKERS[channel](given, team)]
    if "webhook" in given.secrets:
        receiver["webhook_configs"] = [{"url_file": str(given.place / "webhook"), "send_resolved": True}]
    return receiver


def _slack(given: _Given, team: str) -> dict[str, Any]:
    # A team's own webhook leads to a channel of its own.
    channel = {} if f"slack_{team}" in given.secrets else {"channel": given.settings.slack_channel}
    return channel | {
        "api_url_file": given.file("slack", team),
        "send_resolved": True,
        "username": "otelgate",
        "color": '{{ template "otelgate.slack.color" . }}',
        "title": '{{ template "otelgate.title" . }}',
        "title_link": '{{ template "otelgate.alerts_url" . }}',
        "fallback": '{{ template "otelgate.title" . }}',
        "text": '{{ template "otelgate.slack.text" . }}',
    }


def _pagerduty(given: _Given, team: str) -> dict[str, Any]:
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


def _email(given: _Given, team: str) -> dict[str, Any]:
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


def _inhibition(source: str, targets: tuple[str, ...], equal: tuple[str, ...]) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname="{source}"'],
        "target_matchers": [f'alertname=~"{"|".join(targets)}"'],
        "equal": list(equal),
    }


def _links(settings: Settings) -> str:
    """Where the paths in the alerts' annotations begin, for the template; JSON's strings are Go's as well."""
    runbooks = f"{settings.runbooks_url.rstrip('/')}/" if settings.runbooks_url else ""
    pairs = {"otelgate.grafana_url": settings.grafana_url.rstrip("/"), "otelgate.runbooks_url": runbooks}
    return "".join(
        f'{{{{ define "{name}" }}}}{{{{ {json.dumps(url)} }}}}{{{{ end }}}}\n' for name, url in pairs.items()
    )


def _text(tree: dict[str, Any]) -> str:
    header = "# Written by the stack when it starts, from its settings: do not edit.\n"
    return header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000)


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # one that was there keeps its mode otherwise
        file.write(text)
    return path
