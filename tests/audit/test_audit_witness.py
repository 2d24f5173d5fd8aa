"""The second witness of the ledger's heads: a file or a webhook, which may fail and never holds the audit up."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import jobs, settings, witness
from otelgate_audit.telemetry import Telemetry
from otelgate_audit.witness import Witness, WitnessError

HEAD = {"otelgate.audit.head.seq": 5, "otelgate.audit.head.count": 1}


class Webhook:
    """The bodies that came by POST, and the status that is answered."""

    def __init__(self) -> None:
        self.status, self.got = 200, list[dict[str, Any]]()


@pytest.fixture
def webhook() -> Iterator[tuple[Webhook, str]]:
    known = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if known.status == 200:
                known.got.append(body)
            self.send_response(known.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield known, f"http://127.0.0.1:{server.server_port}/T0KEN"
    server.shutdown()
    thread.join()
    server.server_close()


def heads(path: Path) -> list[dict[str, Any]]:
    return [fields for page in witness.read(path) for _, fields in page]


def test_write_to_a_file_appends_lines(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    for seq in (5, 6):
        kept = Witness(f"file:{path}")
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
        kept.write()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["5", "6"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_write_to_a_file_that_fails_waits(tmp_path: Path) -> None:
    """Its folder is not there yet; a line of which a part was written stays apart from the next."""
    path = tmp_path / "later" / "heads.jsonl"
    kept = Witness(f"file:{path}")
    for seq in (5, 6):
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
        with pytest.raises(WitnessError) as caught:
            kept.write()
    assert str(caught.value) == "the witness does not take the ledger's head (FileNotFoundError): 2 heads wait"
    path.parent.mkdir()
    path.write_bytes(b'{"time_unix_nano": 1, "otel')
    kept.write()
    assert [each.get("otelgate_audit_head_seq") for each in heads(path)] == [None, "5", "6"]
    kept.write()
    assert len(heads(path)) == 3


def test_write_to_a_webhook_posts_each_head(webhook: tuple[Webhook, str]) -> None:
    known, url = webhook
    kept = Witness(url)
    known.status = 503
    kept.keep(HEAD)
    with pytest.raises(WitnessError) as caught:
        kept.write()
    assert str(caught.value) == "the witness does not take the ledger's head (503): 1 heads wait"
    known.status = 200
    kept.keep(HEAD | {"otelgate.audit.head.seq": 6})
    kept.write()
    assert [each["otelgate.audit.head.seq"] for each in known.got] == [5, 6]
    assert all(each["time_unix_nano"] > 0 for each in known.got)


def test_announce_with_a_witness_that_fails_counts_it_and_goes_on(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The head leaves for Loki all the same, and the witness gets all heads once it takes them."""
    path = tmp_path / "later" / "heads.jsonl"
    exporter, reader = InMemoryLogRecordExporter(), InMemoryMetricReader()
    telemetry = Telemetry(settings.load({}), readers=[reader], exporter=exporter)
    announce = jobs.HeadAnnouncer(telemetry, b"k" * 32, Witness(f"file:{path}"))
    with psycopg.connect(database) as connection:
        for seq in (5, 6):
            connection.execute("UPDATE ledger.head SET seq = %s, link = %s", [seq, b"l" * 32])
            announce(connection, 0)
        failures = reader.get_metrics_data()
        path.parent.mkdir()
        announce(connection, 0)
    telemetry.shutdown()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["5", "6"]
    assert len(exporter.get_finished_logs()) == 2
    points = [
        (metric.name, dict(point.attributes), point.value)
        for resource in failures.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    assert points == [("otelgate.audit.job.failures", {"otelgate.audit.job": "witness"}, 2)]
    assert "the witness does not take the ledger's head (FileNotFoundError): 2 heads wait" in caplog.text


def test_of_many_heads_that_wait_the_latest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "_WAITING", 2)
    path = tmp_path / "heads.jsonl"
    kept = Witness(f"file:{path}")
    for seq in range(4):
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
    kept.write()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["2", "3"]


def test_the_witness_s_address_is_never_shown(webhook: tuple[Webhook, str]) -> None:
    known, url = webhook
    assert "T0KEN" not in repr(settings.load({"OTELGATE_WITNESS": url}))
    known.status = 500
    kept = Witness(url)
    kept.keep(HEAD)
    with pytest.raises(WitnessError) as caught:
        kept.write()
    assert "T0KEN" not in str(caught.value)
