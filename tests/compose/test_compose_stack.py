"""The compose stack, really brought up: official names, stand-in images, the gateway's own image."""

import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import knocking
import otlp
import pytest
import trustme
from otelgate_stack import access, credentials, service_table, state
from otelgate_stack.build import debian
from otelgate_stack.clients import Alertmanager, Prometheus, audit_store
from otelgate_stack.clients.audit_store import AuditStore
from otelgate_stack.config import monitoring
from otelgate_stack.doctor import doctor
from otelgate_stack.doctor.doors import Door
from otelgate_stack.doctor.hops import Hop
from otelgate_stack.engines import compose_cli
from otelgate_stack.engines.docker import DockerEngine
from otelgate_stack.engines.engine import ServiceStatus
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from waiting import until

pytestmark = pytest.mark.docker

Make = Callable[..., DockerEngine]
# On a busy machine an application takes a minute to start, and a store seconds to answer.
SOON_S = 240.0
ANSWER_S = 60.0
SERVICES = [name for name in service_table.ORDER if name != "grafana"]


def containers(engine: DockerEngine, docker: Any) -> dict[str, Any]:
    label = f"com.docker.compose.project={compose_cli.project(engine.settings)}"
    found = docker.containers.list(all=True, filters={"label": label})
    return {each.labels["com.docker.compose.service"]: each for each in found}


def volumes(engine: DockerEngine, docker: Any) -> set[str]:
    label = f"com.docker.compose.project={compose_cli.project(engine.settings)}"
    return {each.name for each in docker.volumes.list(filters={"label": label})}


def status(engine: DockerEngine, service: str) -> ServiceStatus:
    return {each.name: each for each in engine.status()}[service]


def test_every_service_is_up(stack: DockerEngine) -> None:
    found = [each for each in stack.status() if each.name != "grafana"]  # nothing can stand in for its image
    assert [(each.name, each.state, each.ready) for each in found] == [(name, "running", True) for name in SERVICES]
    assert all(each.uptime_s is not None and each.pid_or_container for each in found)


def test_each_signal_arrives_in_its_store(stack: DockerEngine) -> None:
    sent = otlp.send(stack.settings)
    assert otlp.missing(stack.settings, sent, "prometheus", "loki", "tempo", "jaeger") == []


def test_a_turn_is_on_record(stack: DockerEngine) -> None:
    hops: list[Hop] = []
    doctor.examine(stack.settings, hops.append, 60)
    assert [hop for hop in hops if not hop.ok] == []
    assert {"gateway → audit sink", "audit sink → PostgreSQL"} <= {hop.name for hop in hops}
    role = "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    assert [tuple(row.values()) for row in AuditStore(stack.settings)._rows(role)] == [(False, True)]
    assert not audit_store.answers(stack.settings.database, None)


def test_the_keeper_has_the_owners_commands_and_the_sink_has_not(stack: DockerEngine, docker: Any) -> None:
    """Their image holds all that they import, the heaviest included."""
    container = containers(stack, docker)["keeper"]
    for code in (
        "import otelgate_audit.export.command, pyarrow.parquet",
        "import otelgate_audit.verify.command, ssl, sqlite3, zoneinfo",
    ):
        status, output = container.exec_run(["/python/bin/python3", "-c", code])
        assert (status, output) == (0, b"")
    status, output = container.exec_run(["/python/bin/python3", "-m", "otelgate_audit", "migrate"])
    assert status == 0, output
    sink = containers(stack, docker)["audit"]
    status, output = sink.exec_run(["/python/bin/python3", "-m", "otelgate_audit", "migrate"])
    assert (status, b"no password supplied" in output) == (1, True)


def test_no_secret_is_in_a_container(stack: DockerEngine, docker: Any) -> None:
    """Only the paths of the files are."""
    secrets = [file.read_text().strip() for file in credentials.folder(stack.settings).iterdir()]
    for name, container in containers(stack, docker).items():
        assert not [secret for secret in secrets if secret in str(container.attrs)], name


@pytest.mark.shows("F23")
@pytest.mark.parametrize("name", list(access.WANTS))
def test_a_port_takes_what_it_wants_and_refuses_all_else(stack: DockerEngine, name: str) -> None:
    ((setting, (host, port)),) = compose_cli.published(stack.settings, [name]).items()
    door = Door(name, setting, f"{host}:{port}", access.WANTS[name], True)
    assert knocking.takes(door, stack.settings)
    assert knocking.refuses(door, stack.settings)


def test_a_second_up_changes_nothing(stack: DockerEngine, docker: Any) -> None:
    def running() -> dict[str, tuple[str, str]]:
        return {name: (each.id, each.attrs["State"]["StartedAt"]) for name, each in now().items() if name != "init"}

    def now() -> dict[str, Any]:
        return containers(stack, docker)

    before = running()
    stack.up()
    assert running() == before


def test_containers_run_as_configured(stack: DockerEngine, docker: Any) -> None:
    for name, container in containers(stack, docker).items():
        host = container.attrs["HostConfig"]
        assert container.attrs["Config"]["User"].partition(":")[0] in ("10001", "65534", "999", "472"), name
        assert host["ReadonlyRootfs"], name
        assert host["Memory"] >= 64 << 20, name
        bindings = (binding for each in (host["PortBindings"] or {}).values() for binding in each)
        assert {binding["HostIp"] for binding in bindings} <= {"127.0.0.1"}, name


def asked(stack: DockerEngine, query: str) -> list[dict[str, str]]:
    """The labels of what Prometheus finds."""
    return [dict(each.labels) for each in Prometheus.of(stack.settings, ANSWER_S).query(query)]


def nothing_is_down(stack: DockerEngine) -> bool:
    """Whether all probes succeed, soon: a busy machine may be late for one."""
    return until(lambda: not asked(stack, "probe_success == 0"), deadline_s=SOON_S)


@pytest.mark.shows("K27")
def test_scrape_and_probe_targets_are_up(stack: DockerEngine) -> None:
    def targets() -> dict[tuple[str, str], str]:
        answer = access.get(stack.settings, "prometheus", "/api/v1/targets", timeout=ANSWER_S)
        found = answer.raise_for_status().json()["data"]["activeTargets"]
        return {(each["labels"]["job"], each["labels"]["instance"]): each["health"] for each in found}

    assert until(lambda: set(targets().values()) == {"up"}, deadline_s=SOON_S), targets()
    assert {job for job, _ in targets()} == {"prometheus", "alertmanager", "node", "postgres", "probe"}
    seen = ("pg_up == 1", "node_memory_MemAvailable_bytes", 'node_filesystem_size_bytes{mountpoint="/"}')
    for query in ('probe_success{service="postgres"} == 1', 'probe_success{service="otelgate-audit"} == 1', *seen):
        assert until(lambda query=query: asked(stack, query), deadline_s=SOON_S), query  # type: ignore[misc]
    assert nothing_is_down(stack)


def test_alertmanager_hears_of_alerts(stack: DockerEngine) -> None:
    def names() -> set[str]:
        alerts = Alertmanager.of(stack.settings, ANSWER_S).alerts()
        return {each["labels"]["alertname"] for each in alerts}

    assert until(lambda: "Watchdog" in names(), deadline_s=SOON_S)


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def test_an_application_on_this_machine_is_probed(stack: DockerEngine) -> None:
    """Its 127.0.0.1 is not the prober's, so this machine is asked; it has to listen on more than its loopback."""
    with ThreadingHTTPServer(("0.0.0.0", 0), _Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/health"
        told = monitoring.probes(stack.settings) / "shop.json"
        told.write_text(json.dumps([{"targets": [url], "labels": {"service": "shop", "kind": "api"}}]))
        found = until(lambda: asked(stack, 'probe_success{service="shop"} == 1'), deadline_s=SOON_S)
        told.unlink()
        server.shutdown()
    assert [(each["instance"], each["kind"]) for each in found] == [(url, "api")]


def test_an_example_listens_where_the_prober_reaches_it(stack: DockerEngine) -> None:
    """Its API, and the Redis that it starts: no alert says that they are down."""
    own = {name: str(port) for name, port in stack.settings.ports().items()}
    own |= {"OTELGATE_STATE_DIR": str(stack.settings.state_dir)}
    state.remember_engine(stack.settings, stack.name)  # as `make up` does
    command = [sys.executable, "-m", "examples.common.run", "osool", "--seconds", "600"]
    with subprocess.Popen(command, cwd=stack.settings.root, env={**os.environ, **own}, start_new_session=True) as osool:
        try:
            up = 'probe_success{service="osool"} == 1 and on () redis_up == 1'
            found = until(lambda: asked(stack, up), deadline_s=SOON_S)
            assert [each["kind"] for each in found] == ["api"]
            assert nothing_is_down(stack)
        finally:
            os.killpg(osool.pid, signal.SIGTERM)
    (monitoring.probes(stack.settings) / "osool.json").unlink(missing_ok=True)


def test_acknowledged_data_survives_killed_gateway(stack: DockerEngine) -> None:
    for store in ("prometheus", "loki", "tempo"):
        stack.stop(store)
    assert (status(stack, "tempo").state, status(stack, "tempo").ready) == ("stopped", False)
    sent = otlp.send(stack.settings)
    stack.kill("gateway")
    for service in ("prometheus", "loki", "tempo", "gateway"):
        stack.start(service)
    assert all(each.ready for each in stack.status())
    # Not the metric: points are held in memory, and the next export of the application would heal them.
    assert otlp.missing(stack.settings, sent, "loki", "tempo") == []


def test_logs_come_with_the_services_name(stack: DockerEngine, capfd: pytest.CaptureFixture[str]) -> None:
    stack.logs(["gateway"], follow=False)
    lines = capfd.readouterr().out.splitlines()
    assert any("Everything is ready" in line for line in lines)
    assert all(line.startswith("gateway") for line in lines)


@pytest.mark.slow
def test_down_keeps_the_data_and_clean_removes_them(engine: Make, docker: Any) -> None:
    made = engine()
    made.up()
    sent = otlp.send(made.settings)
    assert otlp.missing(made.settings, sent, "prometheus", "loki", "tempo") == []
    made.down()
    assert containers(made, docker) == {}
    assert {each.state for each in made.status()} == {"stopped"}
    made.up()
    assert otlp.missing(made.settings, sent, "prometheus", "loki", "tempo") == []
    made.down()
    assert volumes(made, docker)
    made.clean()
    assert volumes(made, docker) == set()
    said = io.StringIO()
    DockerEngine(made.settings, Report(said)).down()
    assert said.getvalue() == "nothing is up\n"


@pytest.mark.slow
def test_deselected_trace_store_is_stopped(engine: Make, docker: Any) -> None:
    made = engine()
    made.up()
    ports = {name: str(port) for name, port in made.settings.ports().items()}
    other = engine(**ports, OTELGATE_TRACES_TO="jaeger")
    other.up()
    assert set(containers(other, docker)) - {"grafana"} == {"init", *SERVICES} - {"tempo", *debian.EXPORTERS}


def test_open_without_tls_and_token_it_refuses_and_says_why(engine: Make, docker: Any) -> None:
    made = engine(OTELGATE_HOST="0.0.0.0")
    with pytest.raises(StackError) as caught:
        made.up()
    text = str(caught.value)
    assert text.startswith("OTELGATE_HOST='0.0.0.0': the gateway would listen there, ")
    assert (
        "beyond this machine, without both TLS and a bearer token: set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE "
        "and OTELGATE_TOKEN_FILE, or OTELGATE_INSECURE=true"
    ) in text
    assert containers(made, docker) == {}


def test_open_with_tls_and_token_it_works(engine: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # would win over the exporter's own certificate
        monkeypatch.delenv(name, raising=False)
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    ca, cert, key, token = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "token"))
    authority.cert_pem.write_to_path(ca)
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    token.write_text("a-token")
    for secret in (key, token):
        secret.chmod(0o600)
    made = engine(
        OTELGATE_HOST="0.0.0.0",
        OTELGATE_TLS_CERT_FILE=str(cert),
        OTELGATE_TLS_KEY_FILE=str(key),
        OTELGATE_TOKEN_FILE=str(token),
    )
    made.up()
    sent = otlp.send(made.settings, ca=ca, token="a-token")
    assert otlp.missing(made.settings, sent, "prometheus", "loki", "tempo") == []
    assert stat.S_IMODE((tmp_path / "state" / "docker").stat().st_mode) == 0o700


def test_a_taken_port_is_named_with_its_holder(engine: Make, docker: Any) -> None:
    made = engine()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", made.settings.loki_port))
        holder.listen()
        with pytest.raises(StackError) as caught:
            made.up()
    assert str(caught.value).startswith(f"port {made.settings.loki_port} is taken by pid ")
    assert str(caught.value).endswith("stop it, or set OTELGATE_LOKI_PORT to a free port")
    assert containers(made, docker) == {}
