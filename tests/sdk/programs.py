"""Runs Python programs the way a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from otlp_receiver import WAIT_S

INSTRUMENT = Path(sys.executable).parent / "opentelemetry-instrument"
HERE = Path(__file__).parent
EVERYTHING = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ""}
"""For a program that is instrumented with all that is installed. The others do without what takes half of the time that
starting one takes, and what they do not use."""


@dataclass
class Result:
    status: int
    stdout: str
    stderr: str
    seconds: float


@dataclass
class Programs:
    """Runs Python programs as a user does, with a clean environment."""

    folder: Path

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "OPENINFERENCE", "TRACELOOP", "LANG"))}
        path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
        # Programs that end by os._exit throw away what a buffer holds, and a signal handler may not write into one.
        own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "OTEL_SERVICE_NAME": "test"}
        own["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "fastapi,httpx,redis,sqlalchemy"
        own["OTELGATE_EXIT_TIMEOUT"] = "60000"  # for a busy machine
        return {**kept, **own, **variables}

    def write(self, source: str) -> Path:
        file = self.folder / f"program{len(list(self.folder.iterdir()))}.py"
        file.write_text(textwrap.dedent(source))
        return file

    def start(self, source: str, *, instrument: bool = True, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.write(source))]
        return subprocess.Popen(
            [str(INSTRUMENT), *command] if instrument else command,
            env=self.environment(**variables),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, source: str, *, instrument: bool = True, **variables: str) -> Result:
        start = time.monotonic()
        process = self.start(source, instrument=instrument, **variables)
        try:
            stdout, stderr = process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise AssertionError(f"still running after {WAIT_S:.0f} s\n{stdout}\n{stderr}") from None
        return Result(process.returncode, stdout, stderr, time.monotonic() - start)
