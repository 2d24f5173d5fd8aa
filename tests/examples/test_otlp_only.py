"""Telemetry leaves by OTLP alone: none of our applications or SDKs can be scraped."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SCRAPED = re.compile(r"prometheus_client|opentelemetry.exporter.prometheus|[\"']/metrics[\"'/]")


@pytest.mark.shows("K01")
@pytest.mark.parametrize("room", ["examples", "sdk"])
def test_nothing_serves_metrics(room: str) -> None:
    sources = sorted((ROOT / room).rglob("*.py"))
    assert len(sources) > 10
    assert [f"{path.relative_to(ROOT)}" for path in sources if _SCRAPED.search(path.read_text())] == []
