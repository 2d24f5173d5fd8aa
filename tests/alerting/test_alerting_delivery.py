"""Alerts as Prometheus sends them, through a real Alertmanager, to Slack, PagerDuty, a webhook and a mailbox."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from alert_inbox import Inbox, Message, inbox
from alerting_manager import START, Manager, fired, running
from alerting_settings import into

pytestmark = pytest.mark.starts

GRAFANA = "https://grafana.example"
RUNBOOKS = "https://code.example/blob/main/grafana/runbooks"
SLACK, PAGERDUTY, WEBHOOK, MAIL = "/slack", "/pagerduty", "/webhook", "ops@example.org"
SINCE = f"{START:%Y-%m-%d %H:%M:%S} UTC"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"

FIRED = (
    "TtftCritical",
    "LlmAvailabilityLow",
    "HttpErrorRatioSustained",
    "TurnErrorRatioCritical",
    "CostHourHigh",
    "Watchdog",
)
OVER = ("TtftCritical", "CostHourHigh")


@dataclass(frozen=True)
class Room:
    manager: Manager
    inbox: Inbox


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("alerting")
    with inbox() as box:
        own = into(
            box,
            folder,
            slack=SLACK,
            pagerduty=PAGERDUTY,
            smtp_to=MAIL,
            alert_webhook_url=box.url + WEBHOOK,
            grafana_url=GRAFANA,
            runbooks_url="https://code.example/blob/main",
        )
        with running(own, folder) as manager:
            # They began long ago, so each group is notified immediately, and again when alerts are added or resolved.
            manager.send(
                *(fired(name) for name in FIRED), {"labels": {"alertname": "OfYours", "notify": "slack-email"}}
            )
            manager.send(*(fired("ServiceDown", instance=f"http://{host}/health") for host in ("a", "b")))
            for path, name in ((PAGERDUTY, "TtftCritical"), (SLACK, "TtftCritical"), (MAIL, "CostHourHigh")):
                box.wait(path, Tells(name))
            manager.send(*(fired(name, ended=True) for name in OVER))
            yield Room(manager, box)


@dataclass(frozen=True)
class Tells:
    """Whether a message tells of an alert, that it fires or that it is over."""

    alert: str
    resolved: bool = False

    def __call__(self, message: Message) -> bool:
        body = message.body
        if message.path == WEBHOOK:
            state = "resolved" if self.resolved else "firing"
            return bool(body["status"] == state and body["groupLabels"]["alertname"] == self.alert)
        if message.path == SLACK:
            (attachment,) = body["attachments"]
            return self.alert in attachment["text"] and self.resolved == attachment["title"].startswith("RESOLVED")
        if message.path == PAGERDUTY:
            return bool(body["payload"]["class"] == self.alert and (body["event_action"] == "resolve") == self.resolved)
        return self.alert in body and self.resolved == message.subject.startswith("RESOLVED")


@pytest.mark.shows("F16")
def test_slack(room: Room) -> None:
    message = room.inbox.wait(SLACK, Tells("TtftCritical"))
    url = f"{room.manager.url}/#/alerts?filter=%7Bservice_name%3D%22bestbox%22%7D"
    assert message.body["channel"] == "#alerts"
    (attachment,) = message.body["attachments"]
    assert attachment["title"] == "CRITICAL: " + fired("TtftCritical")["annotations"]["summary"]
    assert (attachment["color"], attachment["title_link"]) == ("danger", url)
    assert attachment["text"].splitlines() == [
        fired("TtftCritical")["annotations"]["description"].replace(">", "&gt;"),
        f"TtftCritical, critical, team ai, service bestbox, since {SINCE}",
        f"<{GRAFANA}/d/otelgate-agent-performance?var-service=bestbox|Dashboard> · Runbook: {RUNBOOKS}/TtftCritical.md",
        f"<{url}|What else fires> · <{room.manager.url}/#/silences/new?filter=%7Balertname%3D%22TtftCritical%22"
        "%2Cservice_name%3D%22bestbox%22%7D|Silence it>",
    ]


@pytest.mark.shows("F16")
def test_pagerduty(room: Room) -> None:
    event = room.inbox.wait(PAGERDUTY, Tells("TtftCritical")).body
    assert (event["routing_key"], event["event_action"]) == ("0123456789abcdef", "trigger")
    assert event["payload"]["summary"] == fired("TtftCritical")["annotations"]["summary"]
    assert {name: event["payload"][name] for name in ("severity", "class", "component", "group")} == {
        "severity": "critical",
        "class": "TtftCritical",
        "component": "bestbox",
        "group": "ai",
    }
    assert {link["text"]: link["href"] for link in event["links"]} == {
        "Dashboard": f"{GRAFANA}/d/otelgate-agent-performance?var-service=bestbox",
        "Runbook": f"{RUNBOOKS}/TtftCritical.md",
    }
    assert fired("TtftCritical")["annotations"]["description"] in event["payload"]["custom_details"]["firing"]


@pytest.mark.shows("F16", "K40")
def test_mail(room: Room) -> None:
    message = room.inbox.wait(MAIL, Tells("CostHourHigh"))
    cost = fired("CostHourHigh")["annotations"]
    assert message.subject == f"WARNING: {cost['summary']}"
    assert message.body.strip() == "\n".join(
        [
            cost["summary"],
            cost["description"],
            "",
            "alert:     CostHourHigh, warning, team ai, service estate-bot",
            "where:     deployment_environment_name production",
            f"since:     {SINCE}",
            f"dashboard: {GRAFANA}{cost['dashboard_url']}",
            f"runbook:   {RUNBOOKS}/CostHourHigh.md",
            "",
            f"What else fires: {room.manager.url}/#/alerts?filter=%7Bservice_name%3D%22estate-bot%22%7D",
            f"Silence it: {room.manager.url}/#/silences/new?filter=%7Balertname%3D%22CostHourHigh%22"
            "%2Cservice_name%3D%22estate-bot%22%7D",
        ]
    )
    room.inbox.wait(SLACK, Tells("CostHourHigh"))


def test_an_alert_without_texts(room: Room) -> None:
    """A user's own rule may have only a name."""
    url = f"{room.manager.url}/#/alerts"
    all_of_it = rf"OfYours\n\nalert:     OfYours\nsince:     {MOMENT}\n\nWhat else fires: {url}\nSilence it: .*\n"
    message = room.inbox.wait(MAIL, Tells("OfYours"))
    assert message.subject == "FIRING: OfYours"
    assert re.fullmatch(all_of_it, message.body.rstrip("\n") + "\n")
    (attachment,) = room.inbox.wait(SLACK, Tells("OfYours")).body["attachments"]
    assert attachment["title"] == "FIRING: OfYours"
    assert re.match(rf"OfYours, since {MOMENT}\n\n<{url}\|What else fires>", attachment["text"])


def test_a_group_is_one_message(room: Room) -> None:
    # Two targets of the same service; the group's next notification has both.
    both = "CRITICAL: osool does not answer its health check (api) (and others, 2 in all)"
    message = room.inbox.wait(SLACK, lambda message: message.body["attachments"][0]["title"] == both)
    (attachment,) = message.body["attachments"]
    text = attachment["text"]
    assert len(re.findall(r"^\*osool does not answer", text, re.MULTILINE)) == 2
    assert text.count(f"since {SINCE}") == 2
    assert len({m.body["dedup_key"] for m in room.inbox.to(PAGERDUTY) if Tells("ServiceDown")(m)}) == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("LlmAvailabilityLow", marks=pytest.mark.shows("L3")),
        pytest.param("HttpErrorRatioSustained", marks=pytest.mark.shows("L7")),
        pytest.param("TurnErrorRatioCritical", marks=pytest.mark.shows("L10")),
    ],
)
def test_alerts_that_wait_too_long_for_a_fault_are_delivered(name: str, room: Room) -> None:
    """That they fire, promtool shows; here, that who should hear of it does."""
    for path in (SLACK, PAGERDUTY, WEBHOOK):
        room.inbox.wait(path, Tells(name))
    (alert,) = room.inbox.wait(WEBHOOK, Tells(name)).body["alerts"]
    assert (alert["labels"], alert["annotations"]) == (fired(name)["labels"], fired(name)["annotations"])


def test_watchdog_goes_to_the_dead_mans_switch_alone(room: Room) -> None:
    room.inbox.wait(WEBHOOK, Tells("Watchdog"))
    room.inbox.wait(MAIL, Tells("CostHourHigh"))  # what was sent with it has arrived meanwhile
    for path in (SLACK, PAGERDUTY, MAIL):
        assert not any(Tells("Watchdog")(message) for message in room.inbox.to(path))


@pytest.mark.shows("F16")
def test_resolved_alerts_go_to_the_same_receivers(room: Room) -> None:
    opened = room.inbox.wait(PAGERDUTY, Tells("TtftCritical"))
    closed = room.inbox.wait(PAGERDUTY, Tells("TtftCritical", resolved=True))
    assert closed.body["dedup_key"] == opened.body["dedup_key"]
    (attachment,) = room.inbox.wait(SLACK, Tells("TtftCritical", resolved=True)).body["attachments"]
    assert attachment["color"] == "good"
    until = f"{START + timedelta(minutes=6):%Y-%m-%d %H:%M:%S} UTC"
    (first, *_) = attachment["text"].splitlines()
    assert first == f"TtftCritical, critical, team ai, service bestbox: lasted 6m 0s, until {until}"
    mail = room.inbox.wait(MAIL, Tells("CostHourHigh", resolved=True))
    assert mail.subject == f"RESOLVED: {fired('CostHourHigh')['annotations']['summary']}"
    assert f"lasted:    6m 0s, until {until}" in mail.body
    assert "Silence it" not in mail.body
