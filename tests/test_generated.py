"""Generated files are committed; each is made again and compared."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from otelgate_grafana import promql


def test_collector_main(root: Path, tmp_path: Path) -> None:
    for name in ("manifest.yaml", "generate.sh", "go.mod", "go.sum"):
        (tmp_path / "collector").mkdir(exist_ok=True)
        shutil.copy(root / "collector" / name, tmp_path / "collector" / name)
    shutil.copy(root / "versions.env", tmp_path)
    subprocess.run([tmp_path / "collector/generate.sh"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "collector/gateway").iterdir()}
    kept = {path.name: path.read_text() for path in (root / "collector/gateway").iterdir()}
    assert made == kept, "collector/gateway/ differs from manifest.yaml: run `make generate`"


@pytest.mark.parametrize("generator", ["compose/make_settings.py", "collector/make_metrics.py"])
def test_copies_of_tables(root: Path, generator: str) -> None:
    check = [sys.executable, root / generator, "--check"]
    result = subprocess.run(check, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_metrics_page_names_the_series_that_dashboards_query(root: Path) -> None:
    page = (root / "docs/reference/metrics.md").read_text()
    queried = [
        each
        for each in vars(promql).values()
        if isinstance(each, str) and re.fullmatch("(gen_ai|otelgate)_[a-z_]+(seconds|total|usage)", each)
    ]
    assert len(queried) >= 8
    assert [each for each in queried if f"| `{each}` |" not in page] == []
