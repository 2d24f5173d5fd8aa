"""A run says which test it is at."""

import os
import re
import subprocess
import sys
from pathlib import Path


def test_what_runs_for_long_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        'import progress_plugin\n\nprogress_plugin.EVERY_S = 0.5\npytest_plugins = ["progress_plugin"]\n'
    )
    (tmp_path / "test_it.py").write_text(
        "import time\n\ndef test_long() -> None:\n    time.sleep(2)\n\ndef test_short() -> None: ...\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join([str(root / "tests"), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "--rootdir", ".", "-n", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    named = re.findall(r"^… running for 0 min: (.*)$", done.stdout, re.MULTILINE)
    assert len(named) > 1
    assert set(named) == {"test_it.py::test_long"}
