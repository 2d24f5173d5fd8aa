"""A secret in every field of OTLP that can carry content, through the real gateway; then the search for them: in the
queues while the stores are away, in everything that the stores answer and write, and in every log.

With content switched on the same search finds them, so it is able to. The audit sink is not such a store: its queue
may hold content, and does.
"""

import io
import os
import random
import re
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leaks
import pytest
from gateways import GatewayContainer
from leaks import Leak
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from waiting import until
from world import OwnWorld

QUEUED = ("tempo", "jaeger", "loki")
"""The stores with a queue on disk; Prometheus has none (60-export.yaml)."""

OWN_WORDS = "logs.resource_logs.scope_logs.log_records.body.string_value"
"""The one exception, as collector/redact/README.md states it: a sentence that an application writes into its own log
line stays, since an application's logs are of no use without their text. OTELGATE_LOG_BODIES=remove takes it, too, as
another test here shows."""


NOT_KEPT = {
    "tempo": re.compile(r"entity_refs|schema_url"),
    "jaeger": re.compile(r"entity_refs|schema_url|scope\.attributes|spans\.links"),
    "loki": re.compile(r"entity_refs|schema_url|event_name|attributes\.(value\.kvlist_value\.values\.){0,2}key$"),
}
"""Fields that a store does not answer with even where it gets them: the queue before it has them, which the test asks
first. Loki drops the names of attributes that have no value, in which the seeded names are."""

NUMBERS = re.compile(r"attributes\[(gen_ai\.usage\.[a-z_.]+_tokens|gen_ai\.response\.time_to_first_chunk)\]$")
"""Attributes that must be numbers; a text there is always removed (collector/README.md)."""


@dataclass
class Sent:
    """The input of the gateway: the secrets, and the ids by which what became of it is found again."""

    start_ns: int = field(default_factory=time.time_ns)
    leaks: list[Leak] = field(default_factory=list)
    traces: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    canary: str = field(default_factory=lambda: f"n{random.SystemRandom().randrange(10**9, 10**10)}")

    def of(self, *signals: str) -> list[Leak]:
        return [leak for leak in self.leaks if leak.path.startswith(signals)]


@dataclass
class Seen:
    """Places to search, by name, and data (see `runs`): in the queues; in the stores, files and logs; and in the
    queue before the audit sink, which alone gets content."""

    sent: Sent
    queues: dict[str, bytes]
    stores: dict[str, bytes]
    audit: dict[str, bytes]


def runs(data: bytes) -> bytes:
    """The part that the search needs: a secret, in any spelling, is within one run of letters, digits, + and /."""
    return b"\n".join(set(re.findall(rb"[A-Za-z0-9+/]{10,}", data)))


def look(wanted: Iterable[Leak], places: Mapping[str, bytes]) -> dict[Leak, list[str]]:
    """The leaks that are in the places, and in which."""
    wanted, found = list(wanted), {}
    for place, data in places.items():
        for leak in leaks.find(wanted, data):
            found.setdefault(leak, []).append(place)
    return found


def send(world: OwnWorld) -> Sent:
    """Both forms of the three requests, and last a counter: once Prometheus has it, it has what came before."""
    sent, endpoint = Sent(), f"http://127.0.0.1:{world.settings.http_port}"
    for form in leaks.FORMS:
        requests, secrets = leaks.seed(form, random.SystemRandom().getrandbits(32))
        sent.leaks += secrets
        traces: Any = requests["traces"]
        logs: Any = requests["logs"]
        sent.traces |= {
            span.trace_id.hex() for rs in traces.resource_spans for ss in rs.scope_spans for span in ss.spans
        }
        sent.records |= {
            line.trace_id.hex() for rl in logs.resource_logs for sl in rl.scope_logs for line in sl.log_records
        }
        converse(traces, logs)
        leaks.send(endpoint, requests)
    canary = ExportMetricsServiceRequest()
    metric = canary.resource_metrics.add().scope_metrics.add().metrics.add(name=f"leaks.sent.{sent.canary}")
    metric.gauge.data_points.add(as_int=1, time_unix_nano=time.time_ns())
    leaks.send(endpoint, {"metrics": canary})
    return sent


def converse(traces: Any, logs: Any) -> None:
    """Every span once more as a model call, every log record once more as a vote, or as an evaluation where it is a
    GenAI event: those go to the audit sink, too."""
    for scope in (scope for resource in traces.resource_spans for scope in resource.scope_spans):
        for span in list(scope.spans):
            call = scope.spans.add()
            call.CopyFrom(span)
            call.span_id = random.SystemRandom().randbytes(8)
            call.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    for lines in (lines for resource in logs.resource_logs for lines in resource.scope_logs):
        for line in list(lines.log_records):
            vote = lines.log_records.add()
            vote.CopyFrom(line)
            vote.event_name = "gen_ai.evaluation.result" if "gen_ai" in line.event_name else "otelgate.feedback"


def queue_files(world: OwnWorld, folder: Path) -> dict[str, bytes]:
    """The files of the gateway's data folder; a container's are had from its engine."""
    gateway = world.gateway
    if isinstance(gateway, GatewayContainer):
        assert gateway._container is not None
        parts, _ = gateway._container.get_wrapped_container().get_archive("/var/lib/otelgate")
        with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as tar:
            return {f"queue {member.name}": packed.read() for member in tar if (packed := tar.extractfile(member))}
    return {f"queue {path.name}": path.read_bytes() for path in folder.iterdir() if path.is_file()}


def held(world: OwnWorld, sent: Sent, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The queues before the stores, once everything that was sent is in them; and those before the audit sink."""

    def complete() -> tuple[dict[str, bytes], dict[str, bytes]] | None:
        files = queue_files(world, folder)
        audit = {name: files.pop(name) for name in list(files) if "audit" in name.rsplit("/", 1)[-1]}
        data = b"".join(files.values())
        return (files, audit) if all(bytes.fromhex(one) in data for one in sent.traces | sent.records) else None

    files = until(complete)
    assert files, "what was acknowledged is not in the queues"
    return files


def delivered(world: OwnWorld, sent: Sent) -> bool:
    lines = world.loki.query_range('{service_name=~".+"}', start_ns=sent.start_ns - 10**10, limit=5000)
    return (
        all(world.tempo.trace(one) and world.jaeger.trace(one) for one in sent.traces)
        and sent.records <= {line.metadata.get("trace_id") for line in lines}
        and bool(world.prometheus.query(f"leaks_sent_{sent.canary}"))
    )


def answers(world: OwnWorld, sent: Sent) -> dict[str, bytes]:
    """Everything that the stores' APIs tell of it, as they write it."""
    start, end = sent.start_ns // 10**9 - 10, time.time() + 10
    everything = '{__name__=~".+"}'
    prometheus: dict[str, dict[str, Any]] = {
        "/api/v1/series": {"match[]": everything},
        "/api/v1/query_exemplars": {"query": everything, "start": start, "end": end},
        "/api/v1/query": {"query": everything},
        "/api/v1/metadata": {},
        "/api/v1/labels": {},
    }
    loki: dict[str, dict[str, Any]] = {
        "/loki/api/v1/query_range": {"query": '{service_name=~".+"}', "start": start, "end": end, "limit": 5000},
        "/loki/api/v1/series": {"match[]": '{service_name=~".+"}', "start": start, "end": end},
        "/loki/api/v1/detected_fields": {"query": '{service_name=~".+"}', "start": start, "end": end},
        "/loki/api/v1/labels": {"start": start, "end": end},
    }
    tempo: dict[str, dict[str, Any]] = {
        "/api/search": {"q": "{}", "limit": 1000, "start": start, "end": int(end)},
        "/api/v2/search/tags": {"start": start, "end": int(end)},
        **{f"/api/v2/traces/{one}": {} for one in sent.traces},
    }
    jaeger: dict[str, dict[str, Any]] = {f"/api/v3/traces/{one}": {} for one in sent.traces}
    found = {}
    for store, paths in {"prometheus": prometheus, "loki": loki, "tempo": tempo, "jaeger": jaeger}.items():
        for path, params in paths.items():
            answer = getattr(world, store).http.get(path, params=params, timeout=60)
            assert answer.is_success, f"{answer.url}: {answer.text[:300]}"
            name = f"{store} {path.rsplit('/', 1)[0] if 'traces' in path else path}"
            found[name] = found.get(name, b"") + b"\n" + runs(answer.content)
    return found


def files_in(folder: Path) -> Iterator[Path]:
    """All files below a folder that stores write to: what they remove meanwhile is left out."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def flush(world: OwnWorld) -> None:
    """Have Tempo and Loki write to disk what they hold, as they would in time."""

    def blocks() -> set[Path]:
        return {path for path in files_in(world.settings.state_dir / "tempo") if path.name == "meta.json"}

    before = blocks()
    for store in (world.tempo, world.loki):
        assert store.http.post("/flush", timeout=60).is_success
    assert until(lambda: blocks() - before), "Tempo wrote no block"


def written(path: Path) -> bytes:
    """A file without its holes: stores reserve gigabytes ahead."""
    parts, end = [], 0
    with path.open("rb") as file:
        size = path.stat().st_size
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole follows
                break
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            parts.append(os.pread(file.fileno(), end - start, start))
    return b"".join(parts)


def files_under(folder: Path) -> dict[str, bytes]:
    """The output of all stores and programs, including logs, except the database, which keeps turns."""
    found = {}
    for path in files_in(folder):
        if path.relative_to(folder).parts[0] == "postgres":
            continue
        if path.is_file() and not path.is_symlink():
            name = f"files of {path.relative_to(folder).parts[0]}"
            try:
                found[name] = found.get(name, b"") + b"\n" + runs(written(path))
            except FileNotFoundError:
                continue  # a store tidied it away
    return found


@contextmanager
def passed(world: OwnWorld, folder: Path, **policy: str) -> Iterator[Seen]:
    """Secrets through a gateway with this policy, into queues and from there into the stores."""
    data_dir = {} if isinstance(world.gateway, GatewayContainer) else {"OTELGATE_DATA_DIR": str(folder)}
    world.gateway.stop()
    world.gateway.start(OTELGATE_TRACES_TO="both", **data_dir, **policy)
    try:
        with world.without(*QUEUED, "audit"):
            sent = send(world)
            queues, audit = held(world, sent, folder)
        assert until(lambda: delivered(world, sent), deadline_s=120), "the stores don't have what was sent"
        stores = answers(world, sent)
        flush(world)
        stores |= {f"{place}, flushed": data for place, data in answers(world, sent).items()}
        stores |= files_under(world.settings.state_dir)
        stores["the gateway's log"] = runs(world.gateway.logs().encode())
        yield Seen(
            sent,
            {name: runs(data) for name, data in queues.items()},
            stores,
            {name: runs(data) for name, data in audit.items()},
        )
    finally:
        world.gateway.stop()
        world.gateway.start(OTELGATE_TRACES_TO="tempo")


def say(text: str) -> None:
    print(f"\n{text}", file=sys.stderr)


@pytest.mark.shows("F24", "K06")
def test_no_secret_gets_out(own_world: OwnWorld, tmp_path: Path) -> None:
    # In the audit store, content of all senders: else only of those that opted in.
    with passed(own_world, tmp_path, OTELGATE_CONTENT_AUDIT="masked") as seen:
        places = {**seen.queues, **seen.stores}
        found = look(seen.sent.leaks, places)
        # Metrics have no switch that lets content through, so this is how the search is seen to find in Prometheus.
        (canary,) = look([Leak("canary", (seen.sent.canary,))], places).values()
        audited = look(seen.sent.leaks, seen.audit)
    own = {leak for leak in seen.sent.leaks if leak.path == OWN_WORDS and len(leak.words) > 1}
    say(f"{len(audited)} of them wait for the audit sink")
    counts = f"{len(set(found) - own)} of {len(seen.sent.leaks)} secrets found in {len(places)} places"
    say(f"{counts}, and {len(own)} sentence of an application's log line")
    assert {leak.path: where for leak, where in found.items() if leak not in own} == {}
    assert own <= set(found), "the documented exception is none any more: take it out of the README and of this test"
    assert all("loki" in place for leak in own for place in found[leak])
    # Content goes there; other data, such as metrics and the gateway's other spans, don't.
    assert any("gen_ai.output.messages" in leak.path for leak in audited), sorted(leak.path for leak in audited)[:20]
    assert not any(leak.path.startswith("metrics") for leak in audited)
    assert {"prometheus /api/v1/series", "prometheus /api/v1/query", "files of prometheus"} <= set(canary)


def test_without_log_lines_not_even_a_sentence_gets_out(own_world: OwnWorld, tmp_path: Path) -> None:
    with passed(own_world, tmp_path, OTELGATE_LOG_BODIES="remove") as seen:
        found = look(seen.sent.leaks, {**seen.queues, **seen.stores})
    say(f"{len(found)} of {len(seen.sent.leaks)} secrets found with OTELGATE_LOG_BODIES=remove")
    assert {leak.path: where for leak, where in found.items()} == {}


@pytest.mark.slow
def test_with_content_switched_on_the_search_finds_them(own_world: OwnWorld, tmp_path: Path) -> None:
    with passed(own_world, tmp_path, OTELGATE_CONTENT_TRACES="full", OTELGATE_CONTENT_LOGS="full") as seen:
        sent = seen.sent
        queued = look(sent.leaks, seen.queues)
        stored = look(sent.leaks, seen.stores)
    content = {"tempo": sent.of("traces"), "jaeger": sent.of("traces"), "loki": sent.of("logs")}
    for store, seeded in content.items():
        wanted = [leak for leak in seeded if not NUMBERS.search(leak.path)]
        assert len(wanted) > 1000
        kept = [leak for leak in wanted if not NOT_KEPT[store].search(leak.path)]
        answered = {leak for leak, places in stored.items() if any(place.startswith(store) for place in places)}
        say(f"{store}: {len(answered & set(wanted))} of {len(wanted)} answered; of {len(kept)} it is known to keep all")
        in_queue = {leak for leak, places in queued.items() if any(store in place for place in places)}
        assert {leak.path for leak in wanted if leak not in in_queue} == set()
        assert {leak.path for leak in kept if leak not in answered} == set()
    assert {leak.path for leak in sent.of("metrics") if leak in queued or leak in stored} == set()
