"""Each port of a whole stack keeps out who does not send what `make doctor` says that it wants."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import knocking
import psutil
import pytest
import thrown_away
import whole_stack
from otelgate_stack import access, credentials, settings
from otelgate_stack.build import debian
from otelgate_stack.commands import tools
from otelgate_stack.doctor import doors
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.service_table import TABLE
from whole_stack import Stack

# Secrets of the stores and of their monitoring; separate tests cover the others.
PORTS = [port.setting.removesuffix("_port").upper() for spec in TABLE if spec.wants for port in spec.ports]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for name in debian.EXPORTERS.values():
        debian.fetch(name, settings.load(), Report())
    folder = str(tmp_path_factory.mktemp("s") / "state")
    running = whole_stack.start(folder, OTELGATE_EXPORTERS="true", OTELGATE_TRACES_TO="both")
    yield running
    thrown_away.end(running.settings)


def door(stack: Stack, name: str) -> doors.Door:
    (found,) = (each for each in doors.find(stack.settings) if each.setting == f"OTELGATE_{name}_PORT")
    return found


@pytest.mark.starts
@pytest.mark.shows("F23")
@pytest.mark.parametrize("name", PORTS)
def test_a_port_takes_what_it_wants_and_refuses_all_else(watched: Stack, name: str) -> None:
    found = door(watched, name)
    assert found.locked
    assert knocking.takes(found, watched.settings)
    assert knocking.refuses(found, watched.settings)


@pytest.mark.starts
def test_ports_that_are_not_knocked_at_are_known(watched: Stack) -> None:
    left = {each.setting for each in doors.find(watched.settings)} - {f"OTELGATE_{name}_PORT" for name in PORTS}
    gateway = {f"OTELGATE_{name}_PORT" for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")}
    others = {f"OTELGATE_{name}_PORT" for name in ("AUDIT", "AUDIT_HEALTH", "KEEPER", "FEEDBACK", "POSTGRES")}
    assert left - gateway == others


@pytest.mark.starts
def test_secrets_are_in_no_argument_environment_or_log(watched: Stack) -> None:
    secrets = access.of(watched.settings)
    lines = [Path(secrets.password).read_text().strip(), Path(secrets.key).read_text().splitlines()[1]]
    processes = [psutil.Process(int(each.pid_or_container)) for each in watched.engine.status()]
    seen = [text for each in processes for text in (*each.cmdline(), *each.environ().values())]
    seen += [file.read_text(errors="replace") for file in watched.settings.state_dir.glob("native/**/*.[cjl]*")]
    assert seen
    assert not [text for text in seen if any(line in text for line in lines)]


@pytest.mark.starts
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("promtool", ["query", "instant", "URL", "up"]),
        ("promtool", ["check", "ready", "--url=URL"]),
        ("amtool", ["alert", "query"]),
    ],
)
def test_tools_send_the_password(watched: Stack, name: str, arguments: list[str]) -> None:
    url = access.url(watched.settings, "prometheus")
    assert tools.run(watched.settings, name, [each.replace("URL", url) for each in arguments]) == 0


def loaded_with(folder: Path, **env: str) -> settings.Settings:
    return settings.load({"OTELGATE_STATE_DIR": str(folder / "s"), **env})


def test_a_state_folder_of_before_gets_the_secrets(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path)
    credentials.ensure(loaded)
    before = {file.name: file.read_text() for file in credentials.folder(loaded).iterdir()}
    for name in ("stores_password", "stores_certificate", "stores_key"):
        (credentials.folder(loaded) / name).unlink()
    credentials.ensure(loaded)
    after = {file.name: file.read_text() for file in credentials.folder(loaded).iterdir()}
    assert {name for name in before if before[name] != after[name]} == {name for name in after if "stores" in name}


def test_a_certificate_without_its_key_is_replaced_with_it(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path)
    credentials.ensure(loaded)
    certificate, key = (credentials.folder(loaded) / name for name in ("stores_certificate", "stores_key"))
    before = certificate.read_text()
    key.unlink()
    credentials.ensure(loaded)
    assert certificate.read_text() != before
    assert access.options(loaded, "loki")["verify"]  # they belong together, or it could not be made


def test_derived_files_change_only_with_secrets(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path)

    def written() -> dict[str, str]:
        credentials.ensure(loaded)
        folder = access.web_config(loaded).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        return {file.name: file.read_text() for file in folder.iterdir()}

    first = written()
    assert written() == first
    (credentials.folder(loaded) / "stores_password").unlink()
    second = written()
    assert {name for name in first if first[name] != second[name]} == {"web.yml", "htpasswd", "curl"}


@pytest.mark.parametrize(("content", "size"), [("", 0), ("x" * 73, 73)])
def test_password_of_invalid_length_is_an_error(tmp_path: Path, content: str, size: int) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    with pytest.raises(StackError) as caught:
        credentials.ensure(loaded_with(tmp_path, OTELGATE_STORES_PASSWORD_FILE=str(file)))
    expected = f"expected a password of 1 to 72 bytes in it, found {size}"
    assert str(caught.value) == f"OTELGATE_STORES_PASSWORD_FILE='{file}': {expected}"


OWN: list[Any] = [
    ({}, True),
    ({"OTELGATE_PROMETHEUS_ENDPOINT": "http://localhost:9090/api/v1/write"}, True),
    ({"OTELGATE_PROMETHEUS_ENDPOINT": "http://prometheus.example:9090/api/v1/write"}, False),
    ({"OTELGATE_PROMETHEUS_ENDPOINT": "http://127.0.0.1:9999/api/v1/write"}, False),
    ({"OTELGATE_PROMETHEUS_ENDPOINT": "http://p/api/v1/write", "OTELGATE_STORES_PASSWORD_FILE": "mine"}, True),
]


@pytest.mark.parametrize(("env", "sent"), OWN)
def test_a_prometheus_elsewhere_gets_a_password_only_if_one_is_set(
    tmp_path: Path, env: dict[str, str], sent: bool
) -> None:
    loaded = loaded_with(tmp_path, **env)
    assert ("OTELGATE_STORES_PASSWORD_FILE" in loaded.gateway_env()) is sent
    assert "OTELGATE_STORES_PASSWORD_FILE" in loaded.sink_env()  # whose Prometheus is ours


def test_before_the_first_up_nothing_is_sent(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path)
    assert [access.options(loaded, name) for name in access.WANTS] == [{}] * len(access.WANTS)


def test_unreadable_secret_is_an_error(tmp_path: Path) -> None:
    loaded = loaded_with(tmp_path)
    credentials.ensure(loaded)
    (credentials.folder(loaded) / "stores_key").write_text("no key")
    with pytest.raises(StackError, match=rf"^the secrets of the stores in {os.fspath(credentials.folder(loaded))}: "):
        access.options(loaded, "loki")
