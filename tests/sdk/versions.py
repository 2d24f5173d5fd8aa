"""Runs the SDK's tests with the lowest and the newest dependencies that it allows: `make test-versions`.

Each end gets its own environment, in a temporary folder. Test dependencies are as pinned in pyproject.toml.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENDS = {"lowest": "lowest-direct", "newest": "highest"}
TOOLS = frozenset(
    """
    gunicorn hypothesis langchain langgraph pyjwt pytest pytest-asyncio pytest-timeout pytest-xdist pyyaml trustme
    uvicorn
    """.split()  # noqa: SIM905
)


def tools() -> list[str]:
    """The requirements of tests, as the repository pins them."""
    groups = list(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"].values())
    groups.append(tomllib.loads((ROOT / "audit/pyproject.toml").read_text())["project"]["dependencies"])
    return sorted({entry for group in groups for entry in group if entry.partition("==")[0] in TOOLS})


def install(folder: Path, resolution: str) -> Path:
    """Make an environment, and return its interpreter."""
    uv, python = str(Path(sys.executable).parent / "uv"), folder / "bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    base = [uv, "pip", "install", "--quiet", "--system-certs", "--python", str(python)]
    subprocess.run([*base, "--resolution", resolution, "--requirements", "pyproject.toml"], cwd=ROOT, check=True)
    subprocess.run([*base, *tools()], cwd=ROOT, check=True)
    subprocess.run([*base, "--no-deps", str(ROOT)], check=True)
    return python


def main(arguments: list[str]) -> int:
    """Run pytest with `arguments`, or all of the SDK's tests but the slow ones, at both ends: the worst status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--end", choices=ENDS, help="only this one")
    given, chosen = parser.parse_known_args(arguments)
    return max(run(end, chosen or ["tests/sdk"]) for end in ([given.end] if given.end else ENDS))


def run(end: str, arguments: list[str]) -> int:
    """Run pytest at one end, and return its status."""
    with tempfile.TemporaryDirectory() as folder:
        python = install(Path(folder), ENDS[end])
        print(f"== {end}: opentelemetry-sdk {version(python, 'opentelemetry-sdk')}", flush=True)
        command = [str(python), "-m", "pytest", "-q", "-n", "0", "-m", "not slow", "--confcutdir", "tests/sdk"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "sdk")}
        return subprocess.run([*command, *arguments], cwd=ROOT, env=environment).returncode


def version(python: Path, package: str) -> str:
    """Of a package that an environment has."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
