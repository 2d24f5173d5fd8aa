"""`make amtool` and `make promtool`: Alertmanager's and Prometheus' own tools, of the versions that run here."""

import subprocess
import sys
from collections.abc import Sequence

from . import builds
from .report import Report
from .settings import Settings


def run(settings: Settings, name: str, arguments: Sequence[str]) -> int:
    """Run it to its end in the repository's folder; amtool asks this stack's Alertmanager. Returns its exit status."""
    program = builds.build([name], settings, Report(sys.stderr))[name]
    where = [f"--alertmanager.url=http://127.0.0.1:{settings.alertmanager_port}"] if name == "amtool" else []
    return subprocess.run([program, *where, *arguments], cwd=settings.root).returncode
