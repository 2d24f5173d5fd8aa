"""The distribution's PostgreSQL exporter gets its own flag to skip views that PostgreSQL 18 no longer has."""

from pathlib import Path

import pytest
from otelgate_stack import service_table, settings
from otelgate_stack.engines import services, watchers


def exporter(folder: Path, help_text: str) -> Path:
    program = folder / "prometheus-postgres-exporter"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{help_text}\nEND\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("help_text", "flag"),
    [
        ("      --collector.bgwriter       Enable the bgwriter collector", ("--no-collector.bgwriter",)),
        ("      --[no-]collector.stat_bgwriter  Enable", ("--no-collector.stat_bgwriter",)),
        ("      --web.telemetry-path", ()),  # a flag that it doesn't know would end it
    ],
)
def test_noisy_collector_is_disabled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, help_text: str, flag: tuple[str, ...]
) -> None:
    program = exporter(tmp_path, help_text)
    monkeypatch.setattr(watchers, "program", lambda name, settings: program)
    (service,) = services.services(settings.load({}), ["postgres-exporter"])
    assert tuple(argument for argument in service.arguments if "bgwriter" in argument) == flag
    assert len(service.arguments) == len(service_table.SPECS["postgres-exporter"].arguments) + len(flag)
