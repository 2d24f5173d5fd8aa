"""Alertmanager's configuration, written from the settings when the stack starts: it expands no environment variables.

docs/how-to/alerting.md explains its use; alert_routes.py makes the routes.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import yaml

from .. import state
from ..errors import SettingsError
from ..settings import PREFIX, Settings
from .alert_routes import TEAMS, TEMPLATES, Given, config

CONFIG: Final = "alertmanager.yml"
_TEMPLATE, _LINKS = TEMPLATES


def render(settings: Settings, folder: Path, *, inside: Path | None = None) -> list[Path]:
    """Write everything that Alertmanager reads into `folder`, for this user only; returns the files.

    The configuration names its files below `inside`: the folder as Alertmanager sees it, if that is another one.
    Raises SettingsError.
    """
    given = Given(settings, _secrets(settings), inside or folder)
    texts = {
        CONFIG: _text(config(given)),
        _TEMPLATE: (settings.root / "compose" / "alertmanager" / _TEMPLATE).read_text(),
        _LINKS: _links(settings),
        **given.secrets,
    }
    state.make_folder(folder)
    for stale in folder.iterdir():
        if stale.name not in texts:  # a secret that is set no more
            stale.unlink()
    return [_write(folder / name, text) for name, text in texts.items()]


def describe(settings: Settings) -> list[str]:
    """The configured receivers of alerts, for `make up`. Raises SettingsError."""
    given = Given(settings, _secrets(settings), Path())
    critical, others = given.channels("pagerduty-slack"), given.channels("slack")
    lines = [
        "alerts: no receiver is set, they are only kept; docs/how-to/alerting.md connects Slack, PagerDuty, e-mail"
    ]
    if critical:
        some = f"; of some {given.words(('email',))}, too" if settings.smtp_host and "email" not in others else ""
        lines = [f"alerts: critical ones to {given.words(critical)}; others to {given.words(others)}{some}"]
    if settings.alert_webhook_url:
        lines.append("alerts: every notification goes to OTELGATE_ALERT_WEBHOOK_URL, too")
    return lines


def _secrets(settings: Settings) -> dict[str, str]:
    """Names of files in Alertmanager's folder, and what is in them: `slack`, and `slack_ai` of the AI team alone."""
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


def _links(settings: Settings) -> str:
    """Base addresses of the paths in the alerts' annotations, for the template; JSON's strings are also Go's."""
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
