"""Generated files are committed; each is made again and compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GENERATORS = [
    "compose/make_settings.py",
    "collector/derive/make_buckets.py",
    "collector/genai/make_mapped.py",
    "audit/make_analytics.py",
]


def test_collector_main(root: Path, tmp_path: Path) -> None:
    for name in ("manifest.yaml", "generate.sh", "go.mod", "go.sum"):
        (tmp_path / "collector").mkdir(exist_ok=True)
        shutil.copy(root / "collector" / name, tmp_path / "collector" / name)
    shutil.copy(root / "versions.env", tmp_path)
    subprocess.run([tmp_path / "collector/generate.sh"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "collector/gateway").iterdir()}
    kept = {path.name: path.read_text() for path in (root / "collector/gateway").iterdir()}
    assert made == kept, "collector/gateway/ differs from manifest.yaml: run `make generate`"


@pytest.mark.parametrize("script", GENERATORS)
def test_generators_change_nothing(root: Path, script: str) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in ("sdk", "compose", "audit"))}
    result = subprocess.run([sys.executable, root / script, "--check"], capture_output=True, text=True, env=env)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_generate_runs_each_generator(root: Path) -> None:
    target = (root / "Makefile").read_text().partition("\ngenerate:")[2].partition("\n\n")[0]
    assert re.findall(r"\$\(BIN\)/python (\S+)", target) == GENERATORS
