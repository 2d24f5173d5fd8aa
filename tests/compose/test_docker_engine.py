"""The docker engine's own parts: what it says when something is missing, and what it hands to compose."""

import io
import os
import re
import shutil
import stat
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from otelgate_stack import credentials, settings
from otelgate_stack.build import images, python_image
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


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ([{"Subnet": "127.0.0.0/16", "Gateway": "127.0.0.9"}], "127.0.0.9"),
        ([{"Subnet": "127.0.0.0/16"}], "127.0.0.1"),  # an engine that has just made the network
        ([{"Subnet": "192.0.2.0/24", "Gateway": "192.0.2.77"}], None),  # in a virtual machine
        ([{}], None),
        ([], None),
    ],
)
def test_the_bridge_is_an_address_of_this_machine(config: list[dict[str, str]], address: str | None) -> None:
    client = Mock()
    client.networks.get.return_value.attrs = {"IPAM": {"Config": config}}
    assert docker_client.bridge_address(client) == address


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


# Arguments and environment of Docker Compose


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
    credentials.ensure(made)
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


def test_the_audit_stores_secrets_are_copied_too(load: Load) -> None:
    made = load()
    credentials.ensure(made)
    compose_cli.stage_secrets(made)
    env = compose_cli.environment(made)
    for name, generated in (
        ("OTELGATE_DATABASE_PASSWORD_FILE", "database_password"),
        ("OTELGATE_WRITER_PASSWORD_FILE", "writer_password"),
        ("OTELGATE_AUDIT_KEY_FILE", "audit_key"),
        ("OTELGATE_PSEUDONYM_KEY_FILE", "pseudonym_key"),
        ("OTELGATE_AUDIT_TOKEN_FILE", "audit_token"),
        ("OTELGATE_FEEDBACK_SECRET_FILE", "feedback_secret"),
        ("OTELGATE_GRAFANA_DATABASE_PASSWORD_FILE", "grafana_database_password"),
        ("POSTGRES_PASSWORD_COPY", "postgres_password"),
        ("OTELGATE_STORES_PASSWORD_FILE", "stores_password"),
        ("OTELGATE_STORES_CERT_FILE", "stores_certificate"),
        ("OTELGATE_STORES_KEY_FILE", "stores_key"),
        ("OTELGATE_STORES_CA_FILE", "stores_certificate"),
    ):
        assert Path(env[name]).read_text() == (credentials.folder(made) / generated).read_text()
        assert Path(env[name]).parent == made.state_dir / "docker"


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
def test_the_sinks_image_is_made_once_and_runs(docker: Any, load: Load) -> None:
    name = images.build_audit(load(), Report(), docker)
    first = docker.images.get(name)
    said = io.StringIO()
    assert images.build_audit(load(), Report(said), docker) == name
    if "there already" in said.getvalue():  # unless a source was edited meanwhile
        assert docker.images.get(name).id == first.id
    assert first.attrs["Config"]["User"] == "10001:10001"
    output = docker.containers.run(name, ["--help"], remove=True, read_only=True, network_mode="none")
    assert output.decode().startswith("Usage: otelgate-audit ")


@pytest.mark.docker
def test_the_sinks_image_starts_from_byte_code(docker: Any, load: Load) -> None:
    name = images.build_audit(load(), Report(), docker)
    python = {"entrypoint": ["/python/bin/python3"], "remove": True, "read_only": True, "network_mode": "none"}
    output = docker.containers.run(name, ["-v", "-c", "import psycopg"], stderr=True, **python).decode()
    assert re.search(r"matches .*/psycopg/__init__\.py$", output, re.MULTILINE), output[-2000:]
    assert "could not create" not in output  # of a source that was compiled at this start


@pytest.fixture
def other_name(docker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name that stands for Alertmanager's image."""
    name = "otelgate-test/alertmanager:0"
    monkeypatch.setattr(images, "names", lambda settings: {"alertmanager": name})
    yield name
    docker.images.remove(name, force=True)


@pytest.mark.docker
def test_stand_in_of_other_files_is_replaced(docker: Any, load: Load, other_name: str) -> None:
    empty: dict[str, Path | bytes | None] = {"Dockerfile": b"FROM scratch\nCOPY data /\n", "data": None}
    before = {images.STAND_IN_LABEL: "alertmanager", images.SOURCE_LABEL: "before"}
    images._build(other_name, empty, Report(), docker, before)
    assert images.build_stand_ins(["alertmanager"], load(), Report(), docker) == []
    made = docker.images.get(other_name)
    assert made.labels[images.SOURCE_LABEL] != "before"
    config = made.attrs["Config"]
    assert (config["User"], config["Entrypoint"], config["WorkingDir"]) == (
        "65534:65534",
        ["/program"],
        "/alertmanager",
    )
    images.build_stand_ins(["alertmanager"], load(), Report(), docker)
    assert docker.images.get(other_name).id == made.id


@pytest.mark.docker
def test_official_image_is_left_alone(docker: Any, load: Load, other_name: str) -> None:
    empty: dict[str, Path | bytes | None] = {"Dockerfile": b"FROM scratch\nCOPY data /\n", "data": None}
    images._build(other_name, empty, Report(), docker, {images.SOURCE_LABEL: "official"})
    before = docker.images.get(other_name).id
    assert images.build_stand_ins(["alertmanager"], load(), Report(), docker) == []
    assert docker.images.get(other_name).id == before


def test_the_sinks_image_holds_what_it_needs_and_no_more(load: Load) -> None:
    files = python_image.files(load())
    site = f"/python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for needed in (
        "otelgate_audit/server.py",
        "otelgate_audit/model/migrations/env.py",
        "psycopg/__init__.py",
        "grpc/__init__.py",
    ):
        assert f"{site}/{needed}" in files
    folders = {Path(path).relative_to(site).parts[0] for path in files if path.startswith(f"{site}/")}
    assert not folders & {"pytest", "otelgate_stack", "docker", "langchain", "pip", "mypy"}
    assert not [path for path in files if "/tests/" in path or path.endswith(".pth")]
    assert not [path for path in files if path.startswith("/lib/otelgate/libX")]
    code = dict(python_image.compiled(files))
    assert f"{site}/psycopg/__pycache__/__init__.{sys.implementation.cache_tag}.pyc" in code


def test_the_sinks_image_changes_with_its_sources(load: Load, root: Path, tmp_path: Path) -> None:
    for room in ("sdk/otelgate", "audit/otelgate_audit"):
        shutil.copytree(root / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "audit/Dockerfile", tmp_path / "audit")
    here = settings.load({}, tmp_path)
    before = python_image.key(here)
    assert python_image.key(here) == before
    source = tmp_path / "audit" / "otelgate_audit" / "server.py"
    source.write_text(source.read_text() + "\n# changed\n")
    assert python_image.key(here) != before


def test_a_layer_has_its_folders_their_owner_and_times(tmp_path: Path) -> None:
    packed = io.BytesIO()
    (tmp_path / "code").write_text("pass")
    os.utime(tmp_path / "code", (5, 5))
    images._pack({"/a": None, "/a/own": None, "/a/file": b"x", "/a/code": tmp_path / "code"}, packed, 999, {"/a/own"})
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar:
        found = {entry.name: (entry.uid, entry.mode, entry.mtime, entry.isdir()) for entry in tar}
    assert found == {
        "/a": (0, 0o755, 0, True),
        "/a/own": (999, 0o755, 0, True),
        "/a/file": (0, 0o755, 0, False),
        "/a/code": (0, 0o755, 5, False),
    }


@pytest.mark.docker
def test_a_failed_image_build_says_what_failed(docker: Any, load: Load) -> None:
    context: dict[str, Path | bytes | None] = {"Dockerfile": b"FROM scratch\nCOPY not-there /\n"}
    with pytest.raises(StackError) as caught:
        images._build("otelgate-test/none:0", context, Report(), docker, {images.SOURCE_LABEL: "none"})
    assert str(caught.value).startswith("building the image otelgate-test/none:0 failed: ")
    assert "not-there" in str(caught.value)
