"""`make annotate`: a line on every dashboard, at the moment when something was deployed, launched, changed or broke.

It is a product event as any application sends it, through the SDK and the gateway; the dashboards read it from the
audit store. grafana/annotations.yaml has the words that both sides know.
"""

import difflib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import otelgate
import yaml
from otelgate import names

from .. import target
from ..clients import StoreError
from ..clients.audit_store import AuditStore
from ..errors import StackError
from ..report import Report
from ..settings import Settings, find_root
from ..waiting import until

_SHARED = yaml.safe_load((find_root() / "grafana" / "annotations.yaml").read_text())
KINDS: Final[list[str]] = _SHARED["kinds"]
SENTENCE: Final[str] = _SHARED["sentence"]
EVERYWHERE = "otelgate"
"""The service of what is drawn on every dashboard, whichever services are chosen there."""
LONGEST = 64
"""Bytes of a word that the audit store keeps with the event."""
WITHIN_S = 15.0


@dataclass(frozen=True)
class Annotation:
    """The event to draw. Without a service it is drawn everywhere.

    Raises StackError for an event that draws no line, or a text too long.
    """

    event: str
    version: str | None = None
    service: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.event not in KINDS:
            near = difflib.get_close_matches(self.event, KINDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise StackError(f"EVENT='{self.event}': expected one of {', '.join(KINDS)}{hint}")
        if self.version and len(self.version.split()) > 1:
            raise StackError(f"VERSION='{self.version}': expected one word")
        for name, value, given in (
            ("VERSION", self.version or "", self.version),
            ("TEXT", self.attributes.get(SENTENCE, ""), self.text),
        ):
            if len(value.encode()) > LONGEST:
                raise StackError(f"{name}='{given}': expected {LONGEST} bytes or fewer")

    @property
    def attributes(self) -> dict[str, Any]:
        """Each as one word: texts of several are message content to the audit store, and kept from dashboards."""
        found = {"version": (self.version or "").strip(), SENTENCE: as_word(self.text or "")}
        return {name: value for name, value in found.items() if value}


def run(settings: Settings, annotation: Annotation, report: Report) -> dict[str, str | None]:
    """Send it and wait until it is where the dashboards look; returns what is drawn.

    Raises StackError if it doesn't get there.
    """
    if not settings.audit:
        raise StackError("OTELGATE_AUDIT='false': expected true, the dashboards read their lines from the audit store")
    service = annotation.service or EVERYWHERE
    os.environ |= target.find(settings).environment() | {"OTEL_SERVICE_NAME": service}
    # Nothing but the event: no metrics of this process, which ends immediately.
    os.environ |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"}
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = f"{names.OTELGATE_CONTENT}=true"  # or its text would not be kept
    otelgate.init()
    began = datetime.now(UTC)
    otelgate.event(annotation.event, **annotation.attributes)
    otelgate.shutdown()
    with report.step(f"annotate {annotation.event}") as step:
        _wait(AuditStore(settings), annotation.event, service, began)
        step.note(" ".join(filter(None, (service, annotation.version, annotation.text))))
    drawn = {"event": annotation.event, "service": service, "version": annotation.version, "text": annotation.text}
    return {**drawn, "sent_at": began.isoformat()}


def as_word(text: str) -> str:
    """Without white space, as in a form: `+` for it. The dashboards put it back (annotations.AS_TEXT)."""
    return re.sub(r"\s", "+", text.strip().replace("%", "%25").replace("+", "%2B"))


def _wait(store: AuditStore, event: str, service: str, began: datetime) -> None:
    absent = f"the event is not in the audit store within {WITHIN_S:.0f} s"

    def missing() -> str:
        try:
            return "" if store.events_since(event, service, began) else absent
        except StoreError as error:
            return f"{absent} ({error})"

    if found := until(missing, WITHIN_S):
        raise StackError(f"{found}: `make doctor` says why")
