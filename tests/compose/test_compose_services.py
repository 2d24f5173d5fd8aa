"""compose.yaml says of each service what the table of services says."""

from collections.abc import Callable
from typing import Any

import pytest
from otelgate_stack import service_table, settings
from otelgate_stack.engines import compose_cli
from otelgate_stack.service_spec import CERTIFICATE, PASSWORD, Port, Spec
from otelgate_stack.service_table import SPECS, TABLE
from otelgate_stack.settings import ROWS

Render = Callable[..., dict[str, Any]]

EACH = pytest.mark.parametrize("spec", TABLE, ids=list(SPECS))
DEFAULTS = {row.field: row.default for row in ROWS}
PORTS = {row.field: str(20000 + number) for number, row in enumerate(ROWS) if row.kind == "port"}
HOSTS = {"host": "127.0.0.2", "feedback_host": "127.0.0.3"}
CREDENTIALS = {PASSWORD: {"-password"}, CERTIFICATE: {"-certificate", "-key", "-authority"}, "": set()}


@pytest.fixture(scope="module")
def moved(compose_binary: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The services of a stack with both stores of traces, on other ports and addresses."""
    env = {row.env: PORTS[row.field] for row in ROWS if row.field in PORTS}
    env |= {row.env: HOSTS[row.field] for row in ROWS if row.field in HOSTS}
    env |= {"OTELGATE_TRACES_TO": "both", "OTELGATE_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    services: dict[str, Any] = compose_cli.Compose(settings.load(env), [compose_binary]).config()["services"]
    return services


def inside(port: Port) -> int:
    return port.inside or int(DEFAULTS[port.setting])


def test_render_has_the_services_of_the_table(moved: dict[str, Any]) -> None:
    assert set(moved) == {"init", *SPECS}


@EACH
def test_render_publishes_the_ports_of_the_table(moved: dict[str, Any], spec: Spec) -> None:
    found = {(port["target"], port["published"], port["host_ip"]) for port in moved[spec.name].get("ports", [])}
    assert found == {
        (inside(port), PORTS[port.setting], HOSTS.get(port.host, "127.0.0.1")) for port in spec.ports if not port.inner
    }


@EACH
def test_render_bounds_the_memory_as_the_table(moved: dict[str, Any], spec: Spec) -> None:
    service = moved[spec.name]
    assert int(service["mem_limit"]) == spec.memory_mib << 20
    limit = f"{spec.go_memory_mib}MiB" if spec.go_memory_mib else None
    assert service.get("environment", {}).get("GOMEMLIMIT") == limit


@EACH
def test_render_checks_the_health_of_the_table(moved: dict[str, Any], spec: Spec) -> None:
    check = moved[spec.name]["healthcheck"]["test"]
    if spec.kind == "database":
        assert check[1] == "pg_isready"
        return
    scheme = "https" if spec.wants == CERTIFICATE else "http"
    assert check[-1] == f"{scheme}://127.0.0.1:{inside(spec.checked)}{spec.health}"
    assert {option.partition("=")[0] for option in check if option.startswith("-")} == CREDENTIALS[spec.wants]


@EACH
def test_render_keeps_the_data_of_the_table(moved: dict[str, Any], spec: Spec) -> None:
    mounts = moved[spec.name]["volumes"]
    written = {mount["target"]: mount["source"] for mount in mounts if not mount.get("read_only")}
    assert written == ({spec.data: f"{spec.name}-data"} if spec.data else {})


@EACH
def test_render_stops_as_the_table(moved: dict[str, Any], spec: Spec) -> None:
    service = moved[spec.name]
    seconds = spec.container_stop_wait_s or spec.stop_wait_s
    assert service["stop_grace_period"] == (f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60}s")
    assert service.get("stop_signal", "SIGTERM") == f"SIG{spec.stop_signal}"


AUDIT_STORE = {"audit", "keeper", "feedback", "postgres", "postgres-exporter"}
EXPORTERS = {spec.name for spec in TABLE if spec.kind == "exporter"}


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [
        ("OTELGATE_TRACES_TO", "tempo", {"jaeger"}),
        ("OTELGATE_TRACES_TO", "jaeger", {"tempo"}),
        ("OTELGATE_TRACES_TO", "both", set()),
        ("OTELGATE_AUDIT", "false", {"jaeger", *AUDIT_STORE}),
        ("OTELGATE_EXPORTERS", "false", {"jaeger", *EXPORTERS}),
        ("OTELGATE_DATABASE_URL", "postgresql://me@db/x", {"jaeger", "postgres", "postgres-exporter"}),
    ],
)
def test_render_leaves_out_what_the_settings_do(
    render: Render, load: Callable[..., settings.Settings], name: str, value: str, missing: set[str]
) -> None:
    services = render(**{name: value})["services"]
    assert {each for each in SPECS if services[each].get("scale", 1) == 0} == missing
    assert set(SPECS) - set(service_table.names(load(**{name: value}))) == missing
    assert services["gateway"]["environment"].get(name, value) == value


def test_go_memory_is_nine_tenths_of_a_go_programs_limit() -> None:
    assert SPECS["prometheus"].go_memory_mib == 921
    assert {name for name, spec in SPECS.items() if spec.go_memory_mib is None} == {
        *("gateway", "audit", "keeper", "postgres", "feedback")
    }
