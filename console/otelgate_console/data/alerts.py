"""Alerts: the rules, those that fire, silences, and when each fired before."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from otelgate_stack.clients import Alertmanager, Prometheus

from ..asking.window import Window

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Raw HTML of a runbook is shown as text.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_ORDER: Final = {"critical": 0, "warning": 1, "info": 2}
_STEPS: Final = 500


@dataclass(frozen=True)
class Rule:
    """An alerting rule of Prometheus. `firing`, `pending`: how many alerts of it there are now."""

    name: str
    expr: str
    severity: str
    team: str
    group: str
    annotations: Mapping[str, str]
    firing: int
    pending: int


@dataclass(frozen=True)
class Alert:
    """An alert that Alertmanager has. `state`: active, silenced, inhibited or unprocessed."""

    name: str
    severity: str
    state: str
    since: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    silenced_by: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Silence:
    """A silence of Alertmanager, active or pending."""

    id: str
    matchers: Sequence[str]
    start: datetime
    end: datetime
    author: str
    comment: str


@dataclass(frozen=True)
class Firing:
    """A time in which an alert fired; `end` is None while it still does."""

    name: str
    labels: Mapping[str, str]
    start: datetime
    end: datetime | None


class Alerts:
    """Reads and silences alerts. Raises StoreError."""

    def __init__(self, prometheus: Prometheus, alertmanager: Alertmanager, runbooks: Path) -> None:
        self._prometheus, self._alertmanager, self._runbooks = prometheus, alertmanager, runbooks

    def rules(self) -> list[Rule]:
        """All alerting rules, the most severe first."""
        groups = self._prometheus.get("/api/v1/rules", {"type": "alert"}).json()["data"]["groups"]
        found = [_rule(group["name"], rule) for group in groups for rule in group["rules"]]
        return sorted(found, key=lambda rule: (_ORDER.get(rule.severity, 3), rule.name))

    def rule(self, name: str) -> Rule | None:
        """One rule; None if Prometheus has none of this name."""
        return next((rule for rule in self.rules() if rule.name == name), None)

    def now(self) -> list[Alert]:
        """The alerts that Alertmanager has, the most severe first, then the newest. The dead man's switch is none."""
        found = [_alert(each) for each in self._alertmanager.alerts() if each["labels"].get("notify") != "none"]
        return sorted(found, key=lambda alert: (_ORDER.get(alert.severity, 3), -alert.since.timestamp()))

    def silences(self) -> list[Silence]:
        """Silences that are active or will be, the first to end first."""
        found = self._alertmanager.get("/api/v2/silences").json()
        kept = [_silence(each) for each in found if each["status"]["state"] != "expired"]
        return sorted(kept, key=lambda silence: silence.end)

    def silence(self, name: str, labels: Mapping[str, str], hours: float, author: str, comment: str) -> str:
        """Silence the alerts of a name with these labels. Returns the silence's id."""
        now = datetime.now(UTC)
        matchers = [
            {"name": key, "value": value, "isRegex": False, "isEqual": True}
            for key, value in {"alertname": name, **labels}.items()
        ]
        wanted = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=hours)).isoformat(),
            "createdBy": author,
            "comment": comment,
        }
        sent = json.dumps(wanted).encode()
        answer = self._alertmanager.post("/api/v2/silences", sent, {"Content-Type": "application/json"})
        return str(answer.json()["silenceID"])

    def end_silence(self, silence_id: str) -> None:
        """End a silence now."""
        self._alertmanager.delete(f"/api/v2/silence/{silence_id}")

    def history(self, window: Window, name: str = "") -> list[Firing]:
        """When alerts fired in a range, the newest first; of one name, or of all."""
        which = f', alertname="{name}"' if NAME.fullmatch(name) else ""
        step = max(15, round(window.seconds / _STEPS))
        query = f'ALERTS{{alertstate="firing", notify!="none"{which}}}'
        parameters: dict[str, str | float] = {"query": query, "start": window.start, "end": window.end, "step": step}
        result = self._prometheus.get("/api/v1/query_range", parameters).json()["data"]["result"]
        found = [firing for series in result for firing in _firings(series, step, window.end)]
        return sorted(found, key=lambda firing: firing.start, reverse=True)

    def runbook(self, name: str) -> str:
        """An alert's runbook as HTML; empty if there is none."""
        file = self._runbooks / f"{name}.md"
        if not NAME.fullmatch(name) or not file.is_file():
            return ""
        # Runbooks link each other by file name.
        text = re.sub(r"\]\((\w+)\.md\)", r"](/alerts/\1)", file.read_text().partition("\n")[2])
        return str(_MARKDOWN.render(text))


def _rule(group: str, tree: Mapping[str, Any]) -> Rule:
    states = [alert["state"] for alert in tree["alerts"]]
    labels = tree["labels"]
    return Rule(
        name=tree["name"],
        expr=tree["query"],
        severity=labels.get("severity", ""),
        team=labels.get("team", ""),
        group=group,
        annotations=tree["annotations"],
        firing=states.count("firing"),
        pending=states.count("pending"),
    )


def _alert(tree: Mapping[str, Any]) -> Alert:
    status = tree["status"]
    state = "silenced" if status["silencedBy"] else "inhibited" if status["inhibitedBy"] else status["state"]
    labels = tree["labels"]
    return Alert(
        name=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        state=state,
        since=datetime.fromisoformat(tree["startsAt"]),
        labels={key: value for key, value in labels.items() if key not in ("alertname", "severity")},
        annotations=tree["annotations"],
        silenced_by=status["silencedBy"],
    )


def _silence(tree: Mapping[str, Any]) -> Silence:
    matchers = [
        f"{each['name']}{'=' if each.get('isEqual', True) else '!'}{'~' if each['isRegex'] else ''}{each['value']}"
        for each in tree["matchers"]
    ]
    start, end = (datetime.fromisoformat(tree[key]) for key in ("startsAt", "endsAt"))
    return Silence(tree["id"], matchers, start, end, tree["createdBy"], tree["comment"])


def _firings(series: Mapping[str, Any], step: float, until: float) -> list[Firing]:
    """A gap of more than a step ends a time of firing."""
    labels = {key: value for key, value in series["metric"].items() if key not in ("__name__", "alertstate")}
    name = labels.pop("alertname", "")
    times = [float(when) for when, _ in series["values"]]
    spans: list[list[float]] = []
    for when in times:
        if spans and when - spans[-1][1] <= step * 1.5:
            spans[-1][1] = when
        else:
            spans.append([when, when])
    return [
        Firing(
            name,
            labels,
            datetime.fromtimestamp(start, UTC),
            datetime.fromtimestamp(last, UTC) if until - last > step * 1.5 else None,
        )
        for start, last in spans
    ]
