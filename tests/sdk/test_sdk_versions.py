"""The SDK with the lowest dependencies that it allows; the newest are those that the other tests have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_sdk_works_with_its_lowest_dependencies() -> None:
    program = Path(__file__).with_name("versions.py")
    command = [sys.executable, str(program), "--end", "lowest", "-p", "no:cacheprovider", "tests/sdk"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
