"""What the repository and its packages say of their licence, and what git leaves alone."""

import subprocess
import tomllib
from pathlib import Path

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
