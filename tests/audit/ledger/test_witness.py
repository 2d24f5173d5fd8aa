"""The second witness of the ledger's heads: a file or a webhook, which may fail and never holds the audit up."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelgate_audit import settings
from otelgate_audit.jobs import announcer
from otelgate_audit.ledger import witness
from otelgate_audit.ledger.witness import Witness, WitnessError
from otelgate_audit.process.telemetry import Telemetry
from waiting import until

from ..http_server import Quiet, listening

HEAD = {"otelgate.audit.head.seq": 5, "otelgate.audit.head.count": 1}


class Webhook:
    """The bodies that came by POST, and the status and headers that are answered."""

    def __init__(self) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.got = list[dict[str, Any]]()


@pytest.fixture
def webhook() -> Iterator[tuple[Webhook, str]]:
    known = Webhook()

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(200)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if known.status == 200:
                known.got.append(body)
            self.answer(known.status, **known.headers)

    with listening(Handler) as url:
        yield known, f"{url}/T0KEN"


def settled() -> bool:
    """Whether the thread that writes to the witness ends."""
    return until(lambda: all(each.name != "witness" for each in threading.enumerate()), every_s=0.01)


def failures(reader: InMemoryMetricReader) -> list[tuple[dict[str, Any], Any]]:
    """The runs of jobs that failed, by job."""
    data = reader.get_metrics_data()
    return [
        (dict(point.attributes), point.value)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "otelgate.audit.job.failures"
        for point in metric.data.data_points
    ]


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
    """Its folder is not there yet."""
    path = tmp_path / "later" / "heads.jsonl"
    kept = Witness(f"file:{path}")
    for seq in (5, 6):
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
        with pytest.raises(WitnessError) as caught:
            kept.write()
    expected = "expected to take the ledger's heads (No such file or directory); 2 wait"
    assert str(caught.value) == f"OTELGATE_WITNESS='file:{path}': {expected}"
    path.parent.mkdir()
    kept.write()
    kept.write()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["5", "6"]


def test_write_after_a_line_that_was_cut_off_keeps_the_next(tmp_path: Path) -> None:
    """Also after a restart, which does not know of it."""
    path = tmp_path / "heads.jsonl"
    path.write_bytes(b'{"time_unix_nano": 1, "otel')
    kept = Witness(f"file:{path}")
    kept.keep(HEAD)
    kept.write()
    assert [each.get("otelgate_audit_head_seq") for each in heads(path)] == [None, "5"]


@pytest.mark.parametrize(
    "line", [b'{"time_unix_nano": 1e400}', b"[" * 200_000, b'{"time_unix_nano": ' + b"9" * 5_000 + b"}", b"\xff"]
)
def test_read_a_line_that_is_no_head(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "heads.jsonl"
    path.write_bytes(line + b'\n{"time_unix_nano": 1, "a.b": 2}\n')
    assert list(witness.read(path)) == [[(0, {}), (1, {"time_unix_nano": "1", "a_b": "2"})]]


def test_write_to_a_webhook_posts_each_head(webhook: tuple[Webhook, str]) -> None:
    known, url = webhook
    kept = Witness(url)
    known.status = 503
    kept.keep(HEAD)
    with pytest.raises(WitnessError) as caught:
        kept.write()
    assert str(caught.value) == "OTELGATE_WITNESS='http:…': expected to take the ledger's heads (503); 1 wait"
    known.status = 200
    kept.keep(HEAD | {"otelgate.audit.head.seq": 6})
    kept.write()
    assert [each["otelgate.audit.head.seq"] for each in known.got] == [5, 6]
    assert all(each["time_unix_nano"] > 0 for each in known.got)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_write_to_a_webhook_that_redirects_fails(webhook: tuple[Webhook, str], status: int) -> None:
    """The request that follows a redirect would not hold the head."""
    known, url = webhook
    known.status, known.headers = status, {"Location": url}
    kept = Witness(url)
    kept.keep(HEAD)
    with pytest.raises(WitnessError, match=rf"\({status}\); 1 wait$"):
        kept.write()


def test_announce_with_a_witness_that_fails_counts_it_and_goes_on(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The head leaves for Loki all the same, and the witness gets all heads once it takes them."""
    path = tmp_path / "later" / "heads.jsonl"
    exporter, reader = InMemoryLogRecordExporter(), InMemoryMetricReader()
    telemetry = Telemetry(settings.load({}), readers=[reader], exporter=exporter)
    announce = announcer.HeadAnnouncer(telemetry, b"k" * 32, Witness(f"file:{path}"))
    with psycopg.connect(database) as connection:
        for seq in (5, 6):
            connection.execute("UPDATE ledger.head SET seq = %s, link = %s", [seq, b"l" * 32])
            announce(connection, 0)
            assert settled()
        failed = failures(reader)
        path.parent.mkdir()
        announce(connection, 0)
        assert settled()
    telemetry.shutdown()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["5", "6"]
    assert len(exporter.get_finished_logs()) == 2
    assert failed == [({"otelgate.audit.job": "witness"}, 2)]
    assert "expected to take the ledger's heads (No such file or directory); 2 wait" in caplog.text


class Hanging(Witness):
    """Writes once it may."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.may = threading.Event()

    def write(self) -> None:
        assert self.may.wait(60)
        super().write()


def test_announce_with_a_witness_that_hangs_goes_on(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Heads leave for Loki meanwhile, no transaction stays open, and each run that finds it busy counts as failed."""
    path = tmp_path / "heads.jsonl"
    exporter, reader = InMemoryLogRecordExporter(), InMemoryMetricReader()
    telemetry = Telemetry(settings.load({}), readers=[reader], exporter=exporter)
    hanging = Hanging(f"file:{path}")
    announce = announcer.HeadAnnouncer(telemetry, b"k" * 32, hanging)
    with psycopg.connect(database) as connection:
        try:
            for seq in (5, 6, 6):
                connection.execute("UPDATE ledger.head SET seq = %s, link = %s", [seq, b"l" * 32])
                announce(connection, 0)
                assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        finally:
            hanging.may.set()
        assert settled()
    telemetry.shutdown()
    assert len(exporter.get_finished_logs()) == 2
    assert failures(reader) == [({"otelgate.audit.job": "witness"}, 2)]
    assert "(still busy with those before); 2 wait" in caplog.text
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["5", "6"]


def test_keep_too_many_heads_drops_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "_WAITING", 2)
    path = tmp_path / "heads.jsonl"
    kept = Witness(f"file:{path}")
    for seq in range(4):
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
    kept.write()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["2", "3"]


def test_keep_while_one_is_written_loses_none_of_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head that is being written is pushed out by newer ones."""
    monkeypatch.setattr(witness, "_WAITING", 2)
    path = tmp_path / "heads.jsonl"

    class Slow(Witness):
        def _send(self, line: bytes) -> None:
            super()._send(line)
            if b'"otelgate.audit.head.seq":0,' in line:
                for seq in (2, 3):
                    self.keep(HEAD | {"otelgate.audit.head.seq": seq})

    kept = Slow(f"file:{path}")
    for seq in (0, 1):
        kept.keep(HEAD | {"otelgate.audit.head.seq": seq})
    kept.write()
    assert [each["otelgate_audit_head_seq"] for each in heads(path)] == ["0", "2", "3"]


def test_write_that_fails_hides_the_address(webhook: tuple[Webhook, str]) -> None:
    known, url = webhook
    assert "T0KEN" not in repr(settings.load({"OTELGATE_WITNESS": url}))
    known.status = 500
    kept = Witness(url)
    kept.keep(HEAD)
    with pytest.raises(WitnessError) as caught:
        kept.write()
    assert "T0KEN" not in str(caught.value)


@pytest.mark.parametrize("port", ["9", "x"])
def test_write_that_can_t_connect_hides_the_address(port: str) -> None:
    kept = Witness(f"http://127.0.0.1:{port}/T0KEN")
    kept.keep(HEAD)
    with pytest.raises(WitnessError) as caught:
        kept.write()
    reason = {"9": "ConnectionRefusedError", "x": "InvalidURL"}[port]
    assert str(caught.value) == f"OTELGATE_WITNESS='http:…': expected to take the ledger's heads ({reason}); 1 wait"
