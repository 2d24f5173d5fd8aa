"""Hints at settings and packages that keep telemetry from arriving: one line each."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from otelgate import _hints
from otlp_receiver import Receiver
from programs import Programs


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://gateway:4317"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://gateway:14317"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://gateway", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, []),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "gateway:4317"},
            ["OTEL_EXPORTER_OTLP_ENDPOINT='gateway:4317': expected http:// or https:// at its start"],
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://me:secret@gateway:4317"},
            ["OTEL_EXPORTER_OTLP_ENDPOINT='grpc://gateway:4317': expected http:// or https:// at its start"],
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://gateway:4318"},
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT='http://gateway:4318': port 4318 is usually http/protobuf, and the "
                "protocol is grpc; expected port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
            ],
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://gateway:4317",
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://gateway:4317/v1/logs",
                "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
            },
            [
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT='http://gateway:4317/v1/logs': port 4317 is usually grpc, and the "
                "protocol is http/protobuf; expected port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
            ],
        ),
    ],
)
def test_mismatched_endpoint_gives_hint(environ: dict[str, str], lines: list[str]) -> None:
    said: list[str] = []
    _hints.endpoints(environ, said.append)
    assert said == lines


def test_only_broken_instrumentations_are_named() -> None:
    said: list[str] = []
    _hints.not_loaded("flask", ModuleNotFoundError("No module named 'flask'", name="unknown_flask"), said.append)
    assert said == []
    broken = ModuleNotFoundError("No module named 'opentelemetry.util.gen'", name="opentelemetry.util.gen")
    _hints.not_loaded("openai_v2", broken, said.append)
    _hints.not_loaded("redis", ValueError("bad\nsecond line"), said.append)
    assert said == [
        "instrumentation openai_v2 can't be loaded (ModuleNotFoundError: No module named 'opentelemetry.util.gen'); "
        "what it would trace is not traced",
        "instrumentation redis can't be loaded (ValueError: bad); what it would trace is not traced",
    ]


@pytest.mark.parametrize(("caller", "count"), [("", 1), ("langchain_groq", 0)])
def test_untraced_provider_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, caller: str, count: int) -> None:
    said: list[str] = []
    if caller:
        monkeypatch.setitem(sys.modules, caller, ModuleType(caller))
    _hints._hint("groq", "openinference-instrumentation-groq", said.append)(ModuleType("groq"))
    assert said == ["groq is used and nothing here traces it: pip install openinference-instrumentation-groq"][:count]


def test_hints_are_said_once_and_stop_nothing(programs: Programs, receiver: Receiver) -> None:
    (programs.folder / "groq.py").touch()
    broken = programs.folder / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[opentelemetry_instrumentor]\nbroken = broken_instrumentation:Broken\n")
    (programs.folder / "broken_instrumentation.py").write_text("raise RuntimeError('of another version')\n")
    result = programs.run(
        """
        import otelgate
        otelgate.init()
        otelgate.init()
        import groq
        from opentelemetry import trace
        trace.get_tracer("app").start_span("work").end()
        """,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="127.0.0.1:1",
        OTEL_SERVICE_NAME="",
    )
    assert result.status == 0
    lines = sorted(line.partition(":")[0].partition(" (")[0] for line in result.stderr.splitlines())
    assert [line for line in lines if not line.startswith(("can't send", "dropped"))] == [
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT='127.0.0.1",
        "OTEL_SERVICE_NAME is not set",
        "groq is used and nothing here traces it",
        "instrumentation broken can't be loaded",
    ]
    assert [span.name for span in receiver.spans()] == ["work"]
