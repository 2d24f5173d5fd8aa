"""Programs from the distribution's archive: fetched once, and a reason to read where they can't be had."""

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from otelgate_stack import settings
from otelgate_stack.build import debian
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

NAME = "prometheus-node-exporter"
BUILD = """
mkdir -p DEBIAN usr/bin
for line in 'Package: prometheus-node-exporter' 'Version: 1' 'Architecture: all' 'Maintainer: x' 'Description: x'; do
  echo "$line" >>DEBIAN/control
done
printf '#!/bin/sh\\n%s\\n' >usr/bin/prometheus-node-exporter
chmod +x usr/bin/prometheus-node-exporter
dpkg-deb -b . ../package.deb
"""


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings.load({"OTELGATE_CACHE_DIR": str(tmp_path / "cache")})


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an `apt-get` first on PATH that runs a script, and none of our programs after it."""

    def make(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "apt-get").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return make


@pytest.fixture
def package(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a package whose program runs this line."""

    def make(line: str) -> Path:
        (tmp_path / "build").mkdir(exist_ok=True)
        script = BUILD.replace("%s", line)
        subprocess.run(["sh", "-ec", script], cwd=tmp_path / "build", check=True, capture_output=True)
        return tmp_path / "package.deb"

    return make


def test_a_program_is_fetched_once(
    here: Settings, apt: Callable[[str], None], package: Callable[[str], Path], tmp_path: Path
) -> None:
    apt(f'echo "$@" >> {tmp_path}/asked\ncp {package("echo runs")} .')
    said = io.StringIO()
    assert debian.installed(NAME, here) is None
    found = debian.fetch(NAME, here, Report(said))
    assert subprocess.run([found], capture_output=True, text=True, check=True).stdout == "runs\n"
    assert said.getvalue().startswith(f"fetch {NAME} … ")
    assert debian.fetch(NAME, here, Report(said)) == found == debian.installed(NAME, here)
    assert [line.rpartition("download ")[2] for line in (tmp_path / "asked").read_text().splitlines()] == [NAME]


def test_program_on_path_is_preferred(here: Settings, apt: Callable[[str], None], tmp_path: Path) -> None:
    apt("exit 1")
    own = tmp_path / "bin" / "node_exporter"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert debian.fetch(NAME, here, Report(io.StringIO())) == own


def test_the_reason_is_what_apt_says(here: Settings, apt: Callable[[str], None]) -> None:
    apt("echo 'W: unsandboxed' >&2; echo 'E: Unable to locate package x' >&2; exit 100")
    with pytest.raises(StackError) as caught:
        debian.fetch(NAME, here, Report(io.StringIO()))
    assert str(caught.value) == f"apt-get cannot fetch {NAME}: E: Unable to locate package x"
    assert debian.installed(NAME, here) is None


def test_broken_program_is_not_kept(here: Settings, apt: Callable[[str], None], package: Callable[[str], Path]) -> None:
    apt(f"cp {package('echo no such library >&2; exit 127')} .")
    with pytest.raises(StackError) as caught:
        debian.fetch(NAME, here, Report(io.StringIO()))
    assert str(caught.value) == f"{NAME} was fetched, but does not run here: no such library"
    assert debian.installed(NAME, here) is None


def test_without_apt(here: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError) as caught:
        debian.fetch(NAME, here, Report(io.StringIO()))
    assert str(caught.value) == f"{NAME} is not on PATH, and there is no apt-get to fetch it with"
