"""Generated files are committed; each is made again and compared."""

import shutil
import subprocess
import sys
from pathlib import Path


def test_collector_main(root: Path, tmp_path: Path) -> None:
    for name in ("manifest.yaml", "generate.sh", "go.mod", "go.sum"):
        (tmp_path / "collector").mkdir(exist_ok=True)
        shutil.copy(root / "collector" / name, tmp_path / "collector" / name)
    shutil.copy(root / "versions.env", tmp_path)
    subprocess.run([tmp_path / "collector/generate.sh"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "collector/gateway").iterdir()}
    kept = {path.name: path.read_text() for path in (root / "collector/gateway").iterdir()}
    assert made == kept, "collector/gateway/ differs from manifest.yaml: run `make generate`"


def test_copies_of_the_settings_table(root: Path) -> None:
    check = [sys.executable, root / "compose/make_settings.py", "--check"]
    result = subprocess.run(check, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
