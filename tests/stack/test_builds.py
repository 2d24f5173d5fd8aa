"""Builds: the inputs of the cache's key, and errors of failed builds. A module of one line replaces the gateway's."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from otelgate_stack import settings
from otelgate_stack.build import builds, golang
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

MAIN = 'package main\n\nfunc main() { println("built") }\n'


@pytest.fixture
def module(tmp_path: Path) -> Settings:
    """A repository whose collector/ has the gateway's layout, and its own cache."""
    (tmp_path / "collector" / "gateway").mkdir(parents=True)
    (tmp_path / "collector" / "gateway" / "main.go").write_text(MAIN)
    (tmp_path / "collector" / "go.mod").write_text("module example\n\ngo 1.26\n")
    (tmp_path / "collector" / "go.sum").write_text("")
    return settings.load({"OTELGATE_CACHE_DIR": str(tmp_path / "cache")}, tmp_path)


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a `go` first on PATH that answers `go env` as the real one does and runs a script for `go build`."""

    def make(script: str) -> None:
        real = shutil.which("go")
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "go").write_text(f'#!/bin/sh\n[ "$1" = env ] && exec {real} "$@"\n{script}\n')
        (folder / "go").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return make


def test_a_program_is_built_once(module: Settings) -> None:
    said = io.StringIO()
    first = builds.build(["gateway"], module, Report(said))["gateway"]
    assert subprocess.run([first], capture_output=True, text=True, check=True).stderr == "built\n"
    assert said.getvalue().splitlines()[-1].startswith("build gateway … ")
    stamp = first.stat().st_mtime_ns
    again = io.StringIO()
    assert builds.build(["gateway"], module, Report(again))["gateway"] == first
    assert (first.stat().st_mtime_ns, again.getvalue()) == (stamp, "")


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("go.mod", True),
        ("go.sum", True),
        ("gateway/main.go", True),
        ("genai/table.yaml", True),  # a source may embed it
        ("manifest.yaml", True),
        ("config/10-receive.yaml", False),  # given to the program when it starts
        ("gateway/main_test.go", False),
        ("genai/testdata/x.yaml", False),
    ],
)
def test_the_key_covers_what_the_program_is_made_of(module: Settings, file: str, changes: bool) -> None:
    before = builds.key("gateway", module)
    target = module.root / "collector" / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + "\n// changed\n")
    assert (builds.key("gateway", module) != before) is changes


def test_a_backends_key_changes_with_its_pins(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "compose" / "native", tmp_path / "compose" / "native")
    here = settings.load({}, tmp_path)
    before = {name: builds.key(name, here) for name in ("loki", "tempo")}
    assert before["loki"] == builds.key("loki", settings.load({}, root))
    pins = tmp_path / "compose" / "native" / "loki" / "go.mod"
    pins.write_text(pins.read_text().replace("grafana/loki/v3 v3.7.8", "grafana/loki/v3 v3.7.9"))
    assert builds.key("loki", here) != before["loki"]
    assert builds.key("tempo", here) == before["tempo"]


def test_every_program_has_its_pins_in_the_repository(root: Path) -> None:
    for program in builds.PROGRAMS.values():
        assert (root / program.folder / "go.mod").is_file()
        assert (root / program.folder / "go.sum").is_file()


def test_a_failed_build_shows_the_compilers_last_lines_and_the_log(module: Settings) -> None:
    (module.root / "collector" / "gateway" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    said = io.StringIO()
    with pytest.raises(StackError) as caught:
        builds.build(["gateway"], module, Report(said))
    log = module.cache_dir / "log" / "gateway.log"
    assert str(caught.value) == (
        f"building gateway failed (exit status 1); the whole log is in {log}, its last lines:\n"
        "  # example/gateway\n  gateway/main.go:3:15: undefined: nonsense"
    )
    assert "build gateway … failed after" in said.getvalue()
    assert [path.name for path in module.cache_dir.iterdir() if path.is_dir()] == ["log"]


def test_two_builders_at_once_make_one_program(module: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from otelgate_stack import settings;"
        "from otelgate_stack.build import builds;"
        "from otelgate_stack.report import Report;"
        f"s = settings.load({{'OTELGATE_CACHE_DIR': {str(module.cache_dir)!r}}}, Path({str(module.root)!r}));"
        "print(builds.build(['gateway'], s, Report(sys.stderr))['gateway'])"
    )
    builders = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    results = [builder.communicate() for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert subprocess.run([results[0][0].strip()], capture_output=True, text=True, check=True).stderr == "built\n"


def test_no_go(module: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StackError) as caught:
        builds.build(["gateway"], module, Report(io.StringIO()))
    assert str(caught.value) == (
        "Go is missing: the native engine builds its programs with Go 1.26 or newer;"
        " install it from https://go.dev/dl/ and put it on PATH"
    )


def test_go_too_old(module: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    (module.root / "collector" / "go.mod").write_text("module example\n\ngo 1.999\n")
    with pytest.raises(StackError) as caught:
        builds.build(["gateway"], module, Report(io.StringIO()))
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True, cwd="/").stdout
    assert str(caught.value) == (
        f"Go {version.strip().removeprefix('go')} is too old: Go 1.999 or newer is needed;"
        " install it from https://go.dev/dl/ and put it on PATH"
    )


def test_a_short_disk_is_refused_before_the_build(module: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1 << 29))
    with pytest.raises(StackError) as caught:
        builds.build(["gateway"], module, Report(io.StringIO()))
    text = str(caught.value)
    assert text.startswith("disk short: building gateway needs about ")
    assert text.endswith(", 0.5 GiB are free")
    folders = [*golang.caches(module.root / "collector"), module.cache_dir]
    assert any(str(folder) in text for folder in folders)
    assert not module.cache_dir.exists()


def test_full_disk_while_building_is_an_error(module: Settings, fake_go: Callable[[str], None]) -> None:
    fake_go("echo 'write /x: no space left on device' >&2; exit 1")
    with pytest.raises(StackError) as caught:
        builds.build(["gateway"], module, Report(io.StringIO()))
    text = str(caught.value)
    assert text.startswith(f"disk full while building gateway: make room in {module.cache_dir}, ")
    assert text.endswith(" (about 2 GiB for each program)")


def test_a_failed_build_ends_the_others(module: Settings, fake_go: Callable[[str], None]) -> None:
    (module.root / "collector" / "probe").mkdir()
    fake_go('case "$*" in *./probe) exec sleep 600;; *) exit 1;; esac')
    with pytest.raises(StackError, match=r"^building gateway failed"):
        builds.build(["gateway", "probe"], module, Report(io.StringIO()))


def test_go_is_told_to_use_exactly_the_pins() -> None:
    env = golang.environment()
    assert (env["CGO_ENABLED"], env["GOOS"], env["GOFLAGS"]) == ("0", "linux", "-mod=readonly")
