"""The sink's settings: parsed, told apart from the others' in the same environment, and free of secrets when shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from otelgate_audit import settings


def test_everything_has_a_default() -> None:
    loaded = settings.load({})
    assert loaded.audit_port == 4320
    assert loaded.retention_audit == timedelta(days=90)
    assert loaded.retention_events == timedelta(days=400)
    assert loaded.feedback_origins == ()
    assert loaded.database_password is None


def test_empty_setting_counts_as_unset() -> None:
    assert settings.load({"OTELGATE_AUDIT_PORT": "", "OTELGATE_FEEDBACK_ORIGINS": ""}) == settings.load({})


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("OTELGATE_RETENTION_AUDIT", "90d", "retention_audit", timedelta(days=90)),
        ("OTELGATE_RETENTION_AUDIT", "48h", "retention_audit", timedelta(days=2)),
        ("OTELGATE_RETENTION_EVENTS", "2w", "retention_events", timedelta(days=14)),
        (
            "OTELGATE_FEEDBACK_ORIGINS",
            "https://a.example, http://localhost:3000",
            "feedback_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("OTELGATE_FEEDBACK_RATE", "5/second", "feedback_rate", "5/second"),
        ("OTELGATE_PROMETHEUS_URL", "http://p:9090/", "prometheus_url", "http://p:9090"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://gateway:4317", "otlp_endpoint", "https://gateway:4317"),
        ("OTELGATE_WITNESS", "file:/mnt/heads.jsonl", "witness", "file:/mnt/heads.jsonl"),
        ("OTELGATE_WITNESS", "https://w.example/x", "witness", "https://w.example/x"),
        ("OTELGATE_AUDIT_HOST", "::1", "audit_host", "::1"),
        ("OTELGATE_FEEDBACK_HOST", "[::1]", "feedback_host", "::1"),
    ],
)
def test_values(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(settings.load({name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTELGATE_AUDIT_PORT", "x", "OTELGATE_AUDIT_PORT='x': expected a port number from 1 to 65535"),
        ("OTELGATE_AUDIT_PORT", "0", "OTELGATE_AUDIT_PORT='0': expected a port number from 1 to 65535"),
        (
            "OTELGATE_AUDIT_PORT",
            "4321",
            "OTELGATE_AUDIT_HEALTH_PORT='4321': expected a port of its own, OTELGATE_AUDIT_PORT has the same",
        ),
        (
            "OTELGATE_RETENTION_AUDIT",
            "23h",
            "OTELGATE_RETENTION_AUDIT='23h': expected a duration of at least 24h in hours, days or weeks, such as 90d",
        ),
        (
            "OTELGATE_RETENTION_EVENTS",
            "999999w",
            "OTELGATE_RETENTION_EVENTS='999999w': expected a duration of at least 24h in hours, days or weeks, such as"
            " 90d",
        ),
        ("OTELGATE_MAX_MESSAGE_MIB", "-1", "OTELGATE_MAX_MESSAGE_MIB='-1': expected a whole number from 1 to 1024"),
        ("OTELGATE_LOKI_URL", "loki:3100", "OTELGATE_LOKI_URL='loki:3100': expected an http:// or https:// URL"),
        (
            "OTELGATE_WITNESS",
            "file:heads.jsonl",
            "OTELGATE_WITNESS='file:…': expected file: with an absolute path, or an http:// or https:// URL",
        ),
        (
            "OTELGATE_WITNESS",
            "htps://hooks.example/SECRET",
            "OTELGATE_WITNESS='htps:…': expected file: with an absolute path, or an http:// or https:// URL",
        ),
        (
            "OTELGATE_WITNESS",
            "hooks.example/SECRET",
            "OTELGATE_WITNESS='…': expected file: with an absolute path, or an http:// or https:// URL",
        ),
        (
            "OTELGATE_FEEDBACK_ORIGINS",
            "*",
            "OTELGATE_FEEDBACK_ORIGINS='*': expected origins such as https://app.example, with commas between",
        ),
        (
            "OTELGATE_FEEDBACK_RATE",
            "30",
            "OTELGATE_FEEDBACK_RATE='30': expected a number per second, minute, hour or day, such as 30/minute",
        ),
        (
            "OTELGATE_AUDIT_HOST",
            "0.0.0.0",
            "OTELGATE_AUDIT_HOST='0.0.0.0': expected localhost or a loopback address, since the sink has no TLS",
        ),
        ("OTELGATE_AUDIT_PROT", "1", "OTELGATE_AUDIT_PROT: unknown setting; did you mean OTELGATE_AUDIT_PORT?"),
        (
            "OTELGATE_DATABASE_MAXIMUM_CONNECTIONS",
            "1",
            "OTELGATE_DATABASE_MAXIMUM_CONNECTIONS: unknown setting; docs/reference/settings.md lists them",
        ),
    ],
)
def test_invalid_setting_is_reported(name: str, value: str, message: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({name: value})
    assert str(caught.value) == message


def test_each_wrong_setting_has_its_line() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({"OTELGATE_AUDIT_PORT": "x", "OTELGATE_QUERY_LIMIT": "0"})
    assert str(caught.value).splitlines() == [
        "OTELGATE_AUDIT_PORT='x': expected a port number from 1 to 65535",
        "OTELGATE_QUERY_LIMIT='0': expected a whole number of at least 1",
    ]


def test_settings_of_other_programs_are_ignored() -> None:
    others = ["OTELGATE_AUDIT", "OTELGATE_AUDIT_ENDPOINT", "OTELGATE_GRPC_PORT", "OTELGATE_TEMPO_PORT", "OTELGATE_X"]
    assert settings.load(dict.fromkeys(others, "anything")) == settings.load({})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://otelgate:geheim@db/otelgate",
        "postgresql://otelgate:se:cr@geheim@db/otelgate",
        "postgresql://otelgate@db/otelgate?password=geheim&sslmode=require",
    ],
)
def test_password_in_url_is_never_shown(url: str) -> None:
    loaded = settings.load({"OTELGATE_DATABASE_URL": url})
    assert loaded.database_url == url
    assert "geheim" not in repr(loaded)
    assert "***" in repr(loaded)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("mysql://u:geheim@db/x", "mysql://u:***@db/x"),
        ("postgres:/u:geheim@db", "postgres:***@db"),
        ("host=db password=geheim", "host=db password=***"),
        ("host=db password='ge heim'", "host=db password=***"),
    ],
)
def test_settings_error_shows_bad_url_without_password(value: str, shown: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({"OTELGATE_DATABASE_URL": value})
    assert str(caught.value) == f"OTELGATE_DATABASE_URL='{shown}': expected a postgresql:// URL"


def test_secrets_are_read_from_their_files(tmp_path: Path) -> None:
    for name, text in {"password": "geheim\n", "key": "0f" * 32 + "\n", "token": "t" * 40}.items():
        (tmp_path / name).write_text(text)
    loaded = settings.load(
        {
            "OTELGATE_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
            "OTELGATE_AUDIT_KEY_FILE": str(tmp_path / "key"),
            "OTELGATE_FEEDBACK_SECRET_FILE": str(tmp_path / "token"),
        }
    )
    assert loaded.database_password == "geheim"
    assert loaded.chain_key == b"\x0f" * 32
    assert loaded.feedback_secret == b"t" * 40
    assert "geheim" not in repr(loaded)


def test_missing_or_short_secret_is_named(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("abc")
    gone = tmp_path / "gone"
    loaded = settings.load(
        {
            "OTELGATE_DATABASE_PASSWORD_FILE": str(gone),
            "OTELGATE_AUDIT_KEY_FILE": str(short),
            "OTELGATE_FEEDBACK_SECRET_FILE": str(short),
        }
    )
    for secret, message in {
        "database_password": f"OTELGATE_DATABASE_PASSWORD_FILE='{gone}': expected a file that can be read",
        "chain_key": f"OTELGATE_AUDIT_KEY_FILE='{short}': expected 64 hex digits in it",
        "feedback_secret": f"OTELGATE_FEEDBACK_SECRET_FILE='{short}': expected at least 32 bytes in it",
    }.items():
        with pytest.raises(settings.SettingsError) as caught:
            getattr(loaded, secret)
        assert str(caught.value) == message
    with pytest.raises(settings.SettingsError) as caught:
        _ = settings.load({}).chain_key
    assert str(caught.value) == "OTELGATE_AUDIT_KEY_FILE: not set; expected a file that can be read"


def test_container_published_on_loopback_listens_everywhere() -> None:
    inside = {"OTELGATE_AUDIT_HOST": "0.0.0.0"}
    assert settings.load({**inside, "OTELGATE_PUBLISHED_HOST": "127.0.0.1"}).audit_host == "0.0.0.0"
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({**inside, "OTELGATE_PUBLISHED_HOST": "10.0.0.5"})
    expected = "expected localhost or a loopback address, since the sink has no TLS"
    assert str(caught.value) == f"OTELGATE_PUBLISHED_HOST='10.0.0.5': {expected}"


def test_short_gateway_token_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("short")
    with pytest.raises(settings.SettingsError) as caught:
        _ = settings.load({"OTELGATE_AUDIT_TOKEN_FILE": str(file)}).audit_token
    assert str(caught.value) == f"OTELGATE_AUDIT_TOKEN_FILE='{file}': expected at least 32 bytes in it"
