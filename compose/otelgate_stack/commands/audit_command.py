"""`otelgate-audit` as a process, with the running stack's database, keys and stores."""

import os
import subprocess
import sys
from collections.abc import Sequence

from ..settings import PREFIX, Settings


def run(settings: Settings, arguments: Sequence[str], *, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `capture`: keep what it prints, instead of printing it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "otelgate_audit", *arguments]
    return subprocess.run(command, env={**env, **settings.owner_env()}, capture_output=capture, text=True)
