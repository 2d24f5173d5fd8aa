"""More is sent than the gateway can process: it refuses, keeps to its memory limit, and loses nothing that it took."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from bounds import EXPORT, Bench, bench, runs
from waiting import until

MOST = 1.2
"""Largest resident memory over the limit."""

SENDERS = 24


def _overload(gateway: Bench, requests: Sequence[tuple[bytes, set[bytes]]]) -> set[bytes]:
    """All at once, each until it is taken; the names of what was."""
    waiting, acknowledged, lock = list(requests), set[bytes](), threading.Lock()
    deadline = time.monotonic() + 1200

    def send() -> None:
        target = f"127.0.0.1:{gateway.env['OTELGATE_GRPC_PORT']}"
        with grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = channel.unary_unary(EXPORT.format("trace", "Trace"))
            while time.monotonic() < deadline:
                with lock:
                    if not waiting:
                        return
                    request, names = waiting.pop()
                try:
                    call(request, timeout=120)
                except grpc.RpcError:
                    with lock:
                        waiting.append((request, names))
                    time.sleep(0.2)  # as SDKs do, only sooner
                else:
                    with lock:
                        acknowledged.update(names)

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert not waiting, "the gateway did not take them in 20 minutes"
    return acknowledged


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(("limit", "megabytes", "count"), [("256", 6.9, 24), ("256", 0.65, 100)])
def test_overload_keeps_to_the_memory_limit(
    gateway_binary: Path, tmp_path: Path, limit: str, megabytes: float, count: int
) -> None:
    requests = [runs(f"{number:x}", int(megabytes * 1e6 / 2800), 2600) for number in range(count)]
    with bench(gateway_binary, tmp_path, OTELGATE_MEMORY_LIMIT_MIB=limit) as gateway:
        gateway.start()
        acknowledged = _overload(gateway, requests)
        assert until(
            lambda: acknowledged <= gateway.audit.names and acknowledged <= gateway.tempo.names, deadline_s=600
        ), "acknowledged, and not delivered"
        assert gateway.metric("otelgate_admission_refused", otelgate_reason="memory") > 0, "it was no overload"
        ratio = gateway.rss_mib(peak=True) / int(limit)
        assert ratio <= MOST
