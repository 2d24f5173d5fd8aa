"""Tests side by side: those of a group really run in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import side_by_side


def test_what_is_named_is_there(root: Path) -> None:
    for name in (*side_by_side.ALONE, *side_by_side.WAITING):
        file, _, test = name.partition("::")
        assert test.partition("[")[0] in (root / file).read_text(), name
    assert {folder for folder in side_by_side.STACKS if not (root / "tests" / folder).is_dir()} == set()


def test_a_group_runs_in_one_process(root: Path, tmp_path: Path) -> None:
    """Of three groups and two processes, each has one process."""
    files = [f"tests/{folder}/test_{folder}_{name}.py" for folder in ("audit", "stack") for name in ("one", "two")]
    files.append(side_by_side.ALONE[0])
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_a() -> None: ...\ndef test_b() -> None: ...\ndef test_c() -> None: ...\n")
    (tmp_path / "tests/conftest.py").write_text('pytest_plugins = ["side_by_side"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTHONPATH"] = os.pathsep.join([str(root / "tests"), env.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
    done = subprocess.run([*command, "tests"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"^\[(gw\d)\] .* PASSED (tests/\w+)/", done.stdout, re.MULTILINE)
    assert len(ran) == 15
    assert sorted(folder for _, folder in set(ran)) == ["tests/audit", "tests/examples", "tests/stack"]
