"""Alertmanager's configuration: who hears of which alert, where the secrets are, what is refused."""

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerting_settings import PAGERDUTY, SLACK, everything, load, secret
from otelgate_audit.process.telemetry import INTERVAL_S
from otelgate_grafana.alerts import render, routing
from otelgate_grafana.alerts.model import Alert
from otelgate_grafana.alerts.rules import ALERTS, GROUPS
from otelgate_stack import settings
from otelgate_stack.build import builds
from otelgate_stack.config import alerting, monitoring
from otelgate_stack.errors import SettingsError
from otelgate_stack.report import Report

PROMISED = {
    "PagerDuty and Slack": ("pagerduty-slack", {"pagerduty", "slack"}),
    "Slack": ("slack", {"slack"}),
    "Slack and e-mail": ("slack-email", {"slack", "email"}),
    "e-mail": ("email", {"email"}),
    "none": ("none", set()),
}
"""The receivers in the alerts' documentation -> the receiver, and its channels."""

BY_NAME = {alert.name: alert for alert in ALERTS}


@pytest.fixture(scope="session")
def amtool() -> Path:
    return builds.build(["amtool"], settings.load(), Report())["amtool"]


def rendered(folder: Path, **given: str) -> Any:
    return yaml.safe_load(alerting.render(load(folder, **given), folder / "config")[0].read_text())


def channels(config: Any) -> dict[str, set[str]]:
    return {
        receiver["name"]: {key.removesuffix("_configs") for key in receiver if key != "name"}
        for receiver in config["receivers"]
    }


def labels(alert: Alert) -> dict[str, str]:
    """Those of the first alert of its test, as it reaches Alertmanager."""
    return {"alertname": alert.name, **alert.fires.expect[0].labels, **alert.rule_labels}


def routed(amtool: Path, config: Path, given: dict[str, str]) -> str:
    pairs = [f"{name}={json.dumps(value)}" for name, value in given.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={config}", *pairs]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("given", ["nothing", "everything", "teams", "slack", "mail"])
def test_amtool_takes_it(given: str, amtool: Path, tmp_path: Path) -> None:
    own = everything(tmp_path)
    teams = {
        "slack_webhook_file": secret(tmp_path, "teams", f"{SLACK}\nai: {SLACK}-ai\nproduct:{SLACK}-product\n"),
        "pagerduty_key_file": secret(tmp_path, "keys", f"{PAGERDUTY}\nai: 0123\n"),
    }
    some = {
        "nothing": {},
        "everything": own,
        "teams": {**own, **teams},
        "slack": {"slack_webhook_file": own["slack_webhook_file"]},
        "mail": {"smtp_host": own["smtp_host"], "smtp_to": own["smtp_to"]},
    }[given]
    config = alerting.render(load(tmp_path, **some), tmp_path / "config")[0]
    done = subprocess.run([amtool, "check-config", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 templates" in done.stdout


@pytest.mark.shows("F16", "K40")
def test_every_alert_goes_where_its_documentation_says(amtool: Path, tmp_path: Path) -> None:
    config = alerting.render(load(tmp_path, **everything(tmp_path)), tmp_path / "config")[0]
    found = {alert.name: routed(amtool, config, labels(alert)) for alert in ALERTS}
    assert found == {alert.name: PROMISED[routing.words(alert)][0] for alert in ALERTS}
    assert set(found.values()) == set(routing.RECEIVERS)  # each of them is used


def test_intervals_leave_time_for_notification(tmp_path: Path) -> None:
    """From fault to notification, as intervals add up at worst: a minute besides the rule's own, or 2 minutes in all
    where a probe or a count of the sink detects the fault. Measured times: tests/e2e/test_alert_delivery.py.
    """
    route = rendered(tmp_path)["route"]
    waits = {
        # An evaluation sees that the condition holds, a last one that it held for long enough.
        alert.name: 2 * render.seconds(group.interval) + render.seconds(route["group_wait"])
        for group in GROUPS
        for alert in group.alerts
        if alert.severity == "critical"
    }
    assert {name: wait for name, wait in waits.items() if wait > 60} == {}
    probed = sum(render.seconds(each) for each in (monitoring.PROBE_INTERVAL, monitoring.PROBE_TIMEOUT))
    counted = 2 * INTERVAL_S  # the sink counts, then sends
    for name, seen in (("ServiceDown", probed), ("DatabaseDown", probed), ("SessionsOverload", counted)):
        in_all = seen + render.seconds(BY_NAME[name].for_) + waits[name]
        assert in_all < 120, f"{name}: {in_all} s"
    for name in ("ServiceDown", "DatabaseDown"):  # a second target, just after the first notification
        waited = waits[name] - render.seconds(route["group_wait"]) + render.seconds(route["group_interval"])
        assert probed + render.seconds(BY_NAME[name].for_) + waited < 120, name


def test_receivers_have_their_channels(tmp_path: Path) -> None:
    found = channels(rendered(tmp_path, **everything(tmp_path)))
    assert found == {name: {*by, "webhook"} for name, by in PROMISED.values()}


def test_unset_channels_are_left_out(tmp_path: Path) -> None:
    own = everything(tmp_path)
    slack = {"slack_webhook_file": own["slack_webhook_file"]}
    mail = {"smtp_host": own["smtp_host"], "smtp_to": own["smtp_to"]}
    pager = {"pagerduty_key_file": own["pagerduty_key_file"]}
    silent = {name: set[str]() for name in routing.RECEIVERS}

    def everybody(channel: str) -> dict[str, set[str]]:
        return {name: set() if name == "none" else {channel} for name in silent}

    assert channels(rendered(tmp_path)) == silent
    # Every configured channel gets it, even if it was meant for another one.
    assert channels(rendered(tmp_path, **slack)) == everybody("slack")
    assert channels(rendered(tmp_path, **mail)) == everybody("email")
    # But an alert that must not page does not page.
    assert channels(rendered(tmp_path, **pager)) == {**silent, "pagerduty-slack": {"pagerduty"}}


def test_teams_with_a_channel_of_their_own(amtool: Path, tmp_path: Path) -> None:
    own = everything(tmp_path)
    own["slack_webhook_file"] = secret(tmp_path, "teams", f"{SLACK}\nai: {SLACK}-ai\n")
    config = alerting.render(load(tmp_path, **own), tmp_path / "config")[0]
    names = ("TtftCritical", "TtftHigh", "CostHourHigh", "CostDayHigh", "ServiceDown", "NoQueries", "Watchdog")
    assert {name: routed(amtool, config, labels(BY_NAME[name])) for name in names} == {
        "TtftCritical": "pagerduty-slack/ai",
        "TtftHigh": "slack/ai",
        "CostHourHigh": "slack-email/ai",
        "CostDayHigh": "email",
        "ServiceDown": "pagerduty-slack",
        "NoQueries": "slack",
        "Watchdog": "none",
    }
    receivers = {receiver["name"]: receiver for receiver in yaml.safe_load(config.read_text())["receivers"]}
    (slack,) = receivers["slack/ai"]["slack_configs"]
    assert Path(slack["api_url_file"]).read_text() == f"{SLACK}-ai"
    assert "channel" not in slack
    (slack,) = receivers["slack"]["slack_configs"]
    assert (Path(slack["api_url_file"]).read_text(), slack["channel"]) == (SLACK, "#alerts")
    (pagerduty,) = receivers["pagerduty-slack/ai"]["pagerduty_configs"]
    assert Path(pagerduty["routing_key_file"]).read_text() == PAGERDUTY


@pytest.mark.shows("F23")
def test_secrets_are_in_files_of_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir(mode=0o755)
    (folder / "slack").write_text("of the last start, readable by all")
    (folder / "slack").chmod(0o644)
    (folder / "slack_ai").write_text("of a team that has none any more")
    files = alerting.render(load(tmp_path, **everything(tmp_path)), folder)
    assert set(files) == set(folder.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    held = {file.name: file.read_text() for file in files}
    assert {held["slack"], held["pagerduty"], held["smtp_password"]} == {SLACK, PAGERDUTY, "mail-secret"}
    for name in ("alertmanager.yml", "otelgate.tmpl", "links.tmpl"):
        assert not re.search(f"-secret|{PAGERDUTY}", held[name]), name


def test_paths_as_a_container_sees_them(tmp_path: Path) -> None:
    own = load(tmp_path, **everything(tmp_path))
    config, *_ = alerting.render(own, tmp_path / "config", inside=Path("/etc/alertmanager"))
    assert str(tmp_path) not in config.read_text()
    assert set(re.findall(r"/etc/alertmanager/(\S+)", config.read_text())) == {
        *("otelgate.tmpl", "links.tmpl", "slack", "pagerduty", "smtp_password", "webhook"),
    }


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"smtp_host": "mail.example:587"}, "OTELGATE_SMTP_TO='': expected a value, since OTELGATE_SMTP_HOST has one"),
        ({"smtp_to": "a@b"}, "OTELGATE_SMTP_HOST='': expected a value, since OTELGATE_SMTP_TO has one"),
        (
            {"smtp_host": "mail.example:25", "smtp_to": "a@b", "smtp_user": "u"},
            "OTELGATE_SMTP_PASSWORD_FILE='': expected a value, since OTELGATE_SMTP_USER has one",
        ),
        (
            {"smtp_host": "mail.example:25", "smtp_to": "a@b", "smtp_password_file": "{full}"},
            "OTELGATE_SMTP_USER='': expected a value, since OTELGATE_SMTP_PASSWORD_FILE has one",
        ),
        (
            {"slack_webhook_file": "{folder}/none"},
            "OTELGATE_SLACK_WEBHOOK_FILE='{folder}/none': expected a file that can be read: No such file or directory",
        ),
        (
            {"slack_webhook_file": "{empty}"},
            "OTELGATE_SLACK_WEBHOOK_FILE='{empty}': expected a secret in it, it is empty",
        ),
        (
            {"slack_webhook_file": "{full}"},
            "OTELGATE_SLACK_WEBHOOK_FILE='{full}': expected a webhook's URL in it, or lines with a webhook's URL,"
            " those of one team beginning with `platform: `, `ai: `, `product: `",
        ),
        (
            {"slack_webhook_file": "{team}"},
            "OTELGATE_SLACK_WEBHOOK_FILE='{team}': expected a line without a team, for all other alerts",
        ),
        (
            {"pagerduty_key_file": "{full}"},
            "OTELGATE_PAGERDUTY_KEY_FILE='{full}': expected an integration key in it, or lines with an integration key,"
            " those of one team beginning with `platform: `, `ai: `, `product: `",
        ),
    ],
)
def test_invalid_settings_are_refused(given: dict[str, str], error: str, tmp_path: Path) -> None:
    """No error shows what is in a file: it might be the secret."""
    places = {
        "folder": str(tmp_path),
        "empty": secret(tmp_path, "empty", "\n"),
        "full": secret(tmp_path, "full", "s e c r e t"),
        "team": secret(tmp_path, "team", f"ai: {SLACK}\n"),
    }
    own = load(tmp_path, **{name: value.format_map(places) for name, value in given.items()})
    for refuse in (lambda: alerting.render(own, tmp_path / "config"), lambda: alerting.describe(own)):
        with pytest.raises(SettingsError) as raised:
            refuse()
        assert str(raised.value) == error.format_map(places)
    assert not (tmp_path / "config").exists()


def test_describe_lists_the_receivers(tmp_path: Path) -> None:
    own = everything(tmp_path)
    mail = "mail ops@example.org, ceo@example.org"
    assert alerting.describe(load(tmp_path)) == [
        "alerts: no receiver is set, they are only kept; docs/how-to/alerting.md connects Slack, PagerDuty, e-mail"
    ]
    assert alerting.describe(load(tmp_path, **own)) == [
        f"alerts: critical ones to PagerDuty and Slack #alerts; others to Slack #alerts; of some {mail}, too",
        "alerts: every notification goes to OTELGATE_ALERT_WEBHOOK_URL, too",
    ]
    only_mail = {name: own[name] for name in ("smtp_host", "smtp_to")}
    assert alerting.describe(load(tmp_path, **only_mail)) == [f"alerts: critical ones to {mail}; others to {mail}"]
    only_pager = {"pagerduty_key_file": own["pagerduty_key_file"]}
    assert alerting.describe(load(tmp_path, **only_pager)) == [
        "alerts: critical ones to PagerDuty; others to no receiver"
    ]


def test_inhibitions_are_between_alerts_that_there_are() -> None:
    """And their labels are on both sides: what is missing on both counts as equal, and would silence too much."""
    assert {name for alert in ALERTS for name in alert.silent_while} <= set(BY_NAME)
    for source, targets, equal in routing.INHIBITIONS:
        for name in targets:
            assert name != source
            found = labels(BY_NAME[name])
            assert BY_NAME[source].severity == "critical" or BY_NAME[name].severity == "warning", name
            for label in equal:
                both = {label in found, label in labels(BY_NAME[source])}
                # Sessions are counted by the audit sink, for all environments of a service together.
                assert both == {True} or (source, label) == ("SessionsOverload", "deployment_environment_name"), (
                    source,
                    name,
                    label,
                )


def test_every_critical_sibling_silences_its_warning() -> None:
    inhibited = {(source, target) for source, targets, _ in routing.INHIBITIONS for target in targets}
    pairs = {("Critical", "High"), ("Overload", "High"), ("Sustained", "High"), ("Overrun", "High"), ("Fast", "Slow")}
    siblings = {
        (name, name.removesuffix(loud) + quiet)
        for name in BY_NAME
        for loud, quiet in pairs
        if name.endswith(loud) and name.removesuffix(loud) + quiet in BY_NAME
    }
    assert len(siblings) == 8
    assert siblings <= inhibited
