"""A full disk is said by name, in status and doctor."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from otelgate_stack import ports, settings, state
from otelgate_stack.commands import cli, looking
from otelgate_stack.doctor import doctor, hops
from otelgate_stack.doctor.hops import Hop
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

GIB = 1 << 30


@pytest.fixture
def loaded(tmp_path: Path) -> Settings:
    return settings.load({**ports.free_env(), "OTELGATE_STATE_DIR": str(tmp_path / "state"), "ENGINE": "native"})


def leave(monkeypatch: pytest.MonkeyPatch, free: float, total: float = 100 * GIB, files: int = 1000) -> None:
    """Every file system has so many bytes and inodes left."""
    real = os.statvfs("/")
    block = 1 << 10

    def statvfs(path: object) -> os.statvfs_result:
        numbers = list(real)
        numbers[0] = numbers[1] = block  # f_bsize, f_frsize
        numbers[2], numbers[4] = int(total) // block, int(free) // block  # f_blocks, f_bavail
        numbers[5], numbers[7] = 10**6, files  # f_files, f_favail
        return os.statvfs_result(numbers)

    monkeypatch.setattr(os, "statvfs", statvfs)


@pytest.mark.parametrize(
    ("free", "total", "low", "text"),
    [
        (12.3 * GIB, 100 * GIB, False, "12.3 GiB of 100.0 GiB free in {}"),
        (1 * GIB, 100 * GIB, False, "1.0 GiB of 100.0 GiB free in {}"),
        (0.5 * GIB, 100 * GIB, True, "nearly full: 512 MiB of 100.0 GiB free in {}"),
        (0, 100 * GIB, True, "full: 0 B of 100.0 GiB free in {}"),
        (10 << 20, 64 << 20, False, "10 MiB of 64 MiB free in {}"),  # a separate disk for the queues
        (5 << 20, 64 << 20, True, "nearly full: 5 MiB of 64 MiB free in {}"),
    ],
)
def test_free_space_is_reported(
    monkeypatch: pytest.MonkeyPatch, loaded: Settings, free: float, total: float, low: bool, text: str
) -> None:
    leave(monkeypatch, free, total)
    (disk,) = state.disks({"stores": loaded.state_dir, "gateway's queues": loaded.data_dir})
    assert (disk.holds, disk.low) == (("stores", "gateway's queues"), low)
    assert str(disk) == text.format(loaded.state_dir)


def test_a_disk_without_inodes_is_full_too(monkeypatch: pytest.MonkeyPatch, loaded: Settings) -> None:
    leave(monkeypatch, 50 * GIB, files=0)
    (disk,) = state.disks({"stores": loaded.state_dir})
    assert disk.low
    assert str(disk).startswith("no file can be made any more (no inodes left), 50.0 GiB of ")


def test_folders_on_disks_of_their_own_are_told_apart(loaded: Settings) -> None:
    found = state.disks({"stores": loaded.state_dir, "gateway's queues": Path("/proc")})
    assert [disk.holds for disk in found] == [("stores",), ("gateway's queues",)]


def examined(monkeypatch: pytest.MonkeyPatch, loaded: Settings, *found: Hop, as_json: bool = False) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "examine", lambda settings, say, deadline_s: [say(hop) for hop in found])
    said = io.StringIO()
    return doctor.run(loaded, Report(said), as_json=as_json), said.getvalue()


def test_the_doctor_names_a_full_disk_first(monkeypatch: pytest.MonkeyPatch, loaded: Settings) -> None:
    leave(monkeypatch, 0)
    lost = Hop("traces", "gateway → audit sink", False, 1.0, "nothing gets to it", hops.room(loaded))
    status, text = examined(monkeypatch, loaded, lost)
    assert status == 1
    lines = text.splitlines()
    assert lines[0] == (
        f"✘ disk    stores, gateway's queues   0.00 s  full: 0 B of 100.0 GiB free in {loaded.state_dir}"
    )
    assert lines[1].startswith("    → make room on that disk, or keep less (OTELGATE_RETENTION_METRICS, ")
    assert lines[-1] == "stopped at disk: stores, gateway's queues; traces: gateway → audit sink"
    assert text.count("make room") == 1
    found = json.loads(examined(monkeypatch, loaded, as_json=True)[1])
    assert (found["ok"], found["hops"][0]["signal"]) == (False, "disk")


def test_the_doctor_says_how_much_is_free_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, loaded: Settings
) -> None:
    leave(monkeypatch, 20 * GIB)
    status, text = examined(monkeypatch, loaded)
    assert status == 0
    assert text.startswith("✔ disk    stores, gateway's queues   0.00 s  20.0 GiB of 100.0 GiB free in ")


def test_a_refusal_is_put_down_to_the_full_disk(monkeypatch: pytest.MonkeyPatch, loaded: Settings) -> None:
    """Not to a store that is away: the gateway's own words are of its queue."""
    assert hops.room(loaded) == ""
    leave(monkeypatch, 0)

    def refuse(*_: Any) -> None:
        raise doctor.RefusedError("full", "sending queue is full")

    monkeypatch.setattr(doctor, "send", refuse)
    canary = doctor.Canary()
    where = doctor.target.find(loaded, {})
    visit = doctor._Visit(loaded, where, doctor.GatewayMetrics("http://127.0.0.1:1"), None, canary, 1.0)
    assert visit._accepted("traces").fix == hops.room(loaded)


@pytest.mark.parametrize(("free", "said"), [(20 * GIB, "20.0 GiB of 100.0 GiB free"), (0, "full: 0 B of 100.0 GiB")])
def test_status_says_what_is_free(
    monkeypatch: pytest.MonkeyPatch, loaded: Settings, capsys: pytest.CaptureFixture[str], free: float, said: str
) -> None:
    leave(monkeypatch, free)
    monkeypatch.setattr(looking.settings_module, "load", lambda: loaded)
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)  # pytest keeps its own
    assert cli.main(["status"]) == looking.NOT_READY
    assert f"\n\ndisk of stores and gateway's queues: {said}" in capsys.readouterr().out
    cli.main(["status", "--json"])  # one list of services, as before; problems go to stderr
    printed = capsys.readouterr()
    assert isinstance(json.loads(printed.out), list)
    assert ("disk of stores" in printed.err) is (free == 0)
