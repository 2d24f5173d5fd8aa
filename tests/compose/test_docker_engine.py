"""The docker engine's own parts: what it says when something is missing, and what it hands to compose."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from otelgate_stack import images, settings
from otelgate_stack.engines import compose_cli, docker_client
from otelgate_stack.engines.docker import available
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report

Load = Callable[..., settings.Settings]


def program(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(["#!/bin/sh", *lines, ""]))
    (folder / name).chmod(0o755)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


# Is there an engine?


def test_docker_is_missing(only: Path, monkeypatch: pytest.MonkeyPatch, load: Load, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    text = f"Docker is missing: no engine answers at unix://{tmp_path}/none.sock"
    assert available(load()) == (False, text)
    with pytest.raises(StackError, match=text), docker_client.connect():
        pass


def test_docker_does_not_run(only: Path, monkeypatch: pytest.MonkeyPatch, load: Load, tmp_path: Path) -> None:
    program(only, "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    text = f"Docker is installed, but no engine answers at unix://{tmp_path}/none.sock: start it"
    assert available(load()) == (False, text)


def test_docker_may_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise docker_client.docker_errors.DockerException("Error: PermissionError(13, 'Permission denied')")

    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    monkeypatch.setattr(docker_client.docker, "from_env", refuse)
    with pytest.raises(StackError) as caught, docker_client.connect():
        pass
    assert str(caught.value) == (
        "no permission to use Docker at unix:///var/run/docker.sock: "
        "add your user to the group docker and log in again, or be root"
    )


# Is there a compose CLI?


def test_compose_plugin_is_preferred(only: Path, load: Load) -> None:
    program(only, "docker", "echo 2.40.3")
    program(only, "docker-compose", "echo v2.40.3")
    assert compose_cli.find(load()) == ["docker", "compose"]


def test_compose_version_1_is_not_taken(only: Path, load: Load, tmp_path: Path) -> None:
    program(only, "docker", "exit 1")
    program(only, "docker-compose", "echo 1.29.2")
    assert compose_cli.find(load(OTELGATE_CACHE_DIR=str(tmp_path / "empty"))) is None
    program(only, "docker-compose", "echo 2.40.3")
    assert compose_cli.find(load()) == ["docker-compose"]


def test_compose_that_was_built_is_found(compose_binary: str, monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    monkeypatch.setattr(compose_cli.subprocess, "run", _only_runs(compose_binary))
    monkeypatch.setattr(compose_cli.builds, "path", lambda name, settings: Path(compose_binary))
    assert compose_cli.find(load()) == [compose_binary]


def _only_runs(program: str) -> Callable[..., Any]:
    real = compose_cli.subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if command[0] != program:
            raise FileNotFoundError(command[0])
        return real(command, **options)

    return run


# What compose gets


def test_a_stack_of_its_own_for_each_state_folder(load: Load, root: Path) -> None:
    assert compose_cli.project(settings.load({}, root)) == "otelgate"
    one, other = (compose_cli.project(load(OTELGATE_STATE_DIR=path)) for path in ("/a", "/b"))
    assert one != other
    assert one.startswith("otelgate-")


def test_nothing_of_the_callers_environment_gets_in(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTELGATE_LOKI_PORT", "1")
    monkeypatch.setenv("COMPOSE_PROFILES", "x")
    env = compose_cli.environment(load())
    assert env["OTELGATE_LOKI_PORT"] == "3100"
    assert "COMPOSE_PROFILES" not in env
    assert env["PATH"] == os.environ["PATH"]


def test_localhost_becomes_the_address_that_docker_wants(load: Load) -> None:
    assert compose_cli.environment(load(OTELGATE_HOST="localhost"))["OTELGATE_HOST"] == "127.0.0.1"


def test_secrets_are_copied_for_the_containers_user(load: Load, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    token.chmod(0o600)
    made = load(OTELGATE_TOKEN_FILE=str(token))
    compose_cli.stage_secrets(made)
    copy = Path(compose_cli.environment(made)["OTELGATE_TOKEN_FILE"])
    assert copy.read_text() == "first"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700

    before, inode = compose_cli.environment(made)["CONFIG_STAMP"], copy.stat().st_ino
    compose_cli.stage_secrets(made)
    assert compose_cli.environment(made)["CONFIG_STAMP"] == before
    token.write_text("second")
    compose_cli.stage_secrets(made)
    assert copy.read_text() == "second"
    assert copy.stat().st_ino == inode  # a running gateway sees it
    assert compose_cli.environment(made)["CONFIG_STAMP"] != before


def test_a_missing_secret_is_named(load: Load, tmp_path: Path) -> None:
    with pytest.raises(StackError) as caught:
        compose_cli.stage_secrets(load(OTELGATE_TOKEN_FILE=str(tmp_path / "none")))
    assert str(caught.value) == f"OTELGATE_TOKEN_FILE='{tmp_path}/none': No such file or directory"


def test_compose_errors_are_shown(load: Load, compose_binary: str) -> None:
    with pytest.raises(StackError) as caught:
        compose_cli.Compose(load(), [compose_binary]).run("config", "no-such-service")
    first, last = str(caught.value).splitlines()
    assert first == "docker compose config failed (exit status 1):"
    assert last.strip().startswith("no such service: no-such-service")


# Images


@pytest.mark.docker
def test_gateway_image_is_built_once(docker: Any, load: Load) -> None:
    name = images.build_gateway(load(), Report(), docker)
    first = docker.images.get(name)
    assert images.build_gateway(load(), Report(), docker) == name
    assert docker.images.get(name).id == first.id
    assert first.attrs["Config"]["User"] == "10001:10001"
    assert first.attrs["Config"]["Entrypoint"] == ["/gateway"]


@pytest.mark.docker
def test_a_failed_image_build_says_what_failed(docker: Any, load: Load) -> None:
    context: dict[str, Path | bytes | None] = {"Dockerfile": b"FROM scratch\nCOPY not-there /\n"}
    with pytest.raises(StackError) as caught:
        images._build("otelgate-test/none:0", context, Report(), docker, {})
    assert str(caught.value).startswith("building the image otelgate-test/none:0 failed: ")
    assert "not-there" in str(caught.value)
