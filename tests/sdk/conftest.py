from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from otlp_receiver import Receiver
from programs import Programs, Result


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver().start()
    yield receiver
    receiver.stop()


@pytest.fixture
def run(programs: Programs, receiver: Receiver) -> Callable[..., Result]:
    """Run a program whose gateway is the receiver."""

    def run(source: str, **kwargs: str | bool) -> Result:
        kwargs.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        return programs.run(source, **kwargs)  # type: ignore[arg-type]

    return run
