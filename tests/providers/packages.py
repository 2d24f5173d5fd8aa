"""Programs that use the providers' packages."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from environments import Environment

HERE = Path(__file__).parent


class Providers(Environment):
    """The environment of an application that uses the providers' packages."""

    def run(self, program: str, *arguments: str, env: Mapping[str, str]) -> None:
        """Run a program of this folder as a user does who writes no code for its telemetry."""
        command = [str(self.python.with_name("opentelemetry-instrument")), str(self.python), str(HERE / program)]
        done = subprocess.run(
            [*command, *arguments],
            env=self.variables(env),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-4000:]
