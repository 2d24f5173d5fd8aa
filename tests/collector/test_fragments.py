"""The config fragments: numbered as data flows, each component defined once, used, and wired in that order."""

import re
from pathlib import Path

import pytest
import yaml

SECTIONS = ("receivers", "processors", "exporters", "connectors", "extensions")
# Chosen by ${otelgate:…}: see collector/settings/provider.go.
CHOSEN = {
    "tail_sampling",
    "otlp_grpc/tempo",
    "otlp_grpc/jaeger",
    "healthcheckv2",
    "disk_queue",
    "folder_lock",
    "rejects",
    "admission",
    "answers",
    "applications",
    "applications/self",
    "pages",
    "pages/own",
    "own_metrics",
    "store_answers",
    "store_answers/tempo",
}


@pytest.fixture(scope="module")
def fragments(root: Path) -> dict[str, dict]:
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted((root / "collector/config").glob("*.yaml"))}


def defined(fragments: dict[str, dict]) -> list[tuple[str, str, str]]:
    """(section, component, file) of every definition."""
    return [
        (section, component, name)
        for name, fragment in fragments.items()
        for section in SECTIONS
        for component in fragment.get(section, {})
    ]


def wired(fragments: dict[str, dict]) -> dict[str, list[list[str]]]:
    """For each pipeline its receivers, processors and exporters; of a list that a setting chooses, all it can be."""
    pipelines = fragments["90-service.yaml"]["service"]["pipelines"]
    branches = {"${otelgate:audit_branch}": ["sequence/stores"]}

    def listed(value: list[str] | str | None) -> list[str]:
        return value if isinstance(value, list) else branches.get(value or "", [])

    return {name: [listed(pipeline.get(part)) for part in SECTIONS[:3]] for name, pipeline in pipelines.items()}


def test_files_are_numbered(fragments: dict[str, dict]) -> None:
    assert all(re.fullmatch(r"\d0-[a-z]+\.yaml", name) for name in fragments)


def test_each_component_is_defined_once(fragments: dict[str, dict]) -> None:
    ids = [(section, component) for section, component, _ in defined(fragments)]
    assert sorted(ids) == sorted(set(ids))


def test_only_90_service_has_a_service_section(fragments: dict[str, dict]) -> None:
    assert [name for name, fragment in fragments.items() if "service" in fragment] == ["90-service.yaml"]


def test_every_component_is_used(fragments: dict[str, dict]) -> None:
    used = {component for parts in wired(fragments).values() for part in parts for component in part} | CHOSEN
    assert {component for _, component, _ in defined(fragments)} == used


def test_wiring_follows_the_file_numbers(fragments: dict[str, dict]) -> None:
    file_of = {component: name for _, component, name in defined(fragments)}
    for name, parts in wired(fragments).items():
        files = [file_of[component] for part in parts for component in part]
        assert files == sorted(files), f"pipeline {name} is wired against the order of the files: {files}"


def test_memory_limiter_comes_first(fragments: dict[str, dict]) -> None:
    # What a connector passes on was limited where it came in.
    connectors = {component for section, component, _ in defined(fragments) if section == "connectors"}
    entries = [processors for receivers, processors, _ in wired(fragments).values() if not connectors & set(receivers)]
    assert entries
    assert all(processors[0] == "memory_limiter" for processors in entries)


def test_intake_stands_before_whatever_else_reads_what_applications_send(fragments: dict[str, dict]) -> None:
    entries = [processors for receivers, processors, _ in wired(fragments).values() if "otlp" in receivers]
    assert len(entries) == 3
    assert all(processors[1] == "intake" for processors in entries)


def test_metrics_are_derived_of_what_sampling_does_not_see(fragments: dict[str, dict]) -> None:
    pipelines = fragments["90-service.yaml"]["service"]["pipelines"]
    assert pipelines["traces/stores"]["exporters"] == ["sequence/derived"]
    assert [name for name, pipeline in pipelines.items() if "samplers" in str(pipeline)] == ["traces/out"]
    assert pipelines["traces/out"]["receivers"] == ["sequence/derived"]


def test_metrics_are_derived_last(fragments: dict[str, dict]) -> None:
    """After every queue has taken the request; and the stores' come after the audit sink's."""
    pipelines = wired(fragments)
    connectors = fragments["30-redact.yaml"]["connectors"] | fragments["40-derive.yaml"]["connectors"]
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


def test_only_the_audit_sink_is_beside_the_stores(fragments: dict[str, dict]) -> None:
    """Message content goes into pipelines with `redact/audit`, and into no other."""
    pipelines = wired(fragments)
    for signal in ("traces", "logs"):
        assert pipelines[signal] == [["otlp"], ["memory_limiter", "intake", "genai"], ["sequence/stores"]]
        assert pipelines[f"{signal}/audit"] == [
            ["sequence/stores"],
            ["filter/audit", "redact/audit"],
            ["otlp_grpc/audit"],
        ]
        assert pipelines[f"{signal}/stores"][:2] == [["sequence/stores"], [f"redact/{signal}"]]
    processors = fragments["30-redact.yaml"]["processors"]
    assert processors["redact/audit"]["content"] == "${otelgate:content_audit}"
    assert [name for name, (_, _, out) in pipelines.items() if "otlp_grpc/audit" in out] == [
        "traces/audit",
        "logs/audit",
    ]


def test_queued_exporters_lose_nothing(fragments: dict[str, dict]) -> None:
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


def test_remote_write_keeps_trying(fragments: dict[str, dict]) -> None:
    exporter = fragments["60-export.yaml"]["exporters"]["prometheus_remote_write"]
    assert exporter["timeout"] == "120s"
    assert exporter["max_batch_request_parallelism"] == 1
    assert exporter["retry_on_failure"] == {"initial_interval": "1s", "max_interval": "5s", "max_elapsed_time": 0}
    assert exporter["queue_bytes"] == "${otelgate:sample_bytes}"


def test_image_loads_every_fragment(root: Path, fragments: dict[str, dict]) -> None:
    dockerfile = (root / "collector/Dockerfile").read_text()
    assert re.findall(r"--config=/etc/otelgate/([\w.-]+)", dockerfile) == list(fragments)


def test_manifest_holds_just_what_the_fragments_use(root: Path, fragments: dict[str, dict]) -> None:
    """By the folder names of the modules: otlpreceiver is `otlp`, transformprocessor is `transform`."""
    manifest = yaml.safe_load((root / "collector/manifest.yaml").read_text())
    module_of = {"file_storage": "filestorage"}
    for section in SECTIONS:
        types = {component.split("/")[0] for part, component, _ in defined(fragments) if part == section}
        used = {module_of.get(kind, kind).replace("_", "") for kind in types}
        listed = {
            re.sub(f"{section[:-1]}$", "", entry.get("import", entry["gomod"].split()[0]).rsplit("/", 1)[1])
            for entry in manifest.get(section) or []
        }
        assert listed == used, section
