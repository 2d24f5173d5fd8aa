"""Requirements that Go tests show, for the coverage report: `make check` runs all Go tests, these few count."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.starts


@pytest.mark.parametrize(
    ("package", "test"),
    [
        pytest.param("genai", "TestGolden", marks=pytest.mark.shows("K02")),
        pytest.param("pricing", "TestCostsWorkedByHand", marks=pytest.mark.shows("K03", "F25")),
        pytest.param("derive", "TestTotalsUnderConcurrency", marks=pytest.mark.shows("K04")),
        pytest.param("derive", "TestSpans", marks=pytest.mark.shows("K04")),
        pytest.param("redact", "TestLeaksNone", marks=pytest.mark.shows("K06", "F24")),
    ],
)
def test_it_passes(root: Path, package: str, test: str) -> None:
    command = ["go", "test", "-trimpath", f"./{package}", "-run", f"^{test}$", "-v"]
    done = subprocess.run(command, cwd=root / "collector", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"--- PASS: {test}" in done.stdout, "no test of that name"
