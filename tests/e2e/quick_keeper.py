"""The keeper of the audit store, which compares runs sooner: windows of a minute instead of five, compared every 10 s.

python quick_keeper.py keep     as `otelgate-audit keep`
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

from otelgate_audit import cli
from otelgate_audit.jobs import schedule
from otelgate_audit.process.telemetry import Telemetry
from otelgate_audit.reconcile import comparison, windows
from otelgate_audit.settings import Settings

WINDOW_US = 60_000_000
EVERY_S = 10

_standard = schedule.standard


def standard(settings: Settings, telemetry: Telemetry) -> Sequence[schedule.Job]:
    return [replace(job, every_s=EVERY_S) if job.name == "reconcile" else job for job in _standard(settings, telemetry)]


if __name__ == "__main__":
    with (
        mock.patch.object(windows, "WINDOW_US", WINDOW_US),
        mock.patch.object(comparison, "WINDOW_US", WINDOW_US),
        mock.patch.object(schedule, "standard", standard),
    ):
        sys.exit(cli.main())
