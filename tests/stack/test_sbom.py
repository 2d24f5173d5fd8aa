"""`make sbom`: what the files say, that they are CycloneDX, and the same each time."""

import io
import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from otelgate_stack import settings
from otelgate_stack.build import sbom
from otelgate_stack.errors import SettingsError
from otelgate_stack.report import Report


def made(folder: Path, *programs: str) -> tuple[dict[str, bytes], str]:
    said = io.StringIO()
    sbom.run(settings.load(), Report(said), folder, programs)
    return {file.name: file.read_bytes() for file in folder.iterdir()}, said.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("gateway_binary")
def test_sbom_names_each_module_and_package(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pins: dict[str, str]
) -> None:
    from cyclonedx.validation.json import JsonStrictValidator  # takes seconds, which collecting tests need not

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    files, said = made(tmp_path / "first", "gateway", "probe")
    again, _ = made(tmp_path / "again", "gateway", "probe")
    assert files == again
    assert sorted(files) == ["gateway.cdx.json", "probe.cdx.json", "python.cdx.json"]

    documents = {name: json.loads(text) for name, text in files.items()}
    for name, text in files.items():
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None, name
        assert "serialNumber" not in documents[name]
        assert "timestamp" not in documents[name]["metadata"]
        count = len(documents[name]["components"])
        assert f"/{name}: {count} component{'s' if count > 1 else ''}\n" in said

    gateway = documents["gateway.cdx.json"]
    assert gateway["metadata"]["component"]["version"] == f"v{pins['OTELGATE_VERSION']}"
    modules = {part["name"]: part["version"] for part in gateway["components"]}
    assert modules["go.opentelemetry.io/collector/otelcol"] == f"v{pins['COLLECTOR_VERSION']}"
    assert modules["std"] == f"go{pins['GO_VERSION']}"
    packages = {part["name"]: part["version"] for part in documents["python.cdx.json"]["components"]}
    assert packages["opentelemetry-sdk"] == pins["OTEL_PYTHON"]


@pytest.mark.usefixtures("gateway_binary")
def test_sbom_with_a_source_date_says_that_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    files, _ = made(tmp_path, "probe")
    times = {name: json.loads(text)["metadata"]["timestamp"] for name, text in files.items()}
    assert times == dict.fromkeys(["probe.cdx.json", "python.cdx.json"], "2023-11-14T22:13:20+00:00")


@pytest.mark.parametrize("raw", ["yesterday", "-1", "99999999999999", "9" * 30])
def test_sbom_with_a_bad_source_date_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", raw)
    with pytest.raises(SettingsError, match=rf"^SOURCE_DATE_EPOCH='{raw}': expected a time in seconds since 1970$"):
        made(tmp_path)


def test_sbom_of_an_unknown_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^no program 'zipkin': expected one of gateway, probe, "):
        made(tmp_path, "zipkin")
