"""The script that brings up a container engine in CI."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest


def run(root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **env}
    return subprocess.run([root / ".ci" / "docker.sh"], env=environment, capture_output=True, text=True)


@pytest.mark.docker
def test_with_an_engine_it_does_nothing(root: Path, docker: Any) -> None:
    answer = run(root)
    assert answer.stdout == f"docker: engine {docker.version()['Version']} answers\n"
    assert (answer.returncode, answer.stderr) == (0, "")


def test_it_starts_none_where_docker_host_names_another(root: Path, tmp_path: Path) -> None:
    answer = run(root, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert answer.stderr == (
        f"docker: DOCKER_HOST='unix://{tmp_path}/none.sock': no engine answers there "
        "([Errno 2] No such file or directory)\n"
    )
    assert answer.returncode == 1
