"""The queues' disk: it fills, its files are damaged, and nothing that was acknowledged before is lost beyond that."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import SIGKILL

import grpc
import pytest
from bounds import EVENTS, NAME, RUNS, STEPS, Bench, Names, bench, lines, runs, steps
from waiting import until

AUDIT, LOKI = "exporter_otlp_grpc_audit_traces", "exporter_otlp_http_loki_logs"
DISK = 64 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 64 MiB."""
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


def _counted_once(gateway: Bench, runs: int, events: int = 0) -> None:
    for metric, wanted in ((RUNS, runs), (EVENTS, events)):
        assert until(partial(gateway.others.total, metric), lambda found, wanted=wanted: found == wanted) == wanted


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
        gateway.end(SIGKILL)
        gateway.start()
        gateway.audit.away = False
        assert until(lambda: acknowledged <= gateway.audit.names, deadline_s=300), "lost behind a full disk"
        assert acknowledged <= gateway.tempo.names
        (small_disk / "before").unlink()
        assert until(lambda: gateway.send(request) == grpc.StatusCode.OK, deadline_s=120), gateway.refusal
        assert until(lambda: new <= gateway.audit.names and new <= gateway.tempo.names)
        _counted_once(gateway, runs=len(acknowledged | new))
        assert gateway.audit.twice == set()  # Tempo has what could not be crossed off on the full disk twice


def test_less_disk_than_the_queues_may_take_is_said_at_the_start(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path, OTELGATE_QUEUE_BYTES=str(1 << 60)) as gateway:
        gateway.start()
        assert "the disk has less room than the queues may take" in gateway.said()
        capacity = gateway.metric("otelcol_exporter_queue_capacity", exporter="otlp_grpc/tempo")
        free = gateway.metric("otelgate_queue_disk_free")
        assert 0 < capacity < free / 4


PAGE = 4096
LEAF = b"\x02\x00"
"""The flags of a page with keys, from its ninth byte on."""


def _leaves(file: bytearray) -> bytearray:
    for page in range(0, len(file), PAGE):
        number = int.from_bytes(file[page : page + 8], "little")
        if number == page // PAGE and file[page + 8 : page + 10] == LEAF:
            file[page : page + 64] = b"\x5a" * 64
    return file


DAMAGE: dict[str, Callable[[bytearray], bytearray]] = {
    "head": lambda file: bytearray(b"garbage!" * 1024) + file[8192:],
    "leaves": _leaves,
    "emptied": lambda file: bytearray(),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [*((AUDIT, kind) for kind in DAMAGE), (LOKI, "leaves")])
def test_damaged_queue_is_set_aside_and_its_neighbours_go_on(
    gateway_binary: Path, tmp_path: Path, name: str, kind: str
) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        stores = gateway.audit, gateway.tempo, gateway.others
        for store in stores:
            store.away = True
        gateway.start()
        spans: set[bytes] = set()
        events: set[bytes] = set()
        for number in range(30):
            for signal, made, waiting in (("trace", runs, spans), ("logs", lines, events)):
                request, names = made(f"{number:x}", 10, 5000)
                assert gateway.send(request, signal=signal) == grpc.StatusCode.OK
                waiting |= names
        gateway.end(SIGKILL)
        file = gateway.data / name
        file.write_bytes(DAMAGE[kind](bytearray(file.read_bytes())))

        for store in stores:
            store.away = False
        gateway.start()
        beside = (gateway.others, events) if name == AUDIT else (gateway.audit, spans)
        sound: list[tuple[Names, set[bytes]]] = [(gateway.tempo, spans), (gateway.audit, events), beside]
        assert until(lambda: all(waiting <= store.names for store, waiting in sound)), "a sound queue lost items"
        assert f"{file}.damaged-" in gateway.said()
        assert gateway.metric("otelgate_queue_damaged") == 1
        assert gateway.metric("otelgate_totals_damaged") == 0
        request, new = runs("fff", 3, 100)
        assert gateway.send(request) == grpc.StatusCode.OK
        assert until(lambda: new <= gateway.audit.names and new <= gateway.tempo.names)
        _counted_once(gateway, runs=len(spans | new), events=len(events))
        assert [store.twice for store in stores] == [set(), set(), set()]


@pytest.mark.slow
def test_altered_item_is_set_aside_and_the_others_in_its_queue_go_on(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        gateway.others.away = True
        gateway.start()
        events: set[bytes] = set()
        for number in range(10):
            request, names = lines(f"{number:x}", 10, 5000)
            assert gateway.send(request, signal="logs") == grpc.StatusCode.OK
            events |= names
        gateway.end(SIGKILL)
        for file in gateway.data.glob(
            "exporter_otlp_http_loki*_logs"
        ):  # the store's answer moves it to the second queue
            file.write_bytes(file.read_bytes().replace(b"line-5-3", b"line-XXX"))

        gateway.others.away = False
        gateway.start()
        assert until(lambda: gateway.metric("otelgate_queue_damaged") == 1)
        (aside,) = gateway.data.glob("exporter_otlp_http_loki*_logs.damaged-*")
        altered = set(NAME.findall(aside.read_bytes())) | {b"line-5-3"}
        assert until(lambda: gateway.others.names >= events - altered), "a sound item was lost"
        assert gateway.others.names == events - altered
        assert gateway.audit.names == events
        assert f'"set_aside": "{aside}"' in gateway.said()
        _counted_once(gateway, runs=0, events=len(events))


def test_damaged_totals_are_set_aside_and_begin_again_at_zero(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        gateway.start()
        assert gateway.send(steps(0, 2000), signal="metrics") == grpc.StatusCode.OK
        assert until(lambda: gateway.others.total(STEPS) == 2000)
        gateway.end(SIGKILL)
        (file,) = gateway.data.glob("processor_accumulate*")
        file.write_bytes(DAMAGE["head"](bytearray(file.read_bytes())))

        gateway.start()
        assert "the file with the totals of applications' own metrics is damaged" in gateway.said()
        assert f"{file}.damaged-" in gateway.said()
        assert gateway.metric("otelgate_totals_damaged") == 1
        assert gateway.metric("otelgate_queue_damaged") == 0
        assert gateway.send(steps(8, 6000), signal="metrics") == grpc.StatusCode.OK  # of the same sender
        assert until(lambda: gateway.others.total(STEPS) == 6000), gateway.others.total(STEPS)
