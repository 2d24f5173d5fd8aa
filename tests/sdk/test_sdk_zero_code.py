"""`opentelemetry-instrument python app.py`, and `otelgate.init()`, as a user runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import trustme
from otlp_receiver import Receiver
from programs import EVERYTHING, Programs, Result

Run = Callable[..., Result]

APP = """
    import logging, sys
    from opentelemetry import metrics, trace
    with trace.get_tracer("app").start_as_current_span("work"):
        logging.getLogger("app").warning("hello")
    metrics.get_meter("app").create_counter("app.orders").add(3)
    print("done")
"""
INIT = "\n    import otelgate; otelgate.init(); otelgate.init()"


def check_all_signals(receiver: Receiver) -> None:
    (span,) = receiver.spans("work")
    assert span.resource["service.name"] == "test"
    assert span.resource["telemetry.distro.name"] == "otelgate"
    assert span.resource["service.instance.id"]
    (record,) = receiver.logs("hello")
    assert record.scope == "app"
    assert record.raw.severity_text == "WARN"
    assert (record.raw.trace_id, record.raw.span_id) == (span.raw.trace_id, span.raw.span_id)
    assert receiver.total("app.orders") == 3


@pytest.mark.parametrize("instrument", [True, False], ids=["opentelemetry-instrument", "init"])
def test_three_signals_arrive_and_output_is_unchanged(run: Run, receiver: Receiver, instrument: bool) -> None:
    result = run(APP if instrument else INIT + APP, instrument=instrument, **EVERYTHING)
    assert (result.status, result.stdout, result.stderr) == (0, "done\n", "hello\n")
    check_all_signals(receiver)


def test_init_under_opentelemetry_instrument_changes_nothing(run: Run, receiver: Receiver) -> None:
    result = run(INIT + APP)
    assert (result.status, result.stdout, result.stderr) == (0, "done\n", "hello\n")
    check_all_signals(receiver)


@pytest.mark.parametrize("instrument", [True, False], ids=["opentelemetry-instrument", "init"])
def test_http_protobuf(programs: Programs, instrument: bool) -> None:
    receiver = Receiver().start_http()
    result = programs.run(
        APP if instrument else INIT + APP,
        instrument=instrument,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_HEADERS="x-team=a",
    )
    receiver.stop()
    assert (result.status, result.stdout, result.stderr) == (0, "done\n", "hello\n")
    check_all_signals(receiver)
    assert {metadata["x-team"] for metadata in receiver.metadata} == {"a"}


def test_tls_and_bearer_token_by_standard_variables(programs: Programs, tmp_path: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    receiver = Receiver()
    receiver.start(grpc.ssl_server_credentials([(server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())]))
    result = programs.run(
        APP,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"https://localhost:{receiver.port}",
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "ca.pem"),
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20secret",
    )
    receiver.stop()
    assert (result.status, result.stderr) == (0, "hello\n")
    check_all_signals(receiver)
    assert {metadata["authorization"] for metadata in receiver.metadata} == {"Bearer secret"}


def test_disabled_is_a_no_op(run: Run, receiver: Receiver) -> None:
    source = """
        import logging, os, signal, sys, threading
        import otelgate
        otelgate.init()
        with otelgate.session("s"), otelgate.agent("a"):
            print(otelgate.current_trace_id(), otelgate.flush())
        otelgate.shutdown()
        print(threading.active_count(), signal.getsignal(signal.SIGTERM).name, logging.getLogger().handlers)
        print("otelgate._export" in sys.modules and bool(otelgate._lifecycle.current()))
    """
    for instrument in (True, False):
        result = run(source, instrument=instrument, OTEL_SDK_DISABLED="true")
        assert (result.status, result.stderr) == (0, "")
        assert result.stdout == "None False\n1 SIG_DFL []\nFalse\n"
    assert receiver.requests == []


def test_standard_variables_keep_their_meaning(run: Run, receiver: Receiver) -> None:
    result = run(
        APP,
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="console",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=ci",
        OTEL_SERVICE_NAME="other",
    )
    assert result.status == 0
    assert '"name": "app.orders"' in result.stdout
    assert not receiver.spans()
    assert not receiver.points("app.orders")
    (record,) = receiver.logs("hello")
    assert record.resource["deployment.environment.name"] == "ci"
    assert record.resource["service.name"] == "other"


def test_sampler_and_per_signal_endpoint(run: Run, receiver: Receiver) -> None:
    other = Receiver().start()
    result = run(APP, OTEL_TRACES_SAMPLER="always_off", OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=other.endpoint)
    other.stop()
    assert (result.status, result.stderr) == (0, "hello\n")
    assert not receiver.spans()
    assert len(other.logs("hello")) == 1
    assert receiver.total("app.orders") == 3


@pytest.mark.parametrize("instrument", [True, False], ids=["opentelemetry-instrument", "init"])
def test_unsupported_protocol_is_logged_and_program_runs(run: Run, instrument: bool) -> None:
    result = run(APP if instrument else INIT + APP, instrument=instrument, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    assert (result.status, result.stdout) == (0, "done\n")
    message = "telemetry is off: OTEL_EXPORTER_OTLP_PROTOCOL='http/json': expected one of grpc, http/protobuf"
    assert result.stderr == f"{message}\nhello\n"


def test_broken_variables_are_logged_and_the_program_runs(run: Run, receiver: Receiver) -> None:
    result = run(
        APP,
        OTEL_BSP_SCHEDULE_DELAY="soon",
        OTEL_METRIC_EXPORT_INTERVAL="-1",
        OTEL_EXPORTER_OTLP_TIMEOUT="1m",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="yes",
    )
    assert (result.status, result.stdout) == (0, "done\n")
    assert result.stderr.splitlines() == [
        "OTEL_BSP_SCHEDULE_DELAY='soon': expected a number of milliseconds; using 1000",
        "OTEL_METRIC_EXPORT_INTERVAL='-1': expected a number of milliseconds; using 15000",
        "OTEL_EXPORTER_OTLP_TIMEOUT='1m': expected a number of seconds; using 2",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT='yes': expected one of true, false; "
        "message content stays off",
        "hello",
    ]
    check_all_signals(receiver)


def test_langchain_is_not_imported_for_a_program_without_it(run: Run) -> None:
    result = run(
        "import sys; print([m for m in sys.modules if m.startswith(('langchain', 'langsmith'))])", **EVERYTHING
    )
    assert (result.status, result.stdout) == (0, "[]\n")


def test_another_sdk_stays(run: Run, receiver: Receiver) -> None:
    result = run(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
        import otelgate
        otelgate.init()
        print(trace.get_tracer_provider() is provider)
        """,
        instrument=False,
    )
    assert (result.status, result.stdout) == (0, "True\n")
    assert result.stderr == (
        "another OpenTelemetry SDK is set up in this process already; otelgate.init() changes nothing\n"
    )
    assert receiver.requests == []


def test_importing_otelgate_is_light(run: Run) -> None:
    result = run(
        "import sys, otelgate; print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'grpc'))])",
        instrument=False,
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, [2.0, 2.0, 2.0]),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "5"}, [5.0, 5.0, 5.0]),
        ({"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "7"}, [2.0, 7.0, 2.0]),
    ],
)
def test_export_time_out(run: Run, variables: dict[str, str], seconds: list[float]) -> None:
    source = "from otelgate import _lifecycle; print([link._exporter._timeout for link in _lifecycle.current()._links])"
    assert run(source, **variables).stdout == f"{seconds}\n"


def test_a_configuration_file_without_its_package(run: Run, tmp_path: Path) -> None:
    (tmp_path / "otel.yaml").write_text("file_format: '1.0'\n")
    result = run("print('done')", OTEL_CONFIG_FILE=str(tmp_path / "otel.yaml"))
    assert (result.status, result.stdout) == (0, "done\n")
    assert result.stderr.splitlines() == [
        "OTEL_CONFIG_FILE sets up the SDK by itself: otelgate's sessions, content filter and exit deadline are off",
        "telemetry is off: OTEL_CONFIG_FILE is set but opentelemetry-configuration is not installed. "
        "Install it with: pip install opentelemetry-configuration",
    ]


def test_a_password_in_the_endpoint_is_not_logged(run: Run) -> None:
    for protocol in ("grpc", "http/protobuf"):
        result = run(
            "from opentelemetry import trace; trace.get_tracer('a').start_span('b').end()",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://user:secret@127.0.0.1:1",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        )
        assert "can't send telemetry to 127.0.0.1:1: " in result.stderr
        assert "secret" not in result.stderr
