"""The config files, numbered as data flows: each component is defined once, used, and wired in that order; overlays."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

SECTIONS = ("receivers", "processors", "exporters", "connectors", "extensions")
Fragments = dict[str, dict[str, Any]]


def read(folder: Path) -> Fragments:
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}


@pytest.fixture(scope="module")
def fragments(root: Path) -> Fragments:
    """The numbered files, which are a complete gateway."""
    return read(root / "collector/config")


@pytest.fixture(scope="module")
def overlays(root: Path) -> Fragments:
    """The files that settings add to them."""
    return read(root / "collector/config/overlays")


@pytest.fixture(scope="module")
def everything(fragments: Fragments, overlays: Fragments) -> dict[str, Any]:
    """All of them, as the Collector merges them."""
    merged: dict[str, Any] = {}
    for fragment in (*fragments.values(), *overlays.values()):
        merged = merge(merged, fragment)
    return merged


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Maps merge; a list, or anything else, replaces what was there."""
    both = {
        key: merge(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], dict) and isinstance(above[key], dict)
    }
    return below | above | both


def defined(fragments: Fragments) -> list[tuple[str, str, str]]:
    """(section, component, file) of every definition."""
    return [
        (section, component, name)
        for name, fragment in fragments.items()
        for section in SECTIONS
        for component in fragment.get(section, {})
    ]


def wired(config: dict[str, Any]) -> dict[str, list[list[str]]]:
    """For each pipeline its receivers, processors and exporters."""
    pipelines = config["service"]["pipelines"]
    return {name: [pipeline.get(part, []) for part in SECTIONS[:3]] for name, pipeline in pipelines.items()}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """The value at each path; a list counts as one value, as it does when files merge."""
    if not isinstance(value, dict):
        return {path: value}
    return {at: leaf for key, inner in value.items() for at, leaf in leaves(inner, f"{path}::{key}").items()}


def test_files_are_numbered(fragments: Fragments) -> None:
    assert all(re.fullmatch(r"\d0-[a-z]+\.yaml", name) for name in fragments)


def test_each_component_is_defined_once(fragments: Fragments) -> None:
    ids = [(section, component) for section, component, _ in defined(fragments)]
    assert sorted(ids) == sorted(set(ids))


def test_only_90_service_has_a_service_section(fragments: Fragments) -> None:
    """Of the numbered files: what runs without overlays is read in one place."""
    assert [name for name, fragment in fragments.items() if "service" in fragment] == ["90-service.yaml"]


def test_every_component_is_used(fragments: Fragments, overlays: Fragments, everything: dict[str, Any]) -> None:
    used = {component for parts in wired(everything).values() for part in parts for component in part}
    # Jaeger alone, or with Tempo: the one replaces the other's list.
    used |= set(overlays["traces-to-both.yaml"]["service"]["pipelines"]["traces/out"]["exporters"])
    used |= set(everything["service"]["extensions"])
    assert {component for _, component, _ in defined(fragments | overlays)} == used


def test_wiring_has_no_computed_lists(fragments: Fragments, overlays: Fragments) -> None:
    services = [fragment["service"] for fragment in (fragments | overlays).values() if "service" in fragment]
    wiring = [service.get(part) for service in services for part in ("extensions", "pipelines")]
    assert len(services) > 1
    assert "${" not in str(wiring)


def test_overlays_can_be_combined(overlays: Fragments) -> None:
    """No two change the same value, but those of which a setting chooses one."""
    of_one_setting = {"traces-to-both.yaml", "traces-to-jaeger.yaml"}
    for one, other in itertools.combinations(overlays, 2):
        both = leaves(overlays[one]).keys() & leaves(overlays[other]).keys()
        assert bool(both) is ({one, other} == of_one_setting), f"{one} and {other} both change {both}"


def test_wiring_follows_the_file_numbers(fragments: Fragments, everything: dict[str, Any]) -> None:
    file_of = {component: name for _, component, name in defined(fragments)}
    for name, parts in wired(everything).items():
        files = [file_of[component] for part in parts for component in part if component in file_of]
        assert files == sorted(files), f"pipeline {name} is wired against the order of the files: {files}"


def test_memory_limiter_comes_first(fragments: Fragments, everything: dict[str, Any]) -> None:
    # A connector's output was limited where it came in.
    connectors = {component for section, component, _ in defined(fragments) if section == "connectors"}
    entries = [processors for receivers, processors, _ in wired(everything).values() if not connectors & set(receivers)]
    assert entries
    assert all(processors[0] == "memory_limiter" for processors in entries)


def test_intake_is_first_in_each_receiving_pipeline(everything: dict[str, Any]) -> None:
    entries = [processors for receivers, processors, _ in wired(everything).values() if "otlp" in receivers]
    assert len(entries) == 3
    assert all(processors[1] == "intake" for processors in entries)


def test_metrics_are_derived_of_what_sampling_does_not_see(everything: dict[str, Any]) -> None:
    pipelines = wired(everything)
    assert pipelines["traces/stores"][2] == ["sequence/derived"]
    assert [name for name, (_, processors, _) in pipelines.items() if "tail_sampling" in processors] == ["traces/out"]
    assert pipelines["traces/out"][0] == ["sequence/derived"]


def test_metrics_are_derived_last(everything: dict[str, Any]) -> None:
    """After every queue has taken the request; and the stores' come after the audit sink's."""
    pipelines = wired(everything)
    connectors = everything["connectors"]
    last = {name: connector["last"] for name, connector in connectors.items() if name.startswith("sequence/")}
    assert last == {
        "sequence/stores": ["traces/stores", "logs/stores"],
        "sequence/derived": ["traces/derived", "logs/derived"],
    }
    derived = [name for name, (_, _, exporters) in pipelines.items() if "derive" in exporters]
    assert derived == last["sequence/derived"]
    for name in derived:
        assert pipelines[name] == [["sequence/derived"], [], ["derive"]]
    into = {name: parts[0] for name, parts in pipelines.items() if name.startswith(("traces/", "logs/"))}
    assert {name for name, receivers in into.items() if receivers == ["sequence/stores"]} == {
        f"{signal}/{branch}" for signal in ("traces", "logs") for branch in ("stores", "audit")
    }


def test_only_the_audit_sink_is_beside_the_stores(everything: dict[str, Any]) -> None:
    """Message content goes into pipelines with `redact/audit`, and into no other."""
    pipelines = wired(everything)
    for signal in ("traces", "logs"):
        assert pipelines[signal] == [["otlp"], ["memory_limiter", "intake", "genai"], ["sequence/stores"]]
        assert pipelines[f"{signal}/audit"] == [
            ["sequence/stores"],
            ["filter/audit", "redact/audit"],
            ["otlp_grpc/audit"],
        ]
        assert pipelines[f"{signal}/stores"][:2] == [["sequence/stores"], [f"redact/{signal}"]]
    assert everything["processors"]["redact/audit"]["content"] == "${otelgate:content_audit}"
    assert [name for name, (_, _, out) in pipelines.items() if "otlp_grpc/audit" in out] == [
        "traces/audit",
        "logs/audit",
    ]


def test_queued_exporters_lose_nothing(fragments: Fragments) -> None:
    exporters = fragments["60-export.yaml"]["exporters"]
    queued = {name: exporter for name, exporter in exporters.items() if name != "prometheus_remote_write"}
    assert queued
    for name, exporter in queued.items():
        queue = exporter["sending_queue"]
        assert queue["storage"] == "disk_queue", name
        assert queue["sizer"] == queue["batch"]["sizer"] == "bytes", name
        assert queue["batch"]["max_size"] == 3_000_000, name
        assert queue["batch"]["flush_timeout"] == "200ms", name
        assert exporter["retry_on_failure"]["max_elapsed_time"] == 0, name
        # Python's gRPC refuses both, and the gateway drops for good what is refused.
        assert exporter["compression"] in ({"none"} if name == "otlp_grpc/audit" else {"snappy", "zstd"}), name


def test_remote_write_keeps_trying(fragments: Fragments) -> None:
    exporter = fragments["60-export.yaml"]["exporters"]["prometheus_remote_write"]
    assert exporter["timeout"] == "120s"
    assert exporter["max_batch_request_parallelism"] == 1
    assert exporter["retry_on_failure"] == {"initial_interval": "1s", "max_interval": "5s", "max_elapsed_time": 0}
    assert exporter["queue_bytes"] == "${otelgate:sample_bytes}"


def test_image_loads_the_folder(root: Path) -> None:
    dockerfile = (root / "collector/Dockerfile").read_text()
    assert "COPY config /etc/otelgate\n" in dockerfile
    assert dockerfile.endswith('CMD ["--config=/etc/otelgate"]\n')


def test_manifest_holds_just_what_the_fragments_use(root: Path, fragments: Fragments, overlays: Fragments) -> None:
    """By the folder names of the modules: otlpreceiver is `otlp`, transformprocessor is `transform`."""
    manifest = yaml.safe_load((root / "collector/manifest.yaml").read_text())
    module_of = {"file_storage": "filestorage"}
    for section in SECTIONS:
        types = {component.split("/")[0] for part, component, _ in defined(fragments | overlays) if part == section}
        used = {module_of.get(kind, kind).replace("_", "") for kind in types}
        listed = {
            re.sub(f"{section[:-1]}$", "", entry.get("import", entry["gomod"].split()[0]).rsplit("/", 1)[1])
            for entry in manifest.get(section) or []
        }
        assert listed == used, section
