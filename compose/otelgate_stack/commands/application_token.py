"""make token APPLICATION=shop: print a new token for an application, and its entry for OTELGATE_APPLICATIONS_FILE."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import StackError
from ..report import Report

_BYTES = 32
# As in collector/applications/table.go, which reads the entry.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_SERVICE = re.compile(r"[^\x00-\x1f\[\]\\/]{1,255}")
_OURS = "otelgate"


@dataclass(frozen=True)
class Token:
    """A new token, and the entry for the file, which has only its hash."""

    token: str
    entry: dict[str, Any]

    @property
    def header(self) -> str:
        """As OTEL_EXPORTER_OTLP_HEADERS."""
        return f"authorization=Bearer%20{self.token}"


def make(name: str, services: Sequence[str]) -> Token:
    """Raises StackError for a bad name or service."""
    if not _NAME.fullmatch(name) or name.lower().startswith(_OURS):
        raise StackError(
            f"APPLICATION={name!r}: expected 1 to 63 letters, digits, '.', '_' or '-', not beginning with '{_OURS}'"
        )
    for service in services:
        if not _SERVICE.fullmatch(service) or service.lower().startswith(_OURS):
            raise StackError(
                f"SERVICE={service!r}: expected a service's name, in which * stands for any text: 1 to 255 characters"
                f" without '[', ']', '\\' and '/', not beginning with '{_OURS}'"
            )
    token = secrets.token_urlsafe(_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return Token(token, {"name": name, "token_sha256": [digest], "services": [*services] or [name]})


def show(made: Token, report: Report) -> None:
    """Print it, once: only its hash goes into the file."""
    name, (digest,), services = made.entry.values()
    report.line(f"For {name}, which sends it with everything (it is kept nowhere, and not shown again):\n", "bold")
    report.line(f"  OTEL_EXPORTER_OTLP_HEADERS={made.header}\n")
    report.line("For the file that OTELGATE_APPLICATIONS_FILE names, under `applications:`\n", "bold")
    report.line(f"  - name: {name}")
    report.line(f"    token_sha256: [{digest}] # keep the old hash next to it until all senders have the new token")
    report.line(f"    services: {json.dumps(services)}")
