"""Invalid settings are refused before a build, and the error names the setting. Nothing is started here."""

import io
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from otelgate_stack import ports, settings, target
from otelgate_stack.build import builds, golang, images
from otelgate_stack.engines import compose_cli, docker, docker_client, native, preflight
from otelgate_stack.errors import SettingsError, StackError
from otelgate_stack.report import Report

OPEN = (
    "OTELGATE_HOST='0.0.0.0': the gateway would listen there, beyond this machine, without both TLS and a bearer token:"
    " set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE and OTELGATE_TOKEN_FILE, or OTELGATE_INSECURE=true"
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**ports.free_env(), "OTELGATE_STATE_DIR": str(tmp_path / "state")}


@pytest.fixture(autouse=True)
def _nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "_build_all", lambda *rest: pytest.fail("something was built"))


def problems(**env: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        preflight.check(settings.load(env))
    return str(caught.value).splitlines()


def test_an_open_gateway_is_refused() -> None:
    assert problems(OTELGATE_HOST="0.0.0.0") == [OPEN]


def test_tls_without_a_token_is_open_still(tmp_path: Path) -> None:
    (tmp_path / "pem").touch()
    tls = {f"OTELGATE_TLS_{name}_FILE": str(tmp_path / "pem") for name in ("CERT", "KEY")}
    assert problems(OTELGATE_HOST="0.0.0.0", **tls) == [OPEN]
    preflight.check(settings.load({"OTELGATE_HOST": "0.0.0.0", "OTELGATE_TOKEN_FILE": str(tmp_path / "pem"), **tls}))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    preflight.check(settings.load({"OTELGATE_HOST": host}))


def test_an_open_gateway_is_allowed_in_words() -> None:
    preflight.check(settings.load({"OTELGATE_HOST": "0.0.0.0", "OTELGATE_INSECURE": "true"}))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("LOKI_ENDPOINT", "http://127.0.0.1:3100/otlp"),
        ("LOKI_URL", "http://localhost:3100"),
        ("TEMPO_ENDPOINT", "127.0.0.1:14317"),
        ("JAEGER_ENDPOINT", "[::1]:24317"),
    ],
)
def test_a_store_of_the_stack_is_reached_by_tls_only(name: str, url: str) -> None:
    expected = "expected https://, which is all that the stack's own takes"
    assert problems(**{f"OTELGATE_{name}": url}) == [f"OTELGATE_{name}='{url}': {expected}"]
    elsewhere = url.replace("3100", "3101").replace("4317", "4318")
    preflight.check(settings.load({f"OTELGATE_{name}": elsewhere}))


@pytest.mark.parametrize("name", ["CERT", "KEY"])
def test_a_certificate_of_ones_own_needs_its_key(tmp_path: Path, name: str) -> None:
    expected = "OTELGATE_STORES_CERT_FILE and OTELGATE_STORES_KEY_FILE: expected both or neither"
    (tmp_path / "pem").touch()
    assert problems(**{f"OTELGATE_STORES_{name}_FILE": str(tmp_path / "pem")}) == [expected]


def test_files_that_the_gateway_cannot_read_are_named(tmp_path: Path) -> None:
    gone = str(tmp_path / "none")
    assert problems(OTELGATE_PRICES_FILE=gone, OTELGATE_TLS_KEY_FILE=str(tmp_path)) == [
        f"OTELGATE_TLS_KEY_FILE='{tmp_path}': expected a file that can be read: Is a directory",
        f"OTELGATE_PRICES_FILE='{gone}': expected a file that can be read: No such file or directory",
        "OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE: expected both or neither",
    ]


def test_clients_certificates_without_tls_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "clients.pem"
    file.touch()
    assert problems(OTELGATE_TLS_CLIENT_CA_FILE=str(file)) == [
        f"OTELGATE_TLS_CLIENT_CA_FILE='{file}': expected OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE with it"
    ]


def test_half_of_a_clients_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pem").touch()
    tls = {f"OTELGATE_TLS_{name}_FILE": str(tmp_path / "pem") for name in ("CERT", "KEY")}
    monkeypatch.delenv(target.CLIENT_KEY, raising=False)
    monkeypatch.setenv(target.CLIENT_CERTIFICATE, "client.pem")
    assert problems(**tls) == [
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE='client.pem', OTEL_EXPORTER_OTLP_CLIENT_KEY='': expected both or neither"
    ]
    monkeypatch.setenv(target.CLIENT_KEY, "client-key.pem")
    preflight.check(settings.load(tls))


def test_an_audit_sink_beyond_this_machine_is_refused() -> None:
    assert problems(OTELGATE_AUDIT_HOST="0.0.0.0") == [
        "OTELGATE_AUDIT_HOST='0.0.0.0': expected localhost or a loopback address, since the sink has no TLS"
    ]
    preflight.check(settings.load({"OTELGATE_AUDIT_HOST": "0.0.0.0", "OTELGATE_AUDIT": "false"}))


def test_applications_without_the_operators_token_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "applications.yaml"
    file.touch()
    assert problems(OTELGATE_APPLICATIONS_FILE=str(file)) == [
        f"OTELGATE_APPLICATIONS_FILE='{file}': expected OTELGATE_TOKEN_FILE, the operator's token, with it"
    ]


def test_sampling_waits_longer_than_slow_takes() -> None:
    assert problems(OTELGATE_SAMPLE_PERCENT="5", OTELGATE_SAMPLE_WAIT="1m", OTELGATE_SAMPLE_SLOW="60s") == [
        "OTELGATE_SAMPLE_WAIT='1m': expected more than OTELGATE_SAMPLE_SLOW, which is 60s"
    ]


def test_native_refuses_settings_before_it_builds(env: dict[str, str]) -> None:
    loaded = settings.load({**env, "OTELGATE_HOST": "0.0.0.0"})
    with pytest.raises(SettingsError, match=r"^OTELGATE_HOST='0\.0\.0\.0': "):
        native.NativeEngine(loaded, Report(io.StringIO())).up()
    assert not loaded.state_dir.exists()


def test_native_refuses_changed_settings_before_it_builds(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that is up, whose new settings want a program that no cache has."""
    loaded = settings.load({**env, "OTELGATE_CACHE_DIR": str(tmp_path / "cache")})
    engine = native.NativeEngine(loaded, Report(io.StringIO()), services=["prometheus", "jaeger"])
    supervisor = MagicMock(spec=native.Supervisor)
    supervisor.alive.return_value = True
    supervisor.processes.return_value = {"prometheus": {"statename": "RUNNING"}}
    monkeypatch.setattr(engine, "_supervisor", supervisor)
    (loaded.state_dir / "native").mkdir(parents=True)
    (loaded.state_dir / ".otelgate-state").touch()
    (loaded.state_dir / "native" / "fingerprints.json").write_text(json.dumps({"prometheus": "another"}))
    with pytest.raises(StackError, match=r"^already up, but the settings, .* of prometheus, jaeger changed since: "):
        engine.up()


def test_docker_refuses_images_that_it_cannot_have_before_it_builds(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_client, "connect", lambda **more: nullcontext(MagicMock()))
    monkeypatch.setattr(compose_cli, "find", lambda settings: None)  # so that it, too, would be built
    monkeypatch.setattr(images, "is_there", lambda name, client: "prom/prometheus" not in name)
    monkeypatch.setattr(docker_client, "not_pullable", lambda names, timeout_s=5: list(names))
    loaded = settings.load(env)
    with pytest.raises(StackError) as caught:
        docker.DockerEngine(loaded, Report(io.StringIO())).up()
    assert str(caught.value) == (
        f"{images.names(loaded)['prometheus']}: not there, and cannot be pulled; ENGINE=native runs without images"
    )


def test_docker_looks_at_the_ports_that_compose_publishes(env: dict[str, str]) -> None:
    loaded = settings.load({**env, "OTELGATE_HOST": "::1"})
    found = compose_cli.published(loaded, ["gateway", "loki", "feedback"])
    assert found == {
        "OTELGATE_GRPC_PORT": ("::1", loaded.grpc_port),
        "OTELGATE_HTTP_PORT": ("::1", loaded.http_port),
        "OTELGATE_HEALTH_PORT": ("127.0.0.1", loaded.health_port),
        "OTELGATE_METRICS_PORT": ("127.0.0.1", loaded.metrics_port),
        "OTELGATE_LOKI_PORT": ("127.0.0.1", loaded.loki_port),
        "OTELGATE_FEEDBACK_PORT": ("127.0.0.1", loaded.feedback_port),
    }


@pytest.fixture
def module(tmp_path: Path) -> settings.Settings:
    """A repository with the gateway's layout, and a cache that has its program, built by the Go that is here."""
    (tmp_path / "collector" / "gateway").mkdir(parents=True)
    (tmp_path / "collector" / "go.mod").write_text("module example\n\ngo 1.26\n")
    (tmp_path / "collector" / "go.sum").write_text("")
    made = settings.load({"OTELGATE_CACHE_DIR": str(tmp_path / "cache")}, tmp_path)
    program = builds.path("gateway", made)
    program.parent.mkdir(parents=True)
    program.touch()
    assert builds.build(["gateway"], made, Report(io.StringIO())) == {"gateway": program}
    return made


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: Path) -> Any:
        raise golang.NoGoError("Go is missing")

    monkeypatch.setattr(golang, "_go_env", missing)


def test_without_go_the_cache_will_do(module: settings.Settings, no_go: None) -> None:
    found = builds.build(["gateway"], module, Report(io.StringIO()))["gateway"]
    assert (found.exists(), found.name) == (True, "gateway")


def test_without_go_changed_sources_cannot_be_built(module: settings.Settings, no_go: None) -> None:
    (module.root / "collector" / "go.sum").write_text("changed")
    with pytest.raises(StackError, match=r"^Go is missing$"):
        builds.build(["gateway"], module, Report(io.StringIO()))


def test_without_go_a_cache_that_was_emptied_has_nothing(module: settings.Settings, no_go: None) -> None:
    shutil.rmtree(module.cache_dir)
    with pytest.raises(StackError, match=r"^Go is missing$"):
        builds.build(["gateway"], module, Report(io.StringIO()))
