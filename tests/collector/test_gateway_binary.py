"""The built gateway reads its settings, and refuses what it doesn't understand or what would be open to the world."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

Validate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def validate(gateway_binary: Path, root: Path, tmp_path: Path) -> Validate:
    """Runs `gateway validate` with these OTELGATE_* settings and, after ours, these config files."""

    def run(*extra: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("OTELGATE_")}
        files = [root / "collector/config", *extra]
        return subprocess.run(
            [gateway_binary, "validate", *(f"--config={file}" for file in files)],
            env=env | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


def test_commands_of_the_page_accept_the_configuration(gateway_binary: Path, root: Path) -> None:
    page = (root / "collector/README.md").read_text()
    commands = re.findall(r"^gateway (?:validate|print-config) .+", page, re.MULTILINE)
    env = {name: value for name, value in os.environ.items() if not name.startswith("OTELGATE_")}
    env["PATH"] = f"{gateway_binary.parent}:{env['PATH']}"
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"


@pytest.mark.parametrize("traces_to", ["tempo", "jaeger", "both"])
def test_valid(validate: Validate, traces_to: str) -> None:
    done = validate(OTELGATE_TRACES_TO=traces_to)
    assert (done.returncode, done.stderr) == (0, "")


def test_valid_without_audit(validate: Validate) -> None:
    done = validate(OTELGATE_AUDIT="false", OTELGATE_AUDIT_ENDPOINT="audit:4320")
    assert (done.returncode, done.stderr) == (0, "")


def test_valid_with_tls_and_token(validate: Validate, tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("gateway.test")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "token").write_text("t0ken")
    done = validate(
        OTELGATE_HOST="0.0.0.0",
        OTELGATE_TLS_CERT_FILE=str(tmp_path / "cert.pem"),
        OTELGATE_TLS_KEY_FILE=str(tmp_path / "key.pem"),
        OTELGATE_TOKEN_FILE=str(tmp_path / "token"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bad_value_stops(validate: Validate) -> None:
    done = validate(OTELGATE_TRACES_TO="zipkin", OTELGATE_GRCP_PORT="1")
    assert done.returncode == 1
    assert "OTELGATE_TRACES_TO='zipkin': expected one of tempo, jaeger, both" in done.stderr
    assert "OTELGATE_GRCP_PORT: unknown setting of the gateway, did you mean OTELGATE_GRPC_PORT?" in done.stderr


ADVICE = (
    "expected no address beyond this machine, without both TLS and a bearer token: "
    "set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE and OTELGATE_TOKEN_FILE, or OTELGATE_INSECURE=true"
)


def test_open_host_stops(validate: Validate) -> None:
    done = validate(OTELGATE_HOST="0.0.0.0")
    assert done.returncode == 1
    for protocol, port in (("grpc", 4317), ("http", 4318)):
        assert f"receivers::otlp::protocols::{protocol}::endpoint='0.0.0.0:{port}': {ADVICE}" in done.stderr


@pytest.mark.parametrize("host", ["::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(validate: Validate, host: str) -> None:
    done = validate(OTELGATE_HOST=host)
    assert done.returncode == 0, done.stderr


def test_open_host_is_allowed_in_words(validate: Validate) -> None:
    assert validate(OTELGATE_HOST="0.0.0.0", OTELGATE_INSECURE="true").returncode == 0


def test_operators_own_receiver_is_guarded_too(validate: Validate, tmp_path: Path) -> None:
    own = tmp_path / "99-own.yaml"
    own.write_text("receivers: {otlp/open: {protocols: {grpc: {endpoint: '0.0.0.0:5317'}}}}")
    done = validate(own)
    assert done.returncode == 1
    assert f"receivers::otlp/open::protocols::grpc::endpoint='0.0.0.0:5317': {ADVICE}" in done.stderr
