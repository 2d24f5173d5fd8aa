"""The package's public interface: its names, its version, its settings' defaults and error texts."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import otelgate
import pytest
from otelgate import _settings, names

ROOT = Path(__file__).parents[2]
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def test_all() -> None:
    assert otelgate.__all__ == [
        "__version__", "agent", "current_trace_id", "event", "feedback", "feedback_token", "flush", "init", "score",
        "session", "shutdown",
    ]  # fmt: skip
    assert len(otelgate.__all__) <= 15
    assert all(getattr(otelgate, name).__doc__ for name in otelgate.__all__)
    public = {name for name in vars(otelgate) if not name.startswith("_")}
    assert public - {"names", "environment_variables"} == set(otelgate.__all__) - {"__version__"}


def test_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert otelgate.__version__ == project["version"]


def test_entry_points() -> None:
    assert {entry.group: entry.value for entry in importlib.metadata.distribution("otelgate").entry_points} == {
        "opentelemetry_distro": "otelgate._distro:OtelgateDistro",
        "opentelemetry_configurator": "otelgate._distro:OtelgateConfigurator",
        "opentelemetry_environment_variables": "otelgate.environment_variables",
    }


def test_the_environment_variables_module_offers_no_options() -> None:
    """`opentelemetry-instrument` makes an option of each name, and fails when two packages have the same."""
    from otelgate import environment_variables

    assert [name for name in dir(environment_variables) if name.startswith("OTEL_")] == []


def test_names_stand_once() -> None:
    values = {name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    assert len(values) == len(set(values.values()))
    texts = {file.name: file.read_text() for file in (ROOT / "sdk" / "otelgate").glob("*.py")}
    for name, value in values.items():
        if value.count(".") > 0 and not value.endswith("."):
            assert [file for file, text in texts.items() if f'"{value}"' in text] == ["names.py"], name


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.mark.shows("F26")
def test_defaults(warnings: list[str]) -> None:
    environ: dict[str, str] = {}
    assert not _settings.apply(environ, warnings.append)
    assert warnings == []
    assert {k: v for k, v in environ.items() if k.startswith("OTEL")} == {
        "OTELGATE_EXIT_TIMEOUT": "2000",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_BLRP_SCHEDULE_DELAY": "1000",
        "OTEL_METRIC_EXPORT_INTERVAL": "15000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "2048",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "2048",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "128",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "128",
    }
    assert _settings.export_timeout("traces", environ) == 2.0


def test_standard_variables_win(warnings: list[str]) -> None:
    environ = {default.env: "4096" if default.number else "console" for default in _settings.DEFAULTS}
    environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
    before = dict(environ)
    _settings.apply(environ, warnings.append)
    assert {name: environ[name] for name in before} == before
    assert warnings == []
    assert _settings.export_timeout("logs", {"OTEL_EXPORTER_OTLP_TIMEOUT": "5"}) is None
    assert _settings.export_timeout("logs", {"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "5"}) is None
    assert _settings.export_timeout("logs", {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5"}) == 2.0


def test_an_empty_variable_is_unset(warnings: list[str]) -> None:
    environ = {"OTEL_BSP_SCHEDULE_DELAY": " ", "OTEL_TRACES_EXPORTER": "", CAPTURE: ""}
    assert not _settings.apply(environ, warnings.append)
    assert (environ["OTEL_BSP_SCHEDULE_DELAY"], environ["OTEL_TRACES_EXPORTER"], warnings) == ("1000", "otlp", [])


def test_a_small_queue_makes_a_small_batch(warnings: list[str]) -> None:
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "50"}
    _settings.apply(environ, warnings.append)
    assert environ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] == "50"


@pytest.mark.parametrize(
    ("value", "content", "message"),
    [
        ("true", True, None),
        ("True", True, None),
        ("false", False, None),
        ("1", False, f"{CAPTURE}='1': expected one of true, false; message content stays off"),
        ("ture", False, f"{CAPTURE}='ture': expected one of true, false; message content stays off"),
        ("yes", False, f"{CAPTURE}='yes': expected one of true, false; message content stays off"),
    ],
)
def test_capture_is_parsed_strictly(warnings: list[str], value: str, content: bool, message: str | None) -> None:
    environ = {CAPTURE: value}
    assert _settings.apply(environ, warnings.append) is content
    assert warnings == ([message] if message else [])
    hidden = {environ.get(name) for name in _settings.HIDE_VARIABLES}
    assert hidden == ({None} if content else {"true"})


def test_content_off_overrules_openinference_and_malformed_switches_hide(warnings: list[str]) -> None:
    environ = {"OPENINFERENCE_HIDE_INPUTS": "false"}
    _settings.apply(environ, warnings.append)
    assert environ["OPENINFERENCE_HIDE_INPUTS"] == "true"
    environ = {CAPTURE: "true", "OPENINFERENCE_HIDE_INPUTS": "1", "OPENINFERENCE_HIDE_OUTPUTS": "false"}
    _settings.apply(environ, warnings.append)
    assert environ["OPENINFERENCE_HIDE_INPUTS"] == "true"
    assert environ["OPENINFERENCE_HIDE_OUTPUTS"] == "false"
    assert warnings == ["OPENINFERENCE_HIDE_INPUTS='1': expected one of true, false; hidden"]


def test_every_switch_of_openinference_is_known() -> None:
    from openinference.instrumentation import config

    switches = {value for name, value in vars(config).items() if name.startswith("OPENINFERENCE_HIDE_")}
    assert switches == set(_settings.HIDE_VARIABLES)


@pytest.mark.parametrize("variable", _settings.PROTOCOL_VARIABLES)
def test_an_unknown_protocol(variable: str) -> None:
    with pytest.raises(_settings.SettingError) as error:
        _settings.apply({variable: "http/json"})
    assert str(error.value) == f"{variable}='http/json': expected one of grpc, http/protobuf"


def test_the_distro_is_named_unless_another_is(warnings: list[str]) -> None:
    environ: dict[str, str] = {}
    _settings.choose_distro(environ)
    assert environ == {"OTEL_PYTHON_DISTRO": "otelgate", "OTEL_PYTHON_CONFIGURATOR": "otelgate"}
    environ = {"OTEL_PYTHON_DISTRO": "other"}
    _settings.choose_distro(environ)
    assert environ == {"OTEL_PYTHON_DISTRO": "other"}


def test_functions_before_init() -> None:
    assert otelgate.flush(timeout_s=0) is False
    otelgate.shutdown()
    assert otelgate.current_trace_id() is None
