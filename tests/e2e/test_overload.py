"""More is sent than the gateway can process: it refuses, keeps to its memory limit, and loses nothing that it took."""

import gzip
import math
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import grpc
import httpx
import pytest
from bounds import EVENTS, EXPORT, RUNS, STEPS, Bench, bench, lines, runs, steps
from otelgate_stack import web
from waiting import until

MOST = 1.2
"""Largest resident memory over the limit."""

OVERLOAD = 10
"""Concurrently sent data, as a multiple of the accepted data."""

TIMEOUT_S = 30
"""Of a sender, as SDKs have one: what it sends again after that counts once."""


@dataclass(frozen=True)
class Request:
    """`adds`: by how much it raises the total of its signal."""

    signal: str
    body: bytes
    names: set[bytes]
    adds: int

    @cached_property
    def packed(self) -> bytes:
        """With gzip: once, since it is sent again and again."""
        return gzip.compress(self.body, 1)

    def over_grpc(self, channel: grpc.Channel) -> bool:
        try:
            channel.unary_unary(EXPORT.format(self.signal, self.signal.capitalize()))(self.body, timeout=TIMEOUT_S)
        except grpc.RpcError:
            return False
        return True

    def over_http(self, client: httpx.Client, packed: bool) -> bool:
        headers = {"Content-Type": "application/x-protobuf", **({"Content-Encoding": "gzip"} if packed else {})}
        content = self.packed if packed else self.body
        try:
            return client.post(
                f"/v1/{self.signal.replace('trace', 'traces')}", content=content, headers=headers
            ).is_success
        except httpx.HTTPError:
            return False


def of_runs(name: str, count: int, size: int) -> Request:
    return Request("trace", *runs(name, count, size), count)


def of_lines(name: str, count: int, size: int) -> Request:
    return Request("logs", *lines(name, count, size), count)


def of_steps(number: int, count: int) -> Request:
    return Request("metrics", steps(number, count), set(), count)


def filled(make: Callable[[int], Request], size: int) -> Request:
    """With as many items as a request of `size` bytes has."""
    return make(max(1, int(size / (len(make(20).body) / 20))))


def largest(limit_mib: int) -> list[Request]:
    """Requests that are nearly as large as the limit allows: few large spans, and many small ones, which take most."""
    size = min(16, (limit_mib - 64) // 28) * 1_000_000
    each = max(4, 48_000_000 // size)
    made = []
    for number in range(each):
        name = f"{number:x}"
        made += [
            filled(lambda count, name=name: of_runs(f"a{name}", count, 900_000), size),
            filled(lambda count, name=name: of_runs(f"b{name}", count, 2600), size),
            filled(lambda count, name=name: of_runs(f"c{name}", count, 0), size),
            filled(lambda count, name=name: of_lines(name, count, 200), size),
            filled(lambda count, number=number: of_steps(number, count), size),
        ]
    return made


def usual(limit_mib: int) -> list[Request]:
    """Full batches of SDKs."""
    return [
        request
        for number in range((limit_mib - 64) // 2)
        for request in (
            of_runs(f"{number:x}", 512, 2000),
            of_lines(f"{number:x}", 512, 1000),
            of_steps(number, 4000),
        )
    ]


def taken_at_once(limit_mib: int) -> float:
    """Bytes of requests: `processShare` of what is free, each with `factor` times its size (collector/settings)."""
    return 0.4 * (limit_mib - 64) * (1 << 20) / 8


class Overload:
    """Concurrent senders, each request until it is accepted, over gRPC, HTTP and HTTP with gzip."""

    def __init__(self, gateway: Bench, requests: Sequence[Request], senders: int) -> None:
        self._gateway, self._waiting, self._lock = gateway, deque(requests), threading.Lock()
        random.Random(0).shuffle(self._waiting)
        self.names, self.totals = set[bytes](), Counter[str]()
        self.taken = self.refused = 0
        self._deadline = time.monotonic() + 1200
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]

    def run(self) -> None:
        for each in self._threads:
            each.start()
        for each in self._threads:
            each.join()
        assert not self._waiting, "the gateway did not take them in 20 minutes"

    def _send(self, number: int) -> None:
        target = f"127.0.0.1:{self._gateway.env['OTELGATE_GRPC_PORT']}"
        with (
            grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel,
            web.client(base_url=self._gateway.http_url, timeout=TIMEOUT_S) as client,
        ):
            while time.monotonic() < self._deadline:
                with self._lock:
                    if not self._waiting:
                        return
                    request = self._waiting.popleft()
                done = request.over_http(client, number % 3 == 2) if number % 3 else request.over_grpc(channel)
                with self._lock:
                    if done:
                        self.taken += 1
                        self.names |= request.names
                        self.totals[request.signal] += request.adds
                    else:
                        self.refused += 1
                        self._waiting.append(request)
                if not done:
                    time.sleep(0.2)  # as SDKs do, only sooner

    def is_stored(self) -> bool:
        """Each span and line that was acknowledged is in its stores."""
        spans = {name for name in self.names if name.startswith(b"run")}
        stores = self._gateway
        return spans <= stores.audit.names and spans <= stores.tempo.names and self.names - spans <= stores.others.names

    def counted(self) -> dict[str, float]:
        return {signal: self._gateway.others.total(COUNTED[signal]) for signal in COUNTED}


COUNTED = {"trace": RUNS, "logs": EVENTS, "metrics": STEPS}


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("limit_mib", [128, 256, 512])
@pytest.mark.parametrize(("make", "away"), [(largest, False), (usual, True)], ids=["largest", "usual-stores-away"])
def test_overload_keeps_to_the_memory_limit(
    gateway_binary: Path,
    tmp_path: Path,
    limit_mib: int,
    make: Callable[[int], list[Request]],
    away: bool,
    record_property: Callable[[str, object], None],
) -> None:
    requests = make(limit_mib)
    mean = sum(len(request.body) for request in requests) / len(requests)
    senders = math.ceil(OVERLOAD * taken_at_once(limit_mib) / mean)
    assert senders < len(requests), "they do not all send concurrently"
    with bench(gateway_binary, tmp_path, OTELGATE_MEMORY_LIMIT_MIB=str(limit_mib)) as gateway:
        stores = (gateway.audit, gateway.tempo, gateway.others)
        for store in stores:
            store.away = away
        gateway.start()
        overload = Overload(gateway, requests, senders)
        overload.run()
        for store in stores:
            store.away = False
        assert until(overload.is_stored, deadline_s=600), "acknowledged, and not delivered"
        counted = until(overload.counted, lambda counted: counted == overload.totals, deadline_s=120)
        ratio = gateway.rss_mib(peak=True) / limit_mib
        record_property(
            "measured",
            f"{limit_mib} MiB, {senders} senders: at most {ratio:.2f} of it; {overload.refused} refusals, "
            f"{overload.taken} requests taken: "
            + ", ".join(f"{signal} {number:.0f}" for signal, number in counted.items()),
        )
        assert counted == overload.totals
        assert overload.refused > 0
        assert ratio <= MOST
