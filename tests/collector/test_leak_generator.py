"""The leak test's own parts: it reaches every field, it finds what is there, and its committed requests are current."""

import base64
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdk"))

import leak_names
import leaks
from otlp_receiver import Receiver


@pytest.mark.parametrize("form", leaks.FORMS)
def test_every_field_is_seeded_and_found(form: str) -> None:
    requests, seeded = leaks.seed(form, 1)
    assert len({leak.path for leak in seeded}) == len(seeded)
    assert len({leak.words for leak in seeded}) == len(seeded)
    paths = {leak.path for leak in seeded}
    for signal, request in requests.items():
        assert sorted(set(leaks.fields(request.DESCRIPTOR, signal)) - paths) == []
        mine = [leak for leak in seeded if leak.path.startswith(signal)]
        assert leaks.find(mine, request.SerializeToString()) == mine
        assert leaks.find(mine, b"nothing") == []


def test_the_walk_reaches_what_is_easily_forgotten() -> None:
    reached = {leak.path for leak in leaks.seed()[1]}
    scope, points = "resource_spans.scope_spans", "metrics.resource_metrics.scope_metrics.metrics"
    assert reached >= {
        f"traces.{scope}.scope.attributes.value.string_value",
        f"traces.{scope}.spans.trace_state",
        f"traces.{scope}.spans.links.trace_state",
        f"traces.{scope}.spans.links.attributes.value.bytes_value",
        f"traces.{scope}.spans.events.attributes.value.kvlist_value.values.key",
        f"traces.{scope}.spans.status.message",
        "traces.resource_spans.schema_url",
        "traces.resource_spans.resource.entity_refs.description_keys",
        "logs.resource_logs.scope_logs.log_records.body.array_value.values.string_value",
        "logs.resource_logs.scope_logs.log_records.event_name",
        "logs.resource_logs.scope_logs.log_records.severity_text",
        f"{points}.metadata.value.string_value",
        f"{points}.exponential_histogram.data_points.exemplars.filtered_attributes.value.string_value",
        f"{points}.summary.data_points.attributes.key",
    }
    assert not any(path.endswith("_id") for path in reached)


@pytest.mark.parametrize("offset", range(3))
def test_bytes_are_found_as_stores_write_them(offset: int) -> None:
    (leak, *_) = leaks.seed()[1]
    (word,) = leak.words
    raw = b"x" * offset + word.encode() + b"yz"
    assert leaks.find([leak], base64.b64encode(raw)) == [leak]
    assert leaks.find([leak], raw.hex()) == [leak]
    assert leaks.find([leak], raw.upper()) == [leak]
    assert leaks.find([leak], raw.replace(word.encode(), word.encode()[:-1])) == []


def test_names_are_those_of_the_conventions() -> None:
    assert leak_names.check_free_text() == []
    assert {"gen_ai.input.messages", "input.value", "traceloop.entity.input"} <= set(leak_names.names())


def test_the_processors_requests_are_current(root: Path, tmp_path: Path) -> None:
    leaks.write(tmp_path)
    committed = root / "collector/redact/testdata/leaks"
    stale = [
        str(file.relative_to(tmp_path))
        for file in sorted(tmp_path.rglob("*.*"))
        if (committed / file.relative_to(tmp_path)).read_bytes() != file.read_bytes()
    ]
    assert stale == [], "run: python tests/e2e/leaks.py write collector/redact/testdata/leaks"


def test_manifest_and_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, seeded = leaks.seed("prose", 3)
    manifest, clean, dirty = tmp_path / "leaks.tsv", tmp_path / "clean", tmp_path / "dirty"
    leaks.save(seeded, manifest)
    assert leaks.load(manifest) == seeded
    clean.write_text("nothing")
    dirty.write_text(f"a store with {seeded[5].words[1]} in it")
    monkeypatch.setattr(sys, "argv", ["leaks.py", "find", str(manifest), str(clean)])
    assert leaks.main() == 0
    monkeypatch.setattr(sys, "argv", ["leaks.py", "find", str(manifest), str(clean), str(dirty)])
    assert leaks.main() == 1


def test_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver().start_http()
    manifest = tmp_path / "leaks.tsv"
    monkeypatch.setenv("TOKEN", "t-1")
    monkeypatch.setattr(sys, "argv", ["leaks.py", "send", receiver.endpoint, "--manifest", str(manifest)])
    assert leaks.main() == 0
    receiver.stop()
    assert {metadata["authorization"] for metadata in receiver.metadata} == {"Bearer t-1"}
    seeded = leaks.load(manifest)
    assert leaks.find(seeded, b"".join(request.SerializeToString() for request in receiver.requests)) == seeded
