"""The distributions: their licence, what each wheel brings, and what git leaves alone."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest


def test_the_license_is_there_and_goes_into_the_packages(root: Path) -> None:
    text = (root / "LICENSE").read_text()
    assert text.split("\n")[0].strip() == "Apache License"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    config = tomllib.loads((root / "pyproject.toml").read_text())
    assert config["project"]["license"] == "Apache-2.0"
    assert config["project"]["license-files"] == ["LICENSE"]
    assert "LICENSE" in config["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


@pytest.mark.parametrize("path", ["secrets/slack", ".env", ".otelgate/secrets/audit_key"])
def test_git_ignores_secrets(root: Path, path: str) -> None:
    asked = subprocess.run(["git", "check-ignore", "--no-index", path], cwd=root, capture_output=True, text=True)
    assert asked.stdout.strip() == path


DISTRIBUTIONS = {"otelgate": ".", "otelgate-audit": "audit", "otelgate-stack": "compose"}
SERVER_CODE = {
    "psycopg",
    "starlette",
    "uvicorn",
    "alembic",
    "pyarrow",
    "supervisor",
    "docker",
    "otelgate_audit",
    "otelgate_stack",
}


@pytest.fixture(scope="module")
def wheels(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for place in DISTRIBUTIONS.values():
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            folder,
        ]
        subprocess.run([*command, root / place], check=True)
    return {name: next(folder.glob(f"{name.replace('-', '_')}-*.whl")) for name in DISTRIBUTIONS}


def install(root: Path, wheels: list[Path], folder: Path) -> Path:
    """The programs of an environment with nothing but these and what they require, in the versions of the lock."""
    uv = Path(sys.executable).with_name("uv")
    pins = folder / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^\S+==[^\\\n]+", (root / "requirements/dev.txt").read_text(), re.MULTILINE)))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True)
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--system-certs",
        "--python",
        folder / "env/bin/python",
        "--constraint",
        pins,
    ]
    subprocess.run([*command, *wheels], check=True)
    return folder / "env/bin"


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it without PYTHONPATH, which would put the repository's sources before the wheels'."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, **{"env": environment, **options})


def output(*command: str | Path, **options: Any) -> str:
    done = run(*command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_install_the_sdk_alone_brings_no_server_code(root: Path, wheels: dict[str, Path], tmp_path: Path) -> None:
    programs = install(root, [wheels["otelgate"]], tmp_path)
    packages = {each.name for each in (programs.parent / "lib").glob("python*/site-packages/*")}
    assert "otelgate" in packages
    assert packages & SERVER_CODE == set()
    names = zipfile.ZipFile(wheels["otelgate"]).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "otelgate",
        wheels["otelgate"].name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    code = "import otelgate, opentelemetry.trace as trace; print(type(trace.get_tracer_provider()).__module__)"
    environment = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    assert (
        output(programs / "opentelemetry-instrument", programs / "python", "-c", code, env=environment)
        == "opentelemetry.sdk.trace\n"
    )


def test_install_the_stack_brings_one_program(root: Path, wheels: dict[str, Path], tmp_path: Path) -> None:
    programs = install(root, list(wheels.values()), tmp_path)
    assert "Usage: otelgate " in output(programs / "otelgate", "--help")
    assert "Usage: otelgate-audit " in output(programs / "otelgate-audit", "--help")
    assert "OTELGATE_LOKI_PORT" in output(programs / "otelgate", "settings", cwd=root / "docs")
    elsewhere = run(programs / "otelgate", "settings", cwd=tmp_path)
    assert elsewhere.returncode != 0
    assert f"{tmp_path}: expected a clone of otelgate's repository" in elsewhere.stderr
