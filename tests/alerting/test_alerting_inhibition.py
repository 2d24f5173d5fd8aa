"""Inhibition by worse alerts, in a real Alertmanager: inhibited alerts are not delivered, and others are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alert_inbox import Inbox, inbox
from alerting_manager import Manager, fired, running
from alerting_settings import load
from otelgate_grafana.alerts import routing


@pytest.fixture
def manager(tmp_path: Path, box: Inbox) -> Iterator[Manager]:
    with running(load(tmp_path, alert_webhook_url=f"{box.url}/webhook"), tmp_path) as manager:
        yield manager


@pytest.fixture
def box() -> Iterator[Inbox]:
    with inbox() as box:
        yield box


def in_place(name: str, place: str, equal: tuple[str, ...]) -> dict[str, Any]:
    """The alert, of a service or an instance of this name."""
    alert = fired(name)
    alert["labels"] |= {label: place for label in equal if label in alert["labels"]} | {"place": place}
    return alert


def told(box: Inbox) -> set[tuple[str, str]]:
    """Name and place of every alert that came."""
    alerts = [alert["labels"] for message in box.to("/webhook") for alert in message.body["alerts"]]
    return {(labels["alertname"], labels.get("place", "")) for labels in alerts}


@pytest.mark.shows("F16")
def test_inhibitions(manager: Manager, box: Inbox) -> None:
    pairs = [(source, name, equal) for source, names, equal in routing.INHIBITIONS for name in names]
    narrow, wide = [pair for pair in pairs if pair[2]], [pair for pair in pairs if not pair[2]]
    loud: set[tuple[str, str]] = set()

    def tell(*alerts: tuple[str, str, tuple[str, ...]]) -> None:
        """Send them, and wait until all are delivered."""
        manager.send(*(in_place(*alert) for alert in alerts))
        loud.update((name, place) for name, place, _ in alerts)
        box.wait("/webhook", lambda _: told(box) >= loud)

    # Each silences what is where it is, and nothing elsewhere.
    tell(*((source, f"{source} {name}", equal) for source, name, equal in narrow))
    manager.send(*(in_place(name, f"{source} {name}", equal) for source, name, equal in narrow))
    tell(*((name, f"not {source} {name}", equal) for source, name, equal in narrow))
    manager.send(fired("ServiceDown", kind="qdrant", service_name="searching", place="searching"))
    loud.add(("ServiceDown", "searching"))
    tell(("HttpErrorBurst", "searching", ("service_name",)))
    assert told(box) == loud
    assert silenced(manager) == {(name, f"{source} {name}", source) for source, name, _ in narrow}
    # The others silence everywhere.
    tell(*((source, "", ()) for source in {source for source, _, _ in wide}))
    manager.send(*(in_place(name, "anywhere", ("service_name",)) for _, name, _ in wide))
    tell(("CostDayHigh", "anywhere", ("service_name",)))
    assert told(box) == loud
    assert {found for found in silenced(manager) if found[1] == "anywhere"} == {
        (name, "anywhere", source) for source, name, _ in wide
    }


def silenced(manager: Manager) -> set[tuple[str, str, str]]:
    """Name and place of each silent alert, and the name of one that silences it."""
    alerts = manager.alerts()
    names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
    return {
        (alert["labels"]["alertname"], alert["labels"].get("place", ""), names[source])
        for alert in alerts
        for source in alert["status"]["inhibitedBy"]
    }
