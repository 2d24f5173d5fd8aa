"""Generated files are committed; each is made again and compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from otelgate_grafana import promql

GENERATORS = [
    "compose/make_settings.py",
    "collector/derive/make_buckets.py",
    "collector/genai/make_mapped.py",
    "collector/make_metrics.py",
    "audit/make_analytics.py",
]


GENERATED = ("gateway/*", "*/internal/metadata/*", "*/documentation.md")


def generated(collector: Path) -> dict[str, str]:
    """Path below collector/ → text of each generated file."""
    found = (path for pattern in GENERATED for path in collector.glob(pattern))
    return {str(path.relative_to(collector)): path.read_text() for path in found}


def test_collector_code(root: Path, tmp_path: Path) -> None:
    collector = tmp_path / "collector"
    shutil.copytree(
        root / "collector",
        collector,
        ignore=shutil.ignore_patterns("testdata", "gateway", "internal", "documentation.md"),
    )
    shutil.copy(root / "versions.env", tmp_path)
    subprocess.run([collector / "generate.sh"], check=True, capture_output=True)
    made, kept = generated(collector), generated(root / "collector")
    assert made == kept, "collector/ differs from manifest.yaml and the files metadata.yaml: run `make generate`"


def test_components_have_metadata(root: Path) -> None:
    manifest = yaml.safe_load((root / "collector/manifest.yaml").read_text())
    kinds = (manifest[kind] for kind in ("processors", "connectors", "extensions"))
    ours = [entry["import"].removeprefix("otelgate/") for kind in kinds for entry in kind if "import" in entry]
    assert len(ours) > 15
    for folder in ours:
        metadata = yaml.safe_load((root / folder / "metadata.yaml").read_text())
        assert metadata["scope_name"] == f"otelgate/{Path(folder).name}"


@pytest.mark.parametrize("script", GENERATORS)
def test_generators_change_nothing(root: Path, script: str) -> None:
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in ("sdk", "compose", "audit", "grafana")),
    }
    result = subprocess.run([sys.executable, root / script, "--check"], capture_output=True, text=True, env=env)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_generate_runs_each_generator(root: Path) -> None:
    target = (root / "Makefile").read_text().partition("\ngenerate:")[2].partition("\n\n")[0]
    assert re.findall(r"\$\(BIN\)/python (\S+)", target) == GENERATORS


def test_metrics_page_names_the_series_that_dashboards_query(root: Path) -> None:
    page = (root / "docs/reference/metrics.md").read_text()
    queried = [
        each
        for each in vars(promql).values()
        if isinstance(each, str) and re.fullmatch("(gen_ai|otelgate)_[a-z_]+(seconds|total|usage)", each)
    ]
    assert len(queried) >= 8
    assert [each for each in queried if f"| `{each}` |" not in page] == []
