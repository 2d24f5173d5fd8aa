"""TLS and tokens, from the SDK by its standard variables; and no open door without them."""

import sys
from pathlib import Path

import certifi
import pytest
import trustme
from waiting import until
from world import OwnGateway, World

PROGRAM = (
    "import logging, otelgate; otelgate.init()\n"
    "from opentelemetry import metrics\n"
    "metrics.get_meter('m').create_counter('closed.visits').add(1)\n"
    "with otelgate.agent('clerk'):\n"
    "    logging.getLogger('clerk').warning('hello'); print(otelgate.current_trace_id())\n"
)


@pytest.fixture(scope="module")
def closed(own_gateway: OwnGateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateway with a certificate and a token; gives the folder with ca.pem."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "token").write_text("t0ken")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)  # the container's user is not ours
    own_gateway.gateway.stop()
    own_gateway.gateway.start(
        OTELGATE_TLS_CERT_FILE=str(folder / "cert.pem"),
        OTELGATE_TLS_KEY_FILE=str(folder / "key.pem"),
        OTELGATE_TOKEN_FILE=str(folder / "token"),
        OTELGATE_TRACES_TO="tempo",
    )
    return folder


def send(world: World, closed: Path, service: str, protocol: str, **env: str) -> str:
    port = world.settings.grpc_port if protocol == "grpc" else world.settings.http_port
    variables = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{port}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(closed / "ca.pem"),
        "REQUESTS_CA_BUNDLE": certifi.where(),  # as many machines set it; OpenTelemetry's own variable holds
        **env,
    }
    done = world.run([sys.executable, "-c", PROGRAM], world.application_env(service, **variables))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_right_token_passes(own_gateway: OwnGateway, closed: Path, protocol: str) -> None:
    service = f"closed-{protocol[:4]}"
    trace_id = send(own_gateway, closed, service, protocol, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20t0ken")
    assert until(lambda: own_gateway.tempo.trace(trace_id))
    assert until(lambda: own_gateway.loki.query_range(f'{{service_name="{service}"}} | trace_id="{trace_id}"'))
    assert until(lambda: own_gateway.prometheus.value(f'sum(closed_visits_total{{service_name="{service}"}})')) == 1


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("headers", ["", "authorization=Bearer%20wrong"], ids=["none", "wrong"])
def test_no_other_token_passes(own_gateway: OwnGateway, closed: Path, protocol: str, headers: str) -> None:
    service = f"refused-{protocol[:4]}-{bool(headers)}"
    refused = send(own_gateway, closed, service, protocol, OTEL_EXPORTER_OTLP_HEADERS=headers)
    # One that passes, sent later and seen, shows that the refused one is not merely late.
    passed = send(own_gateway, closed, service, protocol, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20t0ken")
    assert until(lambda: own_gateway.tempo.trace(passed))
    assert own_gateway.tempo.trace(refused) == []


def test_plain_text_does_not_pass(own_gateway: OwnGateway, closed: Path) -> None:
    done = own_gateway.run([sys.executable, "-c", PROGRAM], own_gateway.application_env("refused-plain"))
    refused = done.stdout.strip()
    passed = send(own_gateway, closed, "x", "grpc", OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20t0ken")
    assert until(lambda: own_gateway.tempo.trace(passed))
    assert own_gateway.tempo.trace(refused) == []


@pytest.fixture(scope="module")
def mutual(own_gateway: OwnGateway, closed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateway asks clients for a certificate, too; gives the folder of a good one and of a stranger's."""
    folder = tmp_path_factory.mktemp("clients")
    for name in ("clients", "stranger"):
        authority = trustme.CA()
        certificate = authority.issue_cert(f"{name}.example")
        authority.cert_pem.write_to_path(folder / f"{name}-ca.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(folder / f"{name}-key.pem")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    own_gateway.gateway.stop()
    own_gateway.gateway.start(
        OTELGATE_TLS_CERT_FILE=str(closed / "cert.pem"),
        OTELGATE_TLS_KEY_FILE=str(closed / "key.pem"),
        OTELGATE_TLS_CLIENT_CA_FILE=str(folder / "clients-ca.pem"),
        OTELGATE_TOKEN_FILE=str(closed / "token"),
        OTELGATE_TRACES_TO="tempo",
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_send_with_a_clients_certificate_passes_and_without_is_refused(
    own_gateway: OwnGateway, closed: Path, mutual: Path, protocol: str
) -> None:
    def sent(name: str | None, token: str = "t0ken") -> str:
        shown = {
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(mutual / f"{name}.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(mutual / f"{name}-key.pem"),
        }
        headers = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}"}
        return send(own_gateway, closed, f"mutual-{protocol[:4]}", protocol, **headers, **(shown if name else {}))

    refused = [sent(None), sent("stranger"), sent("clients", "wrong")]
    passed = sent("clients")
    assert until(lambda: own_gateway.tempo.trace(passed))
    assert [own_gateway.tempo.trace(each) for each in refused] == [[], [], []]


def test_an_open_door_stops_the_start(own_gateway: OwnGateway) -> None:
    own_gateway.gateway.stop()
    with pytest.raises(RuntimeError, match="beyond this machine, without both TLS and a bearer token"):
        own_gateway.gateway.start(OTELGATE_HOST="0.0.0.0")
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_HOST="0.0.0.0", OTELGATE_INSECURE="true", OTELGATE_TRACES_TO="tempo")
