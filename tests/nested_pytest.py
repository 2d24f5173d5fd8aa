"""A run of pytest of its own, for tests of this folder's plugins."""

import os
import subprocess
import sys
from pathlib import Path


def passing_run(root: Path, folder: Path, *options: str) -> str:
    """What it prints in a folder that can name the plugins of `root`/tests; all tests there pass."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join([str(root / "tests"), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "--rootdir", ".", *options]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
