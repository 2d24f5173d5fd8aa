from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import otlp_receiver
import pytest
from opentelemetry import trace
from otlp_receiver import Receiver
from programs import Programs, Result
from traced_runs import Runs

receiver = otlp_receiver.receiver


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder)


@pytest.fixture
def run(programs: Programs, receiver: Receiver) -> Callable[..., Result]:
    """Run a program whose gateway is the receiver."""

    def run(source: str, **kwargs: str | bool) -> Result:
        kwargs.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        return programs.run(source, **kwargs)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def instrumented() -> Iterator[Runs]:
    runs = Runs()
    runs.start()
    yield runs
    runs.stop()


@pytest.fixture
def runs(instrumented: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Runs]:
    """The spans of this test's LangChain runs. No span may stay current, and nothing may be complained of."""
    instrumented.clear()
    monkeypatch.setattr(trace, "get_tracer", instrumented.tracer)
    yield instrumented
    assert not trace.get_current_span().get_span_context().is_valid
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
