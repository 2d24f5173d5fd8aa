"""compose.yaml, as the real `docker compose config` reads it."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from otelgate_audit import settings as sink_settings
from otelgate_grafana import provisioning
from otelgate_stack import service_table, settings
from otelgate_stack.build import debian, images
from otelgate_stack.engines import compose_cli, grafana, postgres, services, watchers
from otelgate_stack.service_spec import CERTIFICATE, PASSWORD
from otelgate_stack.settings import ROWS

Render = Callable[..., dict[str, Any]]

EXPORTERS = {name for name, spec in service_table.SPECS.items() if spec.kind == "exporter"}

VARIANTS: dict[str, dict[str, str]] = {
    "default": {},
    "jaeger": {"OTELGATE_TRACES_TO": "jaeger"},
    "both": {"OTELGATE_TRACES_TO": "both"},
    "tls": {
        "OTELGATE_TLS_CERT_FILE": "/secrets/cert.pem",
        "OTELGATE_TLS_KEY_FILE": "/secrets/key.pem",
        "OTELGATE_TLS_CLIENT_CA_FILE": "/secrets/clients.pem",
        "OTELGATE_TOKEN_FILE": "/secrets/token",
    },
    "no audit": {"OTELGATE_AUDIT": "false"},
    "database": {"OTELGATE_DATABASE_URL": "postgresql://me@db.example/audit", "OTELGATE_DATABASE_PASSWORD_FILE": "/p"},
    "no exporters": {"OTELGATE_EXPORTERS": "false"},
    "open": {"OTELGATE_HOST": "0.0.0.0", "OTELGATE_INSECURE": "true"},
}
ALL = pytest.mark.parametrize("variant", VARIANTS)
# Hands out the health probe and ends; all the others stay.
ONE_SHOT = {"init"}


@ALL
def test_images_are_pinned_by_versions_env(render: Render, root: Path, variant: str) -> None:
    found = {name: service["image"] for name, service in render(**VARIANTS[variant])["services"].items()}
    expected = images.names(settings.load({}, root))
    assert found == {**expected, "init": expected["gateway"]}
    pins = set(images.pins(settings.load({}, root)).values())
    assert {image.rpartition(":")[2] for image in found.values()} <= pins
    assert "latest" not in str(found)


def test_no_pin_is_repeated(root: Path) -> None:
    text = (root / "compose" / "compose.yaml").read_text()
    pins = images.pins(settings.load({}, root))
    assert not [pin for name, pin in pins.items() if name.endswith(("_TAG", "_VERSION")) and pin in text]


def test_without_the_pins_it_says_what_to_pass(compose_binary: str, root: Path) -> None:
    answer = subprocess.run(
        [compose_binary, "-f", "compose/compose.yaml", "config"], cwd=root, capture_output=True, text=True
    )
    assert answer.returncode != 0
    assert "pass --env-file versions.env" in answer.stderr


@ALL
def test_every_service_is_watched_bounded_and_confined(render: Render, variant: str) -> None:
    for name, service in render(**VARIANTS[variant])["services"].items():
        assert int(service["mem_limit"]) >= 64 << 20, name
        assert service["pids_limit"] > 0, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"] == {"driver": "json-file", "options": {"max-file": "3", "max-size": "10m"}}, name
        if name not in ONE_SHOT:
            assert service["restart"] == "unless-stopped", name
            probe = ["CMD", "pg_isready"] if name == "postgres" else ["CMD", "/health/probe"]
            assert service["healthcheck"]["test"][:2] == probe, name
            assert service["stop_grace_period"], name
            assert service["depends_on"]["init"]["condition"] == "service_completed_successfully", name


@ALL
def test_all_state_is_in_named_volumes_and_the_rest_is_read_only(render: Render, variant: str) -> None:
    config = render(**VARIANTS[variant])
    written = set()
    for name, service in config["services"].items():
        for mount in service["volumes"]:
            assert mount["type"] in ("volume", "bind"), name
            if not mount.get("read_only"):
                assert mount["type"] == "volume", name
                assert mount["source"] in config["volumes"], name
                written.add((name, mount["source"]))
    assert written == {(spec.name, f"{spec.name}-data") for spec in service_table.TABLE if spec.data}


@ALL
def test_only_otlp_is_ever_published_beyond_this_machine(render: Render, variant: str) -> None:
    host = VARIANTS[variant].get("OTELGATE_HOST", "127.0.0.1")
    for name, service in render(**VARIANTS[variant])["services"].items():
        for port in service.get("ports", []):
            otlp = name == "gateway" and port["target"] in (4317, 4318)  # and votes, by a setting of their own
            assert port["host_ip"] == (host if otlp else "127.0.0.1"), (name, port)


def test_unavailable_services_are_left_out(load: Callable[..., settings.Settings], compose_binary: str) -> None:
    made = load()
    compose_cli.remember_absent(made, ["grafana", "prober"])
    config = compose_cli.Compose(made, [compose_binary]).config()["services"]
    assert {name for name in watchers.OPTIONAL if config[name].get("scale", 1) == 0} == {"grafana", "prober"}
    assert {"grafana", "prober"} == set(service_table.names(made)) - set(compose_cli.running(made))
    compose_cli.remember_absent(made, [])
    assert compose_cli.running(made) == service_table.names(made)


def test_exporters_can_be_left_out(render: Render) -> None:
    config = render(OTELGATE_EXPORTERS="false")["services"]
    assert {name for name in config if config[name].get("scale", 1) == 0} == {*debian.EXPORTERS, "jaeger"}
    elsewhere = render(**VARIANTS["database"])["services"]
    assert elsewhere["postgres-exporter"]["scale"] == 0


def test_grafana_has_no_default_password_and_no_guests(render: Render) -> None:
    environment = render(OTELGATE_GRAFANA_URL="https://grafana.example")["services"]["grafana"]["environment"]
    assert {name: environment[name] for name in grafana.SETTINGS} == grafana.SETTINGS
    assert environment["GF_SERVER_ROOT_URL"] == "https://grafana.example"
    for name in ("ADMIN_PASSWORD", "SECRET_KEY"):
        assert environment[f"GF_SECURITY_{name}"] == f"$$__file{{/run/secrets/grafana_{name.lower()}}}"
    assert set(provisioning.ENVIRONMENT) <= set(environment)


def test_grafana_finds_a_database_elsewhere(render: Render) -> None:
    def database(**env: str) -> dict[str, str]:
        environment = render(**env)["services"]["grafana"]["environment"]
        names = ("ADDRESS", "NAME", "SSLMODE")
        return {name: environment[f"OTELGATE_GRAFANA_DATABASE_{name}"] for name in names}

    assert database() == {"ADDRESS": "postgres:5432", "NAME": "otelgate", "SSLMODE": "disable"}
    expected = {"ADDRESS": "db.example:5432", "NAME": "audit", "SSLMODE": "require"}
    assert database(**VARIANTS["database"]) == expected


def test_grafana_starts_without_the_audit_store(render: Render) -> None:
    assert render(OTELGATE_AUDIT="false")["secrets"]["grafana_database_password"]["file"] == "/dev/null"


def test_the_sink_reads_what_compose_gives_it(render: Render) -> None:
    config = render(OTELGATE_FEEDBACK_ORIGINS="https://app.example", OTELGATE_RETENTION_AUDIT="10d")["services"]
    owned = {f"OTELGATE_{name}_FILE" for name in ("DATABASE_PASSWORD", "GRAFANA_DATABASE_PASSWORD", "PSEUDONYM_KEY")}
    for name in ("audit", "keeper", "feedback"):
        environment = config[name]["environment"]
        loaded = sink_settings.load(environment)
        owner = name == "keeper"
        role = "otelgate" if owner else "otelgate_writer"
        assert loaded.database_url == f"postgresql://{role}@postgres:5432/otelgate"
        assert loaded.database_password_file == (Path("/run/secrets/database_password") if owner else None)
        assert loaded.writer_password_file == Path("/run/secrets/writer_password")
        assert (loaded.prometheus_url, loaded.loki_url) == ("http://prometheus:9090", "https://loki:3100")
        assert loaded.otlp_endpoint == "http://gateway:4317"
        assert loaded.feedback_origins == ("https://app.example",)
        assert loaded.retention_audit == timedelta(days=10)
        # Inside the network the ports are the defaults; everything else can be set.
        given = {row.env for row in sink_settings.ROWS}
        assert given - set(environment) == {
            "OTELGATE_AUDIT_PORT",
            "OTELGATE_AUDIT_HEALTH_PORT",
            "OTELGATE_KEEPER_PORT",
            "OTELGATE_FEEDBACK_PORT",
            *(() if owner else owned),
        }
    assert config["gateway"]["environment"]["OTELGATE_AUDIT_ENDPOINT"] == "audit:4320"


def test_a_database_elsewhere_is_reached_with_its_own_password(render: Render, tmp_path: Path) -> None:
    config = render(**VARIANTS["database"])
    assert {
        name: config["services"][name]["environment"]["OTELGATE_DATABASE_URL"]
        for name in ("keeper", "audit", "feedback")
    } == {
        "keeper": "postgresql://me@db.example/audit",
        **dict.fromkeys(("audit", "feedback"), "postgresql://otelgate_writer@db.example/audit"),
    }
    assert config["secrets"]["database_password"]["file"] == f"{tmp_path}/state/docker/database_password_file"
    without = render(OTELGATE_DATABASE_URL="postgresql://me@db.example/audit")
    assert without["services"]["keeper"]["environment"]["OTELGATE_DATABASE_PASSWORD_FILE"] == ""
    assert without["secrets"]["database_password"]["file"] == "/dev/null"


def test_with_tls_the_sink_knows_the_gateway(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_CERTIFICATE", raising=False)
    token = tmp_path / "token"
    token.write_text("t0ken")
    config = render(**VARIANTS["tls"] | {"OTELGATE_TOKEN_FILE": str(token)})
    environment = config["services"]["audit"]["environment"]
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://gateway:4317"
    assert environment["OTEL_EXPORTER_OTLP_CERTIFICATE"] == "/run/secrets/gateway_authority"
    assert environment["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20t0ken"
    assert config["secrets"]["gateway_authority"]["file"] == f"{tmp_path}/state/docker/gateway_authority"


def test_both_engines_start_postgres_alike(render: Render) -> None:
    service = render()["services"]["postgres"]
    assert service["command"] == ["postgres", *(f"-c{option}" for option in postgres.OPTIONS)]
    assert service["environment"]["POSTGRES_INITDB_ARGS"].split() == list(postgres.INITDB_ARGUMENTS)
    assert service["user"] == "999:999"
    assert service["stop_signal"] == "SIGINT"


def test_gateway_gets_only_known_settings(render: Render) -> None:
    known = {row.env for row in ROWS if "gateway" in row.readers} | {"OTELGATE_PUBLISHED_HOST"}
    environment = render()["services"]["gateway"]["environment"]
    assert set(environment) <= known
    # Their ports inside the network are the defaults; everything else can be set.
    assert known - set(environment) == {
        f"OTELGATE_{name}_PORT" for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")
    }


def test_services_meet_only_those_that_they_need(render: Render) -> None:
    networks = {name: set(each.get("networks", ())) for name, each in render()["services"].items() if name != "init"}
    met = {
        name: {other for other, theirs in networks.items() if other != name and own & theirs}
        for name, own in networks.items()
    }
    stores = set(service_table.STORES)
    read = {"grafana", "postgres", "prober"}
    audit = {"audit", "keeper"}
    watching = {"prometheus", "alertmanager", "prober"}
    exporters = EXPORTERS - {"prober"}
    expected = {
        "gateway": {*stores, *audit, "feedback", "prober"},
        **{name: {"gateway", *stores - {name}, *read} for name in stores},
        "prometheus": set(networks) - {"prometheus", "feedback"},
        "loki": {"gateway", *audit, *stores - {"loki"}, *read},
        "audit": {"gateway", "prometheus", "loki", "keeper", "postgres", "postgres-exporter", "prober"},
        "keeper": {"gateway", "prometheus", "loki", "audit", "postgres", "postgres-exporter", "prober"},
        "feedback": {"gateway", "prober"},
        "postgres": {*stores, "grafana", *audit, "postgres-exporter", "prober"},
        "alertmanager": {"prometheus", "prober", *exporters},
        "prober": set(networks) - {"prober"},
        **{name: {*watching, *exporters - {name}} for name in exporters},
        "postgres-exporter": {*watching, *exporters - {"postgres-exporter"}, "postgres", *audit},
        "grafana": {*stores, "postgres", "prober"},
    }
    assert met == expected


def test_secrets_are_mounted_where_they_are_needed(render: Render) -> None:
    mounted = {
        name: {secret["source"] for secret in each.get("secrets", ())} for name, each in render()["services"].items()
    }
    assert mounted["feedback"] == {"feedback_secret", "gateway_authority", "client_certificate", "client_key"}
    assert {name for name, secrets in mounted.items() if "audit_key" in secrets} == {"audit", "keeper"}
    assert {name for name, secrets in mounted.items() if "database_password" in secrets} == {"keeper", "postgres"}
    assert {name for name, secrets in mounted.items() if "writer_password" in secrets} == {"audit", "keeper"}
    assert {name for name, secrets in mounted.items() if "audit_token" in secrets} == {"audit", "gateway"}
    assert "feedback_secret" not in mounted["audit"]


def test_settings_reach_the_services(render: Render) -> None:
    config = render(
        OTELGATE_RETENTION_METRICS="2d",
        OTELGATE_RETENTION_LOGS="3d",
        OTELGATE_RETENTION_TRACES="4d",
        OTELGATE_MEMORY_LIMIT_MIB="2000",
        OTELGATE_FSYNC="true",
        OTELGATE_LOKI_ENDPOINT="https://loki.example.org/otlp",
    )["services"]
    assert "--storage.tsdb.retention.time=48h" in config["prometheus"]["command"]
    assert config["loki"]["environment"]["OTELGATE_RETENTION_LOGS"] == "72h"
    assert config["tempo"]["environment"]["OTELGATE_RETENTION_TRACES"] == "96h"
    assert config["jaeger"]["environment"]["OTELGATE_RETENTION_TRACES"] == "96h"
    assert config["gateway"]["environment"]["OTELGATE_MEMORY_LIMIT_MIB"] == "2000"
    assert config["gateway"]["environment"]["OTELGATE_FSYNC"] == "true"
    assert config["gateway"]["environment"]["OTELGATE_LOKI_ENDPOINT"] == "https://loki.example.org/otlp"
    assert config["gateway"]["environment"]["OTELGATE_TEMPO_ENDPOINT"] == "https://tempo:14317"
    assert int(config["gateway"]["mem_limit"]) == 3000 << 20


def test_secrets_are_mounted_only_where_they_are_set(render: Render, tmp_path: Path) -> None:
    files = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE", "TOKEN_FILE")
    unset, tls = render(), render(**VARIANTS["tls"])
    gateways = ("tls_cert", "tls_key", "tls_client_ca", "token")
    assert {unset["secrets"][name]["file"] for name in gateways} == {"/dev/null"}
    assert {unset["services"]["gateway"]["environment"][f"OTELGATE_{name}"] for name in files} == {""}
    assert {name: tls["secrets"][name]["file"] for name in gateways} == {
        "tls_cert": f"{tmp_path}/state/docker/tls_cert_file",
        "tls_key": f"{tmp_path}/state/docker/tls_key_file",
        "tls_client_ca": f"{tmp_path}/state/docker/tls_client_ca_file",
        "token": f"{tmp_path}/state/docker/token_file",
    }
    assert [tls["services"]["gateway"]["environment"][f"OTELGATE_{name}"] for name in files] == [
        "/run/secrets/tls_cert",
        "/run/secrets/tls_key",
        "/run/secrets/tls_client_ca",
        "/run/secrets/token",
    ]


def test_by_hand_it_is_what_make_up_runs(render: Render, compose_binary: str, root: Path, tmp_path: Path) -> None:
    """The defaults in compose.yaml are those of the settings table."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTELGATE_", "COMPOSE_"))}
    command = [compose_binary, "--env-file=versions.env", "-f", "compose/compose.yaml", "config", "--format=json"]
    answer = subprocess.run(command, cwd=root, env=clean, capture_output=True, text=True, check=True)
    by_hand = json.loads(answer.stdout)
    assert by_hand["name"] == "otelgate"
    # `make up` writes to its state folder, which is another one here.
    made = json.loads(json.dumps(render()["services"]).replace(f"{tmp_path}/state/", f"{root}/.otelgate/"))
    assert _without_stamp(by_hand["services"]) == _without_stamp(made)


def _without_stamp(config: dict[str, Any]) -> dict[str, Any]:
    return {name: {**service, "labels": None} for name, service in config.items()}


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_services_with_generated_files_get_native_arguments(render: Render, tmp_path: Path, name: str) -> None:
    native = services.services(settings.load({}), [name])[0]
    service = render()["services"][name]

    def flags(arguments: list[str]) -> dict[str, str]:
        return {flag: value for flag, _, value in (argument.partition("=") for argument in arguments)}

    inside, here = flags(service["command"]), flags(list(native.arguments))
    assert inside.keys() == here.keys()
    different = {flag for flag in inside if inside[flag] != here[flag]}
    files = {"--config.file", "--web.config.file", "--storage.path", "--storage.tsdb.path"}
    assert different <= {*files, "--web.listen-address"}
    assert inside["--web.listen-address"] == here["--web.listen-address"].replace("127.0.0.1", "0.0.0.0")
    (file,) = [each for each in service["volumes"] if each["target"] == "/etc/otelgate"]
    assert Path(inside["--config.file"]).name == Path(here["--config.file"]).name
    assert file["source"] == f"{tmp_path}/state/docker/{name}"


def test_services_mount_what_they_and_their_health_checks_need(render: Render) -> None:
    """The stores' secrets go to those alone who ask a store, or have to know who may."""
    services = render()["services"]
    mounted = {
        name: {secret["source"].removeprefix("stores_") for secret in service.get("secrets", ())
               if secret["source"].startswith("stores_")}
        for name, service in services.items()
    }  # fmt: skip
    pair = {"certificate", "key", "authority"}
    both, closed = {"password", *pair}, {"web", "password"}
    wants = {name: spec.wants for name, spec in service_table.SPECS.items()}
    assert {name: found for name, found in mounted.items() if found} == {
        **dict.fromkeys((*service_table.STORES, *(name for name in EXPORTERS if wants[name] == CERTIFICATE)), pair),
        "gateway": both,
        "keeper": both,
        "grafana": both,
        "prometheus": both | closed,
        "prober": both | closed,
        "tempo": both,
        "jaeger": both | {"users"},
        **dict.fromkeys(
            ("alertmanager", *(name for name in EXPORTERS - {"prober"} if wants[name] == PASSWORD)), closed
        ),
    }


@pytest.mark.parametrize(
    ("url", "sent"),
    [("http://prometheus.example:9090", ""), ("http://127.0.0.1:9090", "/run/secrets/stores_password")],
)
def test_a_prometheus_elsewhere_does_not_get_the_password(render: Render, url: str, sent: str) -> None:
    given = {"OTELGATE_PROMETHEUS_ENDPOINT": f"{url}/api/v1/write", "OTELGATE_PROMETHEUS_URL": url}
    services = render(**given)["services"]
    assert {services[name]["environment"]["OTELGATE_STORES_PASSWORD_FILE"] for name in ("gateway", "keeper")} == {sent}


@pytest.mark.parametrize("name", list(debian.EXPORTERS))
def test_exporters_get_the_native_arguments(render: Render, name: str) -> None:
    native = services.services(settings.load({}), [name])[0]
    given = set(render()["services"][name]["command"])
    # Arguments that only the distribution's older program needs (watchers.py).
    same = [argument for argument in native.arguments if not argument.endswith("bgwriter")]
    own = {argument.replace("127.0.0.1", "0.0.0.0") for argument in same if "=/" not in argument}
    assert own <= given
    # Of this machine it sees what is mounted.
    assert name == "node-exporter" or len(given) == len(same)


@pytest.mark.parametrize("name", [name for name in service_table.STORES if not service_table.SPECS[name].made])
def test_backends_get_the_arguments_and_the_file_of_the_native_engine(render: Render, root: Path, name: str) -> None:
    native = services.services(settings.load({}, root), [name])[0]
    service = render()["services"][name]
    (mount,) = [each for each in service["volumes"] if each["type"] == "bind"]
    (data,) = [each for each in service["volumes"] if each["source"] == f"{name}-data"]
    assert [Path(mount["source"]) / config.name for config in native.configs] == list(native.configs)
    places = [(str(native.configs[0].parent), mount["target"]), (str(native.data_dir), data["target"])]
    expected = " ".join(native.arguments).replace("127.0.0.1:", "0.0.0.0:")
    for here, inside in places:
        expected = expected.replace(here, inside)
    assert sorted(service["command"]) == sorted(expected.split())
