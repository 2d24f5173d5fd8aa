"""The queues' disk: it fills, its files are damaged, and nothing that was acknowledged before is lost beyond that."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from bounds import Bench, bench, runs
from waiting import until

AUDIT = "exporter_otlp_grpc_audit_traces"
DISK = 64 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(gateway: Bench) -> set[bytes]:
    """Send until the gateway refuses for the disk; the names of what it acknowledged."""
    acknowledged: set[bytes] = set()
    for number in range(2000):
        request, names = runs(f"{number:x}", 10, 20_000)
        if gateway.send(request) == grpc.StatusCode.OK:
            acknowledged |= names
        elif "OTELGATE_QUEUE_RESERVE_BYTES" in gateway.refusal:
            return acknowledged
    raise AssertionError(f"never refused for the disk, {gateway.refusal}")


def _take(path: Path, leave: int) -> None:
    """As another program does, until so many bytes are free."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize > leave:
            file.write(bytes(1 << 16))


@pytest.mark.slow
def test_full_disk_and_kill_lose_nothing(gateway_binary: Path, tmp_path: Path, small_disk: Path) -> None:
    with bench(gateway_binary, tmp_path, small_disk, OTELGATE_QUEUE_BYTES=str(DISK)) as gateway:
        gateway.audit.away = True
        gateway.start()
        _take(small_disk / "before", leave=16 << 20)  # less than the queue may take
        acknowledged = _fill(gateway)
        assert len(acknowledged) > 100, gateway.refusal
        assert f"OTELGATE_DATA_DIR='{small_disk}'" in gateway.refusal
        request, new = runs("a11", 10, 50_000)  # larger than what may still fit
        answer = gateway.post(request)
        assert answer.status_code == 503
        assert b"OTELGATE_QUEUE_RESERVE_BYTES" in answer.content
        assert os.statvfs(small_disk).f_bavail > 0, "the last byte was taken"

        _take(small_disk / "other", leave=0)
        gateway.end(signal.SIGKILL)
        gateway.start()
        gateway.audit.away = False
        assert until(lambda: acknowledged <= gateway.audit.names, deadline_s=300), "lost behind a full disk"
        assert acknowledged <= gateway.tempo.names
        (small_disk / "before").unlink()
        assert until(lambda: gateway.send(request) == grpc.StatusCode.OK, deadline_s=120), gateway.refusal
        assert until(lambda: new <= gateway.audit.names and new <= gateway.tempo.names)


def test_less_disk_than_the_queues_may_take_is_said_at_the_start(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path, OTELGATE_QUEUE_BYTES=str(1 << 60)) as gateway:
        gateway.start()
        assert "the disk has less room than the queues may take" in gateway.said()
        capacity = gateway.metric("otelcol_exporter_queue_capacity", exporter="otlp_grpc/tempo")
        free = gateway.metric("otelgate_queue_disk_free")
        assert 0 < capacity < free / 4


def _middle(file: bytearray) -> bytearray:
    start, size = len(file) // 3, 64 << 10
    return file[:start] + bytearray(b"\x5a" * size) + file[start + size :]


DAMAGE: dict[str, Callable[[bytearray], bytearray]] = {
    "head": lambda file: bytearray(b"garbage!" * 1024) + file[8192:],
    "middle": _middle,
    "emptied": lambda file: bytearray(),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_queue_is_set_aside_and_its_neighbours_go_on(gateway_binary: Path, tmp_path: Path, kind: str) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        gateway.audit.away = gateway.tempo.away = True
        gateway.start()
        waiting: set[bytes] = set()
        for number in range(30):
            request, names = runs(f"{number:x}", 10, 5000)
            assert gateway.send(request) == grpc.StatusCode.OK
            waiting |= names
        gateway.end(signal.SIGKILL)
        file = gateway.data / AUDIT
        file.write_bytes(DAMAGE[kind](bytearray(file.read_bytes())))

        gateway.audit.away = gateway.tempo.away = False
        gateway.start()
        assert until(lambda: waiting <= gateway.tempo.names), "the queue beside the damaged one lost its items"
        assert f"{file}.damaged-" in gateway.said()
        assert gateway.metric("otelgate_queue_damaged") == 1
        request, new = runs("fff", 3, 100)
        assert gateway.send(request) == grpc.StatusCode.OK
        assert until(lambda: new <= gateway.audit.names and new <= gateway.tempo.names)
