"""Monitoring services: Alertmanager, and the prober, the exporters and Grafana, which start where they are available.

Alertmanager is built from source like the stores. The prober and the exporters are packages of the machine's own
distribution (build/debian.py), Grafana is the one on PATH: the stack runs without them, and some panels stay empty.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import state
from ..build import debian
from ..config import alerting, example_files, monitoring
from ..errors import StackError
from ..report import Report
from ..service_table import TABLE
from ..settings import Settings
from . import grafana, templates

OPTIONAL = {spec.name: spec.without for spec in TABLE if spec.without}
"""Optional services, and the effect of their absence."""


def present(names: Iterable[str], settings: Settings) -> list[str]:
    """These services without those unavailable here. Makes no request: a program not fetched yet is unavailable."""
    return [name for name in names if name not in OPTIONAL or program(name, settings)]


def program(name: str, settings: Settings) -> Path | None:
    """The program of one of OPTIONAL, if it is here; None for any other service."""
    if name not in OPTIONAL:
        return None
    if name == "grafana":
        found = shutil.which("grafana")
        return Path(found) if found and grafana.home() else None
    return debian.installed(debian.EXPORTERS[name], settings)


def fetch(names: Iterable[str], settings: Settings, report: Report) -> None:
    """Fetch what is missing, and say what can't be had and what that means."""
    missing = [name for name in names if name in debian.EXPORTERS and not program(name, settings)]

    def fetched(name: str) -> str:
        try:
            debian.fetch(debian.EXPORTERS[name], settings, report)
        except StackError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(debian.EXPORTERS)) as pool:
        reasons = dict(zip(missing, pool.map(fetched, missing), strict=True))
    if "grafana" in names and not program("grafana", settings):
        reasons["grafana"] = "no `grafana` with its folder `conf` on PATH"
    for name, reason in reasons.items():
        if reason:
            report.line(f"{name}: not started ({reason}); {OPTIONAL[name]}", "yellow")


def prepare(settings: Settings, names: Collection[str]) -> None:
    """Write the configuration files that are made at start. Raises StackError, SettingsError."""
    places = monitoring.native(settings)
    if "prometheus" in names:
        monitoring.write(settings, names, places, templates.config("prometheus", settings))
    if "prober" in names:
        monitoring.write_modules(settings, places, templates.config("prober", settings))
    if "alertmanager" in names:
        folder = templates.config("alertmanager", settings).parent
        state.make_folder(folder)
        alerting.render(settings, folder)
    if "grafana" in names:
        grafana.link_secrets(settings)
        example_files.prepare(settings)


@functools.cache
def without_bgwriter(program: Path) -> tuple[str, ...]:
    """The distribution's exporter is older than PostgreSQL 17, which moved some columns of pg_stat_bgwriter: it would
    log an error with each scrape. No panel shows them. The flag was renamed, so the program says what it is called."""
    try:
        said = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"collector\.(?:stat_)?bgwriter\b", said.stdout + said.stderr)
    return (f"--no-{found[0]}",) if found else ()
