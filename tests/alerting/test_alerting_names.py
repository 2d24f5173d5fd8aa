"""Names that an application chose, in what a real Alertmanager sends: they are text, and neither link nor mention."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
import yaml
from alert_inbox import Inbox, Message, inbox
from alerting_manager import START, Manager, running
from alerting_settings import into

pytestmark = pytest.mark.starts

GRAFANA, RUNBOOKS = "https://grafana.example", "https://code.example/runbooks"
SLACK, PAGERDUTY, MAIL = "/slack", "/pagerduty", "ops@example.org"

NAMES = {
    "none": "shop",
    "mention": "<!channel> shop",
    "link": "<https://evil.example|Reset your password>",
    "out of the dashboard's link": "x|Dashboard> <https://evil.example|Runbook",
    "SQL in the dashboard's link": "x$q$ OR true OR service = $q$x",
    "mention of those here": "<!here|here> x",
    "mention of a person": "<@U012ABCDEF> x",
    "mention of a channel": "<#C012ABCDEF|general> x",
    "mention of a group": "<!subteam^S012ABCDEF|@team> x",
    "date": "<!date^1392734382^{date}^https://evil.example|soon>",
    "mail": "<mailto:a@evil.example|mail us>",
    "escaped before": "&lt;!channel&gt; &amp;lt; x",
    "half a link": "x> y < z",
    "lines like ours": "x\nRunbook: https://evil.example\r\nalert:     All, is, well",
    "other ends of lines": "x\u2028where:     y\u2029z\x85a\x0bb\x0cc",
    "direction and nothing": "x\u202egnp\u200b.exe\x00\x1b[31m",
    "HTML": "\"><img src=x onerror=alert(1)><script>alert('x')</script>",
    "a template": '{{ .ExternalURL }}{{ template "otelgate.links" . }}',
    "another matcher": 'x",alertname=~".+',
    "another matcher, quoted": 'x\\",alertname=~".+',
    "another variable": "x&var-trace=y&orgId=2#z",
    "SQL, encoded": "x%24q%24 OR true",
    "SQL, with a tag": "x$_$ OR true $_$",
    "another script": "Привет, 咖啡 ☕ é",
    "regular expression": "$1 ${1} \\1 [a-z]+ (x|y)",
}
PLACES = ("service", "model", "summary", "description", "alertname", "severity", "dashboard", "runbook")
"""The places of the name; as `service` and `summary` it is also where an alert's rule would put it."""


def alert(number: int, name: str, place: str) -> dict[str, Any]:
    labels = {
        "alertname": f"Alert{number}",
        "severity": "warning",
        "team": "ai",
        "notify": "slack-email",
        "service_name": f"shop{number}",
        "gen_ai_request_model": "gpt",
    }
    texts = {"summary": "20% of the turns fail", "description": "Limit: 10 %", "runbook_url": "Some.md"}
    texts["dashboard_url"] = f"/d/otelgate-agent-performance?var-service=shop{number}"
    if place == "service":
        labels["service_name"] = name
        texts |= {"summary": f"20% of the turns of {name} fail", "description": f"Of {name}: 20 %"}
        texts["dashboard_url"] = f"/d/otelgate-agent-performance?var-service={name}"
    elif place == "model":
        labels["gen_ai_request_model"] = name
    elif place in ("alertname", "severity"):
        labels[place] = name
    elif place in ("dashboard", "runbook"):
        texts[f"{place}_url"] = name
    else:
        texts[place] = name
    # Sent immediately, as it began long ago.
    return {"labels": labels, "annotations": texts, "startsAt": START.isoformat()}


@dataclass(frozen=True)
class Room:
    manager: Manager
    inbox: Inbox
    numbers: dict[tuple[str, str], int]

    def slack(self, name: str, place: str) -> dict[str, str]:
        (attachment,) = self.inbox.wait(SLACK, self._of(name, place)).body["attachments"]
        return attachment

    def mail(self, name: str, place: str) -> Message:
        return self.inbox.wait(MAIL, self._of(name, place))

    def pagerduty(self, name: str, place: str) -> dict[str, Any]:
        return self.inbox.wait(PAGERDUTY, self._of(name, place)).body

    def _of(self, name: str, place: str) -> Any:
        mark = re.compile(rf"(Alert|shop){self.numbers[name, place]}(?!\d)")
        return lambda message: mark.search(json.dumps(message.body))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder: Path = tmp_path_factory.mktemp("names")
    numbers = {(name, place): at for at, (name, place) in enumerate((n, p) for n in NAMES for p in PLACES)}
    with inbox() as box:
        own = into(
            box,
            folder,
            slack=SLACK,
            pagerduty=PAGERDUTY,
            smtp_to=MAIL,
            grafana_url=GRAFANA,
            runbooks_url=RUNBOOKS,
        )
        with running(own, folder) as manager:
            alerts = {key: alert(number, NAMES[key[0]], key[1]) for key, number in numbers.items()}
            manager.send(*alerts.values())
            critical = [alerts[name, "service"] for name in NAMES]
            manager.send(
                *({**each, "labels": each["labels"] | {"severity": "critical", "notify": ""}} for each in critical)
            )
            yield Room(manager, box, numbers)


def links(text: str) -> list[tuple[str, str]]:
    """Address and words of each link or mention of Slack's; nothing else of its syntax is in the text."""
    found = re.findall(r"<([^<>|]*)\|([^<>|]*)>", text)
    rest = re.sub(r"<[^<>|]*\|[^<>|]*>", "", text)
    assert "<" not in rest, text
    assert ">" not in rest, text
    assert not re.search(r"&(?!amp;|lt;|gt;)", rest), text
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(NAMES))
def test_send_a_name_to_slack_stays_text(room: Room, name: str, place: str) -> None:
    sent, harmless = room.slack(name, place), room.slack("none", place)
    for field in ("title", "fallback"):
        assert links(sent[field]) == []
        assert "\n" not in sent[field]
    own = [("Dashboard", GRAFANA), ("What else fires", room.manager.url), ("Silence it", room.manager.url)]
    if place == "dashboard":  # neither our address nor another one
        own = own[1:]
    found = links(sent["text"])
    assert [words for _, words in found] == [words for words, _ in own]
    for (address, _), (_, begin) in zip(found, own, strict=True):
        assert address.startswith(f"{begin}/")
        assert not re.search(r"\s", address)
    assert len(sent["text"].splitlines()) == len(harmless["text"].splitlines())
    if place in ("service", "summary"):
        shown = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b\u202e\u2028\u2029]+", " ", NAMES[name])
        assert shown in html.unescape(sent["title"])


@pytest.mark.parametrize("name", list(NAMES))
def test_send_a_name_in_links_is_a_value_only(room: Room, name: str) -> None:
    """Of the dashboard a value of its variable, or not there; of Alertmanager's pages one matcher of the service."""
    addresses = {words: html.unescape(address) for address, words in links(room.slack(name, "service")["text"])}
    dashboard = urlsplit(addresses["Dashboard"])
    assert (dashboard.netloc, dashboard.path) == ("grafana.example", "/d/otelgate-agent-performance")
    if "SQL" in name:
        assert dashboard.query == ""
    elif "variable" not in name and "escaped" not in name:  # `&`: the rules encode it, test_alerts_data.py
        assert "$q$" not in unquote(dashboard.query)
        assert list(parse_qs(dashboard.query)) in (["var-service"], [])
    for words in ("What else fires", "Silence it"):
        matchers = unquote(addresses[words].partition("filter=")[2].replace("+", " "))
        assert re.fullmatch(r'\{(alertname="[^"]*",)?service_name="([^"\\]|\\["\\])*"\}', matchers, re.DOTALL), matchers
        value = matchers.partition('service_name="')[2][:-2]
        assert re.sub(r'\\(["\\])', r"\1", value) == NAMES[name]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(NAMES))
def test_send_a_name_by_mail_stays_text_on_its_line(room: Room, name: str, place: str) -> None:
    """A mail is plain text, so nothing in it is HTML; a name begins no line."""
    sent, harmless = room.mail(name, place), room.mail("none", place)
    assert sent.kinds == ("multipart/alternative", "text/plain")
    assert not re.search(r"[\r\n]", sent.subject)
    begin = re.compile(r"(where|alert|since|dashboard|runbook|What else fires|Silence it)?")
    ours, theirs = ([begin.match(line)[0] for line in text.body.split("\n")] for text in (sent, harmless))
    assert ours == theirs
    for number, line in enumerate(sent.body.split("\n")):
        if line.startswith("dashboard:"):
            assert re.fullmatch(rf"dashboard: ({re.escape(GRAFANA)}/\S+)?", line), (number, line)


@pytest.mark.parametrize("name", list(NAMES))
def test_send_a_name_to_pagerduty_links_to_ours_only(room: Room, name: str) -> None:
    event = room.pagerduty(name, "service")
    begin = {"Dashboard": f"{GRAFANA}/", "Runbook": f"{RUNBOOKS}/"}
    assert [(link["text"], link["href"].startswith(begin[link["text"]])) for link in event["links"]] == [
        ("Dashboard", True),
        ("Runbook", True),
    ]
    assert not any(re.search(r"[\s<>|]", link["href"]) for link in event["links"])
    assert event["client_url"] == f"{room.manager.url}/#/alerts?filter={quoted(NAMES[name])}"
    assert "\n" not in event["payload"]["summary"]


def quoted(service: str) -> str:
    matcher = re.sub(r'(["\\])', r"\\\1", service)
    return f"%7Bservice_name%3D%22{quote(matcher, safe='-_.~').replace('%20', '+')}%22%7D"


def test_no_mail_is_html(room: Room) -> None:
    receivers = yaml.safe_load(room.manager.config.read_text())["receivers"]
    mails = [each for receiver in receivers for each in receiver.get("email_configs", [])]
    assert mails
    assert {each["html"] for each in mails} == {""}
