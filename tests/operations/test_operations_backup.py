"""Backup and restore of a real stack: what every store held is there again, and the ledger still proves it."""

import io
import json
import stat
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from operations_stack import URL, Operated
from otelgate_stack import credentials, web
from otelgate_stack.clients import Jaeger
from otelgate_stack.doctor.canary import Canary
from shared import clean_env
from waiting import until

pytestmark = pytest.mark.slow

MakeStack = Callable[..., Operated]
SERVICE = "bike-shop"
TURNS = "SELECT * FROM content.turns WHERE service = %s ORDER BY started_at"
LEDGER = """SELECT entries.* FROM ledger.entries JOIN audit.turns USING (trace_id)
WHERE service = %s ORDER BY seq"""


@dataclass(frozen=True)
class Held:
    """The demo's data in the stores at a time in Unix seconds."""

    trace_id: str
    at_s: float
    values: dict[str, Any]


@dataclass(frozen=True)
class BackedUp:
    """A stack that runs, what it held, what the command said, and the file."""

    stack: Operated
    held: Held
    said: str
    file: Path


def look(stack: Operated, trace_id: str, at_s: float) -> dict[str, Any]:
    series = stack.prometheus.query(f'{{service_name="{SERVICE}"}}', at_s)
    lines = stack.loki.query_range(f'{{service_name="{SERVICE}"}}')
    jaeger = Jaeger.of(stack.settings)
    return {
        "series": sorted((sorted(sample.labels.items()), sample.value) for sample in series),
        "lines": [(line.time_ns, line.line, sorted(line.metadata.items())) for line in lines],
        "tempo": stack.tempo.trace(trace_id),
        "jaeger": jaeger.trace(trace_id),
        "turns": stack.sql(TURNS, SERVICE),
        "ledger": stack.sql(LEDGER, SERVICE),
    }


class Letters(threading.Thread):
    """Log records sent one after the other, each until the gateway takes it, as an SDK does."""

    def __init__(self, stack: Operated) -> None:
        super().__init__(daemon=True)
        self._url = f"{URL}{stack.settings.http_port}/v1/logs"
        self._ended = threading.Event()
        self.sent: list[str] = []

    def run(self) -> None:
        headers = {"content-type": "application/x-protobuf"}
        while not self._ended.is_set():
            canary = Canary()
            body = canary.request("logs", "http").SerializeToString()
            while True:
                try:
                    if web.post(self._url, content=body, headers=headers).is_success:
                        break
                except httpx.HTTPError:
                    self._ended.wait(0.05)
            self.sent.append(canary.trace_id)
            self._ended.wait(0.05)

    def end(self) -> list[str]:
        self._ended.set()
        self.join()
        return self.sent


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUp]:
    stack = Operated(clean_env(tmp_path_factory.mktemp("o"), OTELGATE_TRACES_TO="both"))
    stack.good("up")
    try:
        demo = json.loads(stack.good("demo", "--runs=2", "--wait=180", "--json"))
        # Once the gateway has ended, nothing of the demo is under way any more.
        stack.engine.stop("gateway")
        trace_id = demo["trace"]["trace_id"]
        at_s = time.time()
        held = Held(trace_id, at_s, look(stack, trace_id, at_s))
        stack.engine.start("gateway")
        letters = Letters(stack)
        letters.start()
        folder = tmp_path_factory.mktemp("backups")
        said = stack.good("backup", str(folder))
        sent = letters.end()
        assert len(sent) > 10
        arrived = until(lambda: set(sent) <= set(canaries(stack)))
        assert arrived, set(sent) - set(canaries(stack))
        (file,) = folder.iterdir()
        yield BackedUp(stack, held, said, file)
    finally:
        stack.good("down")


def canaries(stack: Operated) -> list[str]:
    rows = stack.sql("SELECT trace_id FROM audit.events WHERE name = 'canary' ORDER BY trace_id")
    return [trace_id for (trace_id,) in rows]


@pytest.mark.shows("F4", "K58")
def test_restore_brings_back_data(backed_up: BackedUp, new_stack: MakeStack) -> None:
    assert all(backed_up.held.values.values()), {name: len(value) for name, value in backed_up.held.values.items()}
    other = new_stack(OTELGATE_TRACES_TO="both")
    said = other.good("restore", str(backed_up.file))
    assert "restore postgres … " in said
    assert said.splitlines()[-1] == "next: make up && make audit-verify"
    other.good("up")
    assert look(other, backed_up.held.trace_id, backed_up.held.at_s) == backed_up.held.values
    verified = other.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    ours, theirs = (credentials.folder(stack.settings) for stack in (other, backed_up.stack))
    assert {file.name: file.read_text() for file in ours.iterdir()} == {
        file.name: file.read_text() for file in theirs.iterdir()
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in ours.iterdir()} == {0o600}
    assert other.run("doctor").returncode == 0  # and it goes on from there


@pytest.mark.shows("F4")
def test_a_backup_leaves_everything_up(backed_up: BackedUp) -> None:
    assert all(service["ready"] for service in backed_up.stack.json("status"))
    for store in ("gateway", "prometheus", "loki", "tempo", "jaeger"):
        for words in ("stop", "copy", "start"):
            assert f"{words} {store} … " in backed_up.said
    assert stat.S_IMODE(backed_up.file.stat().st_mode) == 0o600
    assert f"next: make restore FROM={backed_up.file} on an empty stack" in backed_up.said


@pytest.mark.shows("F4")
def test_backup_never_stops_postgres(backed_up: BackedUp) -> None:
    assert "copy postgres … " in backed_up.said
    assert "stop postgres" not in backed_up.said
    statement = "SELECT pg_postmaster_start_time() < %s, (SELECT count(*) FROM pg_replication_slots)"
    made_at = datetime.strptime(backed_up.file.name, "otelgate-%Y%m%dT%H%M%SZ.tar").replace(tzinfo=UTC)
    assert backed_up.stack.sql(statement, made_at) == [(True, 0)]


@pytest.mark.shows("F4")
def test_a_stack_with_data_is_left_alone(backed_up: BackedUp) -> None:
    before = canaries(backed_up.stack)
    refused = backed_up.stack.run("restore", str(backed_up.file))
    assert refused.returncode == 1
    assert "error: there is data already, of gateway, prometheus, loki, tempo, jaeger" in refused.stderr
    assert refused.stderr.endswith("--force (FORCE=1) replaces it by the backup's\n")
    assert canaries(backed_up.stack) == before


@pytest.mark.shows("F4")
def test_force_goes_back_in_time(backed_up: BackedUp, new_stack: MakeStack, tmp_path: Path) -> None:
    stack = new_stack()
    stack.good("restore", str(backed_up.file))
    stack.good("up")
    assert stack.sql("DELETE FROM audit.turns WHERE service = %s RETURNING 1", SERVICE)
    stack.good("restore", "--force", str(backed_up.file))
    assert stack.run("status").returncode == 3  # taken down
    # Of a stack that is down, PostgreSQL's files are copied as they are, as all backups had them before pg_basebackup.
    stack.good("backup", str(tmp_path))
    (plain,) = tmp_path.iterdir()
    stack.good("restore", "--force", str(plain))
    stack.good("up")
    held = backed_up.held.values["turns"]
    assert stack.sql(TURNS, SERVICE) == held


def changed(file: Path, folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a backup with other contents."""
    copy = folder / "changed.tar"
    with tarfile.open(file) as old, tarfile.open(copy, "w") as new:
        for member in old.getmembers():
            source = old.extractfile(member)
            assert source is not None
            data = change(member.name, source.read())
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return copy


def refused(stack: Operated, file: Path) -> str:
    done = stack.run("restore", str(file))
    assert done.returncode == 1
    assert not (stack.settings.state_dir / "postgres").exists()
    return done.stderr.strip()


@pytest.mark.shows("F4")
def test_a_damaged_file_is_refused(backed_up: BackedUp, new_stack: MakeStack, tmp_path: Path) -> None:
    def flip(name: str, data: bytes) -> bytes:
        return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] if name == "loki.tar.gz" else data

    copy = changed(backed_up.file, tmp_path, flip)
    expected = f"error: {copy}: the checksum of loki is wrong: the file is damaged, nothing was restored"
    assert refused(new_stack(), copy) == expected


@pytest.mark.shows("F4")
def test_another_major_version_is_refused(backed_up: BackedUp, new_stack: MakeStack, tmp_path: Path) -> None:
    def older(name: str, data: bytes) -> bytes:
        if name != "manifest.json":
            return data
        manifest = json.loads(data)
        manifest["parts"]["postgres"]["version"] = "17.9"
        return json.dumps(manifest).encode()

    copy = changed(backed_up.file, tmp_path, older)
    assert refused(new_stack(), copy) == (
        f"error: {copy}: holds the data of postgres 17.9, expected major version 18:"
        " check out otelgate 0.1.0 to restore it"
    )


def test_invalid_backup_is_refused(new_stack: MakeStack, tmp_path: Path) -> None:
    stack = new_stack()
    (tmp_path / "thesis.tex").write_text("years of work")
    assert refused(stack, tmp_path / "thesis.tex") == f"error: {tmp_path}/thesis.tex: not a backup of otelgate"
    assert refused(stack, tmp_path / "none.tar") == f"error: {tmp_path}/none.tar: No such file or directory"
    with tarfile.open(tmp_path / "half.tar", "w") as half:
        half.add(tmp_path / "thesis.tex", "loki.tar.gz")
    assert refused(stack, tmp_path / "half.tar") == (
        f"error: {tmp_path}/half.tar: not a whole backup of otelgate: it has no manifest that can be read"
    )
    empty = stack.run("backup", str(tmp_path / "backups"))
    assert (empty.returncode, empty.stderr) == (1, "error: nothing to back up: no store has any data\n")
