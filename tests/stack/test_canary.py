"""A canary that cannot be sent: its refusal names the file at fault. Nothing listens here."""

from pathlib import Path

import pytest
import trustme
from otelgate_stack import settings, target
from otelgate_stack.doctor import canary, hops

PROTOCOLS = pytest.mark.parametrize("protocol", canary.PROTOCOLS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, client.pem with key.pem, and another key in other.pem."""
    folder = tmp_path_factory.mktemp("files")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("client.example")
    certificate.cert_chain_pems[0].write_to_path(folder / "client.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    authority.issue_cert("other.example").private_key_pem.write_to_path(folder / "other.pem")
    (folder / "bad.pem").write_text("no certificate")
    return folder


def refused(files: Path, protocol: str, authority: str, certificate: str, key: str) -> canary.RefusedError:
    client = (files / certificate, files / key)
    away = target.Target("https://127.0.0.1:1", "https://127.0.0.1:1", files / authority, client=client)
    with pytest.raises(canary.RefusedError) as caught:
        canary.send(away, "traces", protocol, canary.Canary(), timeout_s=5)
    return caught.value


@PROTOCOLS
@pytest.mark.parametrize(
    ("certificate", "key", "named"),
    [
        ("none.pem", "key.pem", ["none.pem: No such file or directory"]),
        ("client.pem", "none.pem", ["none.pem: No such file or directory"]),
        ("bad.pem", "key.pem", ["bad.pem and ", "key.pem: "]),
        ("client.pem", "bad.pem", ["client.pem and ", "bad.pem: "]),
        ("client.pem", "other.pem", ["client.pem and ", "other.pem: "]),
    ],
)
def test_send_with_a_bad_client_file_names_it(
    files: Path, protocol: str, certificate: str, key: str, named: list[str]
) -> None:
    error = refused(files, protocol, "ca.pem", certificate, key)
    assert error.kind == "client"
    assert [part for part in named if f"{files}/{part}" not in str(error)] == []
    assert "ca.pem" not in str(error)
    fix = hops.why_refused(error.kind, settings.load({}), {})
    assert fix.startswith("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY must name ")


@PROTOCOLS
@pytest.mark.parametrize(("authority", "why"), [("none.pem", "No such file or directory"), ("bad.pem", "[X509")])
def test_send_with_a_bad_authority_names_its_file(files: Path, protocol: str, authority: str, why: str) -> None:
    error = refused(files, protocol, authority, "client.pem", "key.pem")
    assert error.kind == "tls"
    assert str(error).startswith(f"{files}/{authority}: {why}")
