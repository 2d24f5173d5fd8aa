"""Settings with receivers, whose secrets are in files below a folder."""

from pathlib import Path

from alert_inbox import Inbox
from otelgate_stack import ports, settings
from otelgate_stack.settings import Settings

SLACK = "https://hooks.slack.example/services/T0/B0/slack-secret"
PAGERDUTY = "0123456789abcdef0123456789abcdef"


def load(folder: Path, **given: str) -> Settings:
    """The stack's settings on free ports, with its state in `folder`; `given` without the prefix: `smtp_to="a@b"`."""
    own = {f"OTELGATE_{name.upper()}": value for name, value in given.items()}
    cache = str(settings.load().cache_dir)
    return settings.load(
        {**ports.free_env(), "OTELGATE_STATE_DIR": str(folder / "state"), "OTELGATE_CACHE_DIR": cache, **own}
    )


def secret(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def into(box: Inbox, folder: Path, *, slack: str, pagerduty: str, **given: str) -> Settings:
    """Settings by which Slack, PagerDuty and mail arrive in an inbox: `slack` and `pagerduty` are paths of it."""
    return load(
        folder,
        slack_webhook_file=secret(folder, "slack", box.url + slack),
        pagerduty_key_file=secret(folder, "pagerduty", "0123456789abcdef"),
        pagerduty_url=box.url + pagerduty,
        smtp_host=box.mail,
        smtp_user="watcher",
        smtp_password_file=secret(folder, "password", f"{box.password}\n"),
        smtp_require_tls="false",
        **given,
    )


def everything(folder: Path) -> dict[str, str]:
    """All receivers."""
    return {
        "slack_webhook_file": secret(folder, "slack", f"{SLACK}\n"),
        "pagerduty_key_file": secret(folder, "pagerduty", f"{PAGERDUTY}\n"),
        "smtp_host": "mail.example:587",
        "smtp_to": "ops@example.org, ceo@example.org",
        "smtp_user": "watcher",
        "smtp_password_file": secret(folder, "password", "mail-secret\n"),
        "alert_webhook_url": "https://switch.example/ping/webhook-secret",
        "runbooks_url": "https://code.example/otelgate/blob/main",
        "grafana_url": "https://grafana.example/",
    }
