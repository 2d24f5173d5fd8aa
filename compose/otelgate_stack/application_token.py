"""`make token APPLICATION=shop`: a new token for an application, and its entry in OTELGATE_APPLICATIONS_FILE."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence

from .errors import StackError
from .report import Report

_BYTES = 32
# As in collector/applications/table.go, which reads the entry.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


def run(name: str, services: Sequence[str], report: Report) -> None:
    """Print the token, once: only its hash goes into the file. Raises StackError for a name that cannot be one."""
    if not _NAME.fullmatch(name) or name.lower().startswith("otelgate"):
        raise StackError(
            f"APPLICATION={name!r}: expected 1 to 63 letters, digits, '.', '_' or '-', not beginning with 'otelgate'"
        )
    token = secrets.token_urlsafe(_BYTES)
    report.line(f"For {name}, which sends it with everything (it is kept nowhere, and not shown again):\n", "bold")
    report.line(f"  OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{token}\n")
    report.line("For the file that OTELGATE_APPLICATIONS_FILE names, under `applications:`\n", "bold")
    report.line(f"  - name: {name}")
    report.line(
        f"    token_sha256: [{hashlib.sha256(token.encode()).hexdigest()}] # beside the old one, to exchange that"
    )
    report.line(f"    services: {json.dumps([*services] or [name])}")
