"""`make amtool` and `make promtool`: Alertmanager's and Prometheus' own tools, of the versions that run here."""

import subprocess
import sys
from collections.abc import Sequence

from .. import access
from ..build import builds
from ..report import Report
from ..settings import Settings

# The commands of promtool that ask a Prometheus. Those of `check` come in two words.
_ASKING = ("query", "push", "check healthy", "check ready")


def run(settings: Settings, name: str, arguments: Sequence[str]) -> int:
    """Run it to its end in the repository's folder; amtool asks this stack's Alertmanager. Returns its exit status.

    Both send the stores' password.
    """
    program = builds.build([name], settings, Report(sys.stderr))[name]
    return subprocess.run([program, *_with_password(settings, name, arguments)], cwd=settings.root).returncode


def _with_password(settings: Settings, name: str, arguments: Sequence[str]) -> list[str]:
    config = access.http_config(settings)
    given = [f"--http.config.file={config}"] if config.exists() else []
    if name == "amtool":
        return [f"--alertmanager.url={access.url(settings, 'alertmanager')}", *given, *arguments]
    words = next((len(asking.split()) for asking in _ASKING if " ".join(arguments).startswith(asking)), 0)
    return [*arguments[:words], *(given if words else []), *arguments[words:]]
