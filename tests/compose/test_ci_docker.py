"""The scripts that bring up a container engine and a browser in CI."""

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


APT_GET = """#!/bin/bash
echo "$*" >> "$(dirname "$0")/asked"
echo "apt-get $1 says this"
case "$1" in
  update) touch "$(dirname "$0")/updated" ;;
  install) [ -e "$(dirname "$0")/updated" ] && [ "${@: -1}" != nowhere ] ;;
esac
"""


def install(root: Path, folder: Path, package: str) -> subprocess.CompletedProcess[str]:
    """The helper that both scripts share, with an apt-get that finds packages after an update only."""
    (folder / "apt-get").write_text(APT_GET)
    (folder / "apt-get").chmod(0o755)
    script = f"source {root}/.ci/packages.sh; install_packages {folder}/log {package}"
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, capture_output=True, text=True)


def test_package_lists_are_fetched_where_a_package_is_not_found(root: Path, tmp_path: Path) -> None:
    assert install(root, tmp_path, "chromium").returncode == 0
    wanted = "install -y -qq --no-install-recommends chromium"
    assert (tmp_path / "asked").read_text().splitlines() == [wanted, "update -qq", wanted]


def test_failed_installation_shows_apt_get_output(root: Path, tmp_path: Path) -> None:
    answer = install(root, tmp_path, "nowhere")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == "apt-get install says this"
