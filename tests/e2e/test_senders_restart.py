"""Processes with counters restart at random and the gateway is killed twice: nothing is lost or counted twice."""

import random
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path

import counting
import pytest
from waiting import until
from world import OwnGateway, World

PROGRAM = Path(__file__).with_name("counting.py")
PROCESSES = (
    ("cumulative", "c-1"),
    ("cumulative", "c-2"),
    ("cumulative", ""),
    ("delta", "d-1"),
    ("delta", "d-2"),
    ("delta", ""),
)
DURATION_S = 90
END_S = 600
"""The time for which a sender that was ended may still send: as long as a gateway needs to start, and more."""
RANGE = "1h"
"""Longer than the test takes on any machine."""
SEED = 20261129


class Senders:
    """The processes of one service, and what those that have ended say they counted."""

    def __init__(self, gateway: OwnGateway, service: str) -> None:
        self._arguments = [f"http://127.0.0.1:{gateway.settings.grpc_port}", service]
        self._running = [self._start(number) for number in range(len(PROCESSES))]
        self.counted = 0
        self.restarts = 0

    def _start(self, number: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(PROGRAM), *self._arguments, *PROCESSES[number]]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _end(self, number: int) -> None:
        process = self._running[number]
        assert process.stdout is not None
        assert process.stdout.readline() == "counting\n"  # else the signal would just end it
        process.send_signal(signal.SIGTERM)
        try:
            out, errors = process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{process.args} did not end within {END_S} s of SIGTERM; it says:\n{self._stacks(process)}")
        assert process.returncode == 0, errors
        self.counted += int(out)

    @staticmethod
    def _stacks(process: subprocess.Popen[str]) -> str:
        """All that it wrote to stderr, and the stacks of its threads. It is killed."""
        process.send_signal(counting.STACKS)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=10)
        process.kill()
        return process.communicate()[1]

    def restart(self, number: int) -> None:
        self._end(number)
        self._running[number] = self._start(number)
        self.restarts += 1

    def end(self) -> None:
        for number in range(len(PROCESSES)):
            self._end(number)

    def kill(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


def passed(due: float) -> bool:
    return time.monotonic() > due


def whole_increase(world: World, of: str) -> float:
    """The rise of all series, each up to its last sample: beyond it, increase() adds half of the samples' distance."""
    return sum(
        series.value
        for last in world.prometheus.query(f"timestamp({of})")
        for series in world.prometheus.query(f"increase({of}[{RANGE}])", last.value)
        if series.labels.items() == last.labels.items() - {("__name__", last.labels.get("__name__"))}
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_totals_equal_what_the_senders_counted(own_gateway: OwnGateway) -> None:
    chance = random.Random(SEED)
    service = f"counting-{uuid.uuid4().hex[:8]}"
    of = f'counting_steps_total{{service_name="{service}"}}'
    senders = Senders(own_gateway, service)
    try:
        began = time.monotonic()
        kills = [DURATION_S / 3, DURATION_S * 2 / 3]
        while not passed(began + DURATION_S):
            if kills and passed(began + kills[0]):
                kills.pop(0)
                own_gateway.gateway.kill()
                own_gateway.gateway.start()
            due = time.monotonic() + chance.uniform(1, 5)
            until(partial(passed, due))
            senders.restart(chance.randrange(len(PROCESSES)))
        senders.end()
    finally:
        senders.kill()
    truth = senders.counted
    size = f'counting_size_sum{{service_name="{service}"}}'
    total, sizes = until(
        lambda: [own_gateway.prometheus.value(f"sum({each})") for each in (of, size)],
        lambda found: found == [truth, truth],
        deadline_s=600,
    )
    increase = whole_increase(own_gateway, of)
    stretched = own_gateway.prometheus.value(f"sum(increase({of}[{RANGE}]))")
    resets = own_gateway.prometheus.value(f"sum(resets({of}[{RANGE}]))")
    print(
        f"\n{senders.restarts} restarts, 2 kills: counted {truth}, total {total}, increase {increase},"
        f" by extrapolation {stretched}, resets {resets}",
        file=sys.stderr,
    )
    assert (total, sizes, resets) == (truth, truth, 0)
    assert increase == pytest.approx(truth, rel=0.01)
