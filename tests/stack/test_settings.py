"""The settings table: defaults, where values come from, and error texts to the letter."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from otelgate import names
from otelgate_audit import hosts, kinds
from otelgate_audit import settings as sink_settings
from otelgate_stack import settings, target
from otelgate_stack.settings import SettingsError

BAD = {
    ("OTELGATE_TRACES_TO", "zipkin"): "expected one of tempo, jaeger, both",
    ("OTELGATE_ENGINE", "podman"): "expected one of auto, native, docker",
    ("OTELGATE_LOKI_PORT", "0"): "expected a port number from 1 to 65535",
    ("OTELGATE_LOKI_PORT", "65536"): "expected a port number from 1 to 65535",
    ("OTELGATE_LOKI_PORT", "http"): "expected a port number from 1 to 65535",
    ("OTELGATE_PORT_OFFSET", "40001"): "expected a whole number from 0 to 40000",
    ("OTELGATE_PORT_OFFSET", "-1"): "expected a whole number from 0 to 40000",
    ("OTELGATE_HOST", "[x]"): "expected an IP address or a host name",
    ("OTELGATE_INSECURE", "yes"): "expected true or false",
    ("OTELGATE_QUEUE_BYTES", "1GB"): "expected a whole number of at least 8192",
    ("OTELGATE_HOST", "http://x"): "expected an IP address or a host name",
    ("OTELGATE_TEMPO_ENDPOINT", "http://tempo:4317"): "expected host:port, or https://host:port with TLS",
    ("OTELGATE_LOKI_ENDPOINT", "loki:3100"): "expected an http:// or https:// URL",
    ("OTELGATE_RETENTION_LOGS", "90m"): "expected a duration of at least 24h in hours, days or weeks, such as 90d",
    ("OTELGATE_RETENTION_TRACES", "0d"): "expected a duration of at least 24h in hours, days or weeks, such as 90d",
    ("OTELGATE_SAMPLE_PERCENT", "101"): "expected a number from 0 to 100",
    ("OTELGATE_SAMPLE_COST_USD", "0"): "expected a number above 0",
    ("OTELGATE_SAMPLE_WAIT", "500ms"): "expected a duration of at least 1s, such as 30s, 5m or 1h",
    ("OTELGATE_DATABASE_URL", "mysql://db/x"): "expected a postgresql:// URL",
    ("OTELGATE_FEEDBACK_ORIGINS", "app.example"): "expected origins such as https://app.example, with commas between",
    ("OTELGATE_FEEDBACK_RATE", "fast"): "expected a number per second, minute, hour or day, such as 30/minute",
    ("OTELGATE_ALERTMANAGER_PORT", "x"): "expected a port number from 1 to 65535",
    ("OTELGATE_EXPORTERS", "no"): "expected true or false",
    ("OTELGATE_PAGERDUTY_URL", "events.pagerduty.com"): "expected an http:// or https:// URL",
    ("OTELGATE_SMTP_HOST", "mail.example"): "expected host:port",
    ("OTELGATE_SMTP_FROM", "otelgate"): "expected a mail address",
    ("OTELGATE_SMTP_FROM", "a@x.example,b@x.example"): "expected a mail address",
    ("OTELGATE_SMTP_TO", "a@x.example,b"): "expected mail addresses, with commas between",
    ("OTELGATE_SMTP_REQUIRE_TLS", "1"): "expected true or false",
    ("OTELGATE_ALERT_WEBHOOK_URL", "localhost:8080"): "expected an http:// or https:// URL",
    ("OTELGATE_GRAFANA_URL", "grafana"): "expected an http:// or https:// URL",
    ("OTELGATE_RUNBOOKS_URL", "wiki"): "expected an http:// or https:// URL",
    ("OTELGATE_VULNERABILITIES_GO", "ftp://mirror/go"): "expected a path, or a file://, http:// or https:// URL",
    ("OTELGATE_VULNERABILITIES_PYTHON", "file://mirror/x"): "expected a path, or a file://, http:// or https:// URL",
    ("OTELGATE_RETENTION_METRICS", "30"): "expected a duration of at least 24h in hours, days or weeks, such as 90d",
}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_names_setting_value_and_what_was_expected(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({name: value})
    assert str(caught.value) == f"{name}='{value}': {BAD[name, value]}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTELGATE_LOKIPORT", "OTELGATE_LOKIPORT: unknown setting; did you mean OTELGATE_LOKI_PORT?"),
        ("OTELGATE_TRACE_TO", "OTELGATE_TRACE_TO: unknown setting; did you mean OTELGATE_TRACES_TO?"),
        ("OTELGATE_ZZZ", "OTELGATE_ZZZ: unknown setting; docs/reference/settings.md lists them"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({name: "1"})
    assert str(caught.value) == text


def test_published_host_is_rejected_as_setting() -> None:
    # Natively it would talk the gateway out of its closed-by-default check.
    with pytest.raises(SettingsError, match=r"^OTELGATE_PUBLISHED_HOST: unknown setting"):
        settings.load({"OTELGATE_PUBLISHED_HOST": "127.0.0.1"})


def test_variables_of_the_sdk_are_left_to_applications() -> None:
    own = {
        value: "x" for name, value in vars(names).items() if name.startswith("ENV_") and value.startswith("OTELGATE_")
    }
    assert own
    settings.load(own)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"OTELGATE_FSYNC": "1", "OTELGATE_LOG_LEVEL": "loud"})
    assert str(caught.value).splitlines() == [
        "OTELGATE_FSYNC='1': expected true or false",
        "OTELGATE_LOG_LEVEL='loud': expected one of debug, info, warn, error",
    ]


def test_a_mistyped_witness_hides_its_address() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"OTELGATE_WITNESS": "htps://hooks.example/SECRET"})
    assert "OTELGATE_WITNESS='htps:…': expected " in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_two_services_cannot_have_one_port() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"OTELGATE_LOKI_PORT": "9090"})
    assert (
        str(caught.value)
        == "OTELGATE_LOKI_PORT='9090': expected a port of its own, OTELGATE_PROMETHEUS_PORT has the same"
    )


def test_offset_moves_every_default_port() -> None:
    usual, moved = settings.load({}).ports(), settings.load({"OTELGATE_PORT_OFFSET": "1000"}).ports()
    assert moved == {name: port + 1000 for name, port in usual.items()}
    assert not set(moved.values()) & set(usual.values())  # the number that messages advise makes room for two
    some = settings.load({"OTELGATE_PORT_OFFSET": "1000", "OTELGATE_LOKI_PORT": "5"})
    assert (some.loki_port, some.tempo_port) == (5, 4200)


def test_an_offset_moves_what_is_made_of_ports() -> None:
    moved = settings.load({"OTELGATE_PORT_OFFSET": "40000"})
    assert moved.tempo_endpoint == "https://127.0.0.1:54317"
    assert moved.prometheus_endpoint == "http://127.0.0.1:49090/api/v1/write"
    assert moved.database == "postgresql://otelgate@127.0.0.1:55432/otelgate"
    assert moved.gateway_env()["OTELGATE_GRPC_PORT"] == "44317"
    assert moved.sink_env()["OTELGATE_AUDIT_PORT"] == "44320"


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_loopback_of_ipv6_is_taken_with_and_without_brackets(host: str) -> None:
    loaded = settings.load({"OTELGATE_HOST": host, "OTELGATE_FEEDBACK_HOST": host})
    assert (loaded.host, loaded.feedback_host) == ("::1", "::1")
    assert target.find(loaded, {}).grpc == "http://[::1]:4317"


def test_defaults_are_local(tmp_path: Path) -> None:
    loaded = settings.load({}, tmp_path)
    assert loaded.host == "127.0.0.1"
    assert loaded.insecure is False
    assert loaded.state_dir == tmp_path / ".otelgate"
    assert loaded.data_dir == tmp_path / ".otelgate" / "gateway"
    assert loaded.tls_cert_file is None


def test_endpoints_follow_the_ports_and_folders_they_are_made_of(tmp_path: Path) -> None:
    loaded = settings.load(
        {"OTELGATE_TEMPO_OTLP_PORT": "5", "OTELGATE_LOKI_PORT": "6", "OTELGATE_STATE_DIR": "s"}, tmp_path
    )
    assert loaded.tempo_endpoint == "https://127.0.0.1:5"
    assert loaded.loki_endpoint == "https://127.0.0.1:6/otlp"
    assert loaded.data_dir == tmp_path / "s" / "gateway"


def test_empty_means_unset() -> None:
    assert settings.load({"OTELGATE_LOKI_PORT": "", "OTELGATE_NO_SUCH": ""}).loki_port == 3100


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("OTELGATE_LOKI_PORT=1\nOTELGATE_TEMPO_PORT=2\nSOMETHING_ELSE=3\n")
    monkeypatch.setenv("OTELGATE_LOKI_PORT", "4")
    loaded = settings.load(root=tmp_path)
    assert (loaded.loki_port, loaded.tempo_port) == (4, 2)


def test_invalid_line_of_env_file_is_named(tmp_path: Path) -> None:
    """Without showing it: it may be a secret that was pasted there."""
    text = "# ours\n\nOTELGATE_LOKI_PORT\nOTELGATE_TEMPO_PORT=1\n\ns3cret token here\nOTELGATE_EXPORTERS=\n"
    (tmp_path / ".env").write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load(root=tmp_path)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/.env, line 3: expected NAME=value",
        f"{tmp_path}/.env, line 6: expected NAME=value",
    ]


def test_unreadable_env_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"OTELGATE_SLACK_CHANNEL=\xff\n")
    with pytest.raises(SettingsError) as caught:
        settings.load(root=tmp_path)
    assert str(caught.value) == f"{tmp_path}/.env: not UTF-8"


def test_an_error_in_the_env_file_is_told_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("OTELGATE_LOKI_PORTS=1\n")
    with pytest.raises(
        SettingsError, match=r"^OTELGATE_LOKI_PORTS: unknown setting; did you mean OTELGATE_LOKI_PORT\?$"
    ):
        settings.load(root=tmp_path)


def test_engine_for_short_wins() -> None:
    # `make up ENGINE=docker` over what .env says.
    assert settings.load({"ENGINE": "docker", "OTELGATE_ENGINE": "native"}).engine == "docker"


def test_the_cache_honours_xdg(tmp_path: Path) -> None:
    assert settings.load({"XDG_CACHE_HOME": str(tmp_path)}).cache_dir == tmp_path / "otelgate"
    assert settings.load({}).cache_dir == Path.home() / ".cache" / "otelgate"


def test_retention_is_handed_on_in_hours() -> None:
    # Tempo and Jaeger read Go's durations, which know no days.
    loaded = settings.load({"OTELGATE_RETENTION_LOGS": "2w"})
    assert loaded.retention_logs == timedelta(weeks=2)
    assert loaded.gateway_env()["OTELGATE_RETENTION_LOGS"] == "336h"


def test_the_gateway_gets_its_own_settings_and_no_others() -> None:
    env = settings.load({"OTELGATE_FSYNC": "true", "OTELGATE_RETENTION_METRICS": "2w"}).gateway_env()
    assert env["OTELGATE_FSYNC"] == "true"
    assert env["OTELGATE_GRPC_PORT"] == "4317"
    assert not {"OTELGATE_RETENTION_METRICS", "OTELGATE_LOKI_PORT", "OTELGATE_STATE_DIR"} & set(env)
    assert "OTELGATE_TLS_CERT_FILE" not in env


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"OTELGATE_DATABASE_URL": "mysql://me:s3cret@db/x"})
    assert str(caught.value) == "OTELGATE_DATABASE_URL='mysql://me:***@db/x': expected a postgresql:// URL"
    (row,) = (row for row in settings.ROWS if row.field == "database_url")
    loaded = settings.load({"OTELGATE_DATABASE_URL": "postgresql://me:s3cret@db/x"})
    assert settings.shown(loaded, row) == "postgresql://me:***@db/x"


def test_the_sink_reads_what_it_gets(tmp_path: Path) -> None:
    loaded = settings.load(
        {"OTELGATE_POSTGRES_PORT": "5", "OTELGATE_RETENTION_AUDIT": "2w", "OTELGATE_STATE_DIR": str(tmp_path)}
    )
    sink = sink_settings.load(loaded.sink_env())
    assert sink.database_url == "postgresql://otelgate_writer@127.0.0.1:5/otelgate"
    assert (sink.database_password_file, sink.grafana_database_password_file) == (None, None)
    keeper = sink_settings.load(loaded.owner_env())
    assert keeper.database_url == "postgresql://otelgate@127.0.0.1:5/otelgate"
    assert keeper.database_password_file == tmp_path / "secrets" / "database_password"
    for each in (sink, keeper):
        assert each.writer_password_file == tmp_path / "secrets" / "writer_password"
        assert each.audit_key_file == tmp_path / "secrets" / "audit_key"
        assert each.retention_audit == timedelta(days=14)
        assert each.feedback_origins == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://me:s3cret@db.example:6/audit?sslmode=require", "db.example:6/audit?sslmode=require"),
        (
            "postgresql://db.example/audit?user=me&password=s3cret&options=-c%20a%3Db",
            "db.example/audit?options=-c%20a%3Db",
        ),
        ("postgres://me@[::1]:5/audit", "[::1]:5/audit"),
    ],
)
def test_the_sink_gets_no_login_of_the_owner(given: str, expected: str) -> None:
    sink = settings.load({"OTELGATE_DATABASE_URL": given}).sink_env()
    assert sink["OTELGATE_DATABASE_URL"].partition("://")[2] == f"otelgate_writer@{expected}"
    assert not any("s3cret" in value for value in sink.values())


def test_a_database_of_ones_own() -> None:
    loaded = settings.load({"OTELGATE_DATABASE_URL": "postgresql://me@db.example/audit"})
    assert (loaded.own_database, loaded.database, loaded.database_password) == (
        False,
        "postgresql://me@db.example/audit",
        None,
    )
    assert settings.load({}).own_database
    assert not settings.load({"OTELGATE_AUDIT": "false"}).own_database


KINDS = yaml.safe_load((Path(__file__).parents[2] / "compose/settings.yaml").read_text())["kinds"]


def read(kind: str, raw: str) -> list[str]:
    """Its error."""
    return kinds.read([kinds.Row("x", "X", kind, "", "another one", "")], {"X": raw})[1]


def examples(key: str) -> list[tuple[str, str]]:
    return [(name, raw) for name, kind in KINDS.items() for raw in kind.get(key, ())]


@pytest.mark.parametrize(("kind", "raw"), examples("takes"))
def test_read_an_example_of_its_kind_succeeds(kind: str, raw: str) -> None:
    assert read(kind, raw) == []


@pytest.mark.parametrize(("kind", "raw"), examples("refuses"))
def test_read_a_value_that_is_not_of_its_kind_says_so(kind: str, raw: str) -> None:
    (problem,) = read(kind, raw)
    assert problem.endswith(": expected another one")


def test_every_kind_has_a_reader_and_examples() -> None:
    assert set(KINDS) == set(kinds.KINDS)
    assert {name for name, kind in KINDS.items() if not kind.get("takes")} == {"file", "one_of"}


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((host, True) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "192.0.2.1", "gateway")),
    ],
)
def test_loopback_hosts_are_recognized(host: str, local: bool) -> None:
    assert hosts.is_loopback(host) is local


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("mirror/go", "/checkout/mirror/go"),
        ("file:///srv/all%20records.zip", "/srv/all records.zip"),
        ("https://mirror.example/go", "https://mirror.example/go"),
    ],
)
def test_load_a_source_takes_a_path_or_a_url(raw: str, value: str) -> None:
    assert settings.load({"OTELGATE_VULNERABILITIES_GO": raw}, Path("/checkout")).vulnerabilities_go == value
