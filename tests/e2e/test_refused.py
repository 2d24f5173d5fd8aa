"""A store refuses a batch: its other items are stored once, other batches go on, and the bad item is on record."""

import hashlib
import json
import signal
import stat
import subprocess
from functools import partial
from pathlib import Path
from string import ascii_lowercase

import grpc
from bounds import EXPORT, Bench, bench, lines, runs
from waiting import until

OWN = """
exporters:
  otlp_grpc/mine: {endpoint: "127.0.0.1:1", sending_queue: {queue_size: 5}, retry_on_failure: {enabled: false}}
  otlp_http/mine: {endpoint: "http://127.0.0.1:1", sending_queue: {enabled: false}, encoding: json}
  otlp/older: {endpoint: "127.0.0.1:1"}
  otlp_grpc/tempo: {sending_queue: {enabled: false}}
service:
  pipelines:
    traces/mine: {receivers: [otlp], exporters: [otlp_grpc/mine, otlp_http/mine, otlp/older]}
    metrics/mine: {receivers: [otlp], exporters: [otlp_grpc/mine, otlp_http/mine]}
"""


def _take(gateway: Bench, request: bytes, signal: str = "trace") -> None:
    assert gateway.send(request, signal=signal) == grpc.StatusCode.OK


def test_bad_items_stand_alone_and_their_neighbours_are_stored_once(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        spans_sent, spans = runs("a", 50, 100)
        lines_sent, events = lines("a", 50, 100)
        gateway.tempo.bad = gateway.audit.bad = {b"run-a-7", b"run-a-31"}
        gateway.others.bad = {b"line-a-0"}
        gateway.start()
        _take(gateway, spans_sent)
        _take(gateway, lines_sent, "logs")
        assert until(lambda: gateway.tempo.names == spans - gateway.tempo.bad)
        assert until(lambda: gateway.audit.names == (spans | events) - gateway.audit.bad)
        assert until(lambda: gateway.others.names == events - gateway.others.bad)
        for store in (gateway.tempo, gateway.audit, gateway.others):
            assert store.twice == set()
        rejected = partial(gateway.metric, "otelgate_rejected_items")
        assert until(lambda: rejected() == 5)
        for name, count in {"otlp_grpc/tempo": 2, "otlp_grpc/audit": 2, "otlp_http/loki": 1}.items():
            assert rejected(store=name) == count
        assert gateway.metric("otelcol_exporter_send_failed_spans") == 0
        assert gateway.metric("otelcol_exporter_send_failed_log_records") == 0
        assert gateway.metric("otelcol_exporter_sent_spans", exporter="otlp_grpc/tempo") == len(gateway.tempo.names)

        file = gateway.data / "rejects.jsonl"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        written = [json.loads(line) for line in file.read_text().splitlines()]
        assert sorted(line["store"] for line in written) == sorted(
            2 * ["otlp_grpc/audit", "otlp_grpc/tempo"] + ["otlp_http/loki"]
        )
        for line in written:
            assert line["service"] == "bounds"
            assert line["bytes"] > 0
            assert line["reason"]
        assert len({line["trace_id"] for line in written if line["signal"] == "traces"}) == 2
        for word in ("word", "run-a", "line-a", "paid"):
            assert word not in file.read_text(), "no words of an item"


def test_killed_gateway_loses_no_neighbour_of_a_bad_item(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        sent, spans = runs("b", 200, 100)
        gateway.tempo.bad = {b"run-b-77"}
        for refusals in (1, 3, 6):
            gateway.tempo.names.clear()
            gateway.tempo.refused = 0
            gateway.start()
            request, named = (sent, spans) if refusals == 1 else runs(f"b{refusals}", 200, 100)
            gateway.tempo.bad |= {sorted(named)[100]}
            _take(gateway, request)
            assert until(lambda wanted=refusals: gateway.tempo.refused >= wanted)
            gateway.end(signal.SIGKILL)
            gateway.start()
            assert until(lambda named=named: gateway.tempo.names >= named - gateway.tempo.bad)
            gateway.end()


def test_batches_refused_for_now_hold_up_no_other(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path, OTELGATE_MEMORY_LIMIT_MIB="128") as gateway:  # one consumer of each queue
        later, refused = set[bytes](), gateway.others.refused
        gateway.start()
        for number in range(4):
            request, named = lines(f"c{number}", 3, 100)
            later |= named
            gateway.others.later = later
            _take(gateway, request, "logs")
            assert until(lambda before=refused: gateway.others.refused > before)
            refused = gateway.others.refused
        request, named = lines("d", 3, 100)
        _take(gateway, request, "logs")
        assert until(lambda: named <= gateway.others.names)
        assert not later & gateway.others.names
        gateway.others.later = set()
        assert until(lambda: later <= gateway.others.names)
        assert gateway.others.twice == set()
        assert gateway.metric("otelgate_rejected_items") == 0


def test_services_beyond_the_bound_share_a_stream(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        (gateway.config / "99-own.yaml").write_text("processors: {streams: {max_streams: 1}}\n")
        gateway.start()
        first, named = lines("e", 3, 100)
        _take(gateway, first, "logs")
        second, more = lines("f", 3, 100)
        _take(gateway, second.replace(b"bounds", b"beyond"), "logs")
        assert until(lambda: named | more <= gateway.others.names)
        assert gateway.metric("otelgate_streams_other_lines") == len(more)
        assert gateway.metric("otelgate_streams_live") == 1


APPLICATIONS = """
applications:
  - {name: shop, token_sha256: [%s], services: ["shop-*"]}
  - {name: bank, token_sha256: [%s], services: ["bank-*"]}
"""


def test_application_beyond_its_share_of_streams_costs_no_other(gateway_binary: Path, tmp_path: Path) -> None:
    operator, applications = tmp_path / "token", tmp_path / "applications.yaml"
    operator.write_text("operator")
    applications.write_text(
        APPLICATIONS % tuple(hashlib.sha256(each.encode()).hexdigest() for each in ("shop", "bank"))
    )
    files = {"OTELGATE_TOKEN_FILE": str(operator), "OTELGATE_APPLICATIONS_FILE": str(applications)}
    with bench(gateway_binary, tmp_path, **files) as gateway:
        (gateway.config / "99-own.yaml").write_text("processors: {streams: {max_streams: 20}}\n")
        gateway.start()
        call = gateway.channel.unary_unary(EXPORT.format("logs", "Logs"))
        sent = set[bytes]()
        services = ["bank-a", *(f"shop-{letter}" for letter in ascii_lowercase), "bank-b"]
        for number, service in enumerate(services):
            request, names = lines(f"{number:x}", 1, 100)
            token = f"Bearer {service[:4]}"
            call(request.replace(b"bounds", service.encode()), timeout=60, metadata=[("authorization", token)])
            sent |= names
        assert until(lambda: sent <= gateway.others.names)
        other = partial(gateway.metric, "otelgate_streams_other_lines")
        assert other(application="shop") == 8
        assert other(application="bank") == 0


def test_own_exporters_configuration_is_taken(gateway_binary: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN)
    said = subprocess.run(
        [gateway_binary, "validate", f"--config={Path(__file__).parents[2] / 'collector/config'}", f"--config={own}"],
        env={"OTELGATE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
