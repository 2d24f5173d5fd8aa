"""The attacks of test_strangers.py against a gateway with the real stores: their memory, and a neighbour's data."""

import gzip
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import shared
import thrown_away
from bounds import EXPORT
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otelgate_stack import settings, web
from otelgate_stack.clients import Loki, Tempo
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report
from protobuf_field import field
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(1800)]

AT_ONCE = 20
ATTACKS = 3
"""Requests of each concurrent sender."""
FULL_RATE_S = 20
MILLIONS = 2_500_000
TOKEN = "t0ken"
STORE_MIB = 1024
"""The memory limit of a store's container (compose.yaml). Natively GOMEMLIMIT alone bounds it, softly (921 MiB)."""
GATEWAY_MOST = 1.2
"""Largest resident memory of the gateway over its limit (collector/README.md)."""
ANSWER_S = 5
"""Within which a neighbour gets an answer."""


def _peak_mib(status: str) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, "the process has ended"
    return int(found[1]) / 1024


class Stack:
    """A gateway, Prometheus, Loki and Tempo as processes; `limits` of resident memory in MiB."""

    def __init__(self, loaded: settings.Settings, engine: NativeEngine) -> None:
        self.loki, self.tempo = Loki.of(loaded), Tempo.of(loaded)
        self.http_url = f"http://127.0.0.1:{loaded.http_port}"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{loaded.grpc_port}")
        self.limits = {"gateway": GATEWAY_MOST * loaded.memory_limit_mib, "loki": STORE_MIB, "tempo": STORE_MIB}
        self._processes = {
            each.name: Path("/proc") / each.pid_or_container for each in engine.status() if each.name in self.limits
        }

    def forget_peaks(self) -> None:
        for process in self._processes.values():
            (process / "clear_refs").write_text("5")  # VmHWM becomes VmRSS: proc_pid_clear_refs(5)

    def peaks(self) -> dict[str, float]:
        """The largest resident memory of each since `forget_peaks`, MiB. Raises for a process that has ended."""
        return {name: _peak_mib((process / "status").read_text()) for name, process in self._processes.items()}

    def over_grpc(self, signal: str, body: bytes, token: str = TOKEN, timeout_s: float = 60) -> grpc.StatusCode:
        call = self.channel.unary_unary(EXPORT.format(signal, signal.capitalize()))
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            call(body, metadata=metadata, timeout=timeout_s, compression=grpc.Compression.Gzip)
        except grpc.RpcError as error:
            return error.code()  # type: ignore[no-any-return]
        return grpc.StatusCode.OK

    def over_http(
        self, signal: str, content: bytes, token: str = TOKEN, encoding: str = "gzip", timeout_s: float = 60
    ) -> httpx.Response:
        headers = {"Content-Type": "application/x-protobuf"}
        if encoding:
            headers["Content-Encoding"] = encoding
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self.http_url}/v1/{signal.replace('trace', 'traces')}"
        return web.post(url, content=content, headers=headers, timeout=timeout_s)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("s")
    (folder / "token").write_text(TOKEN)
    env = shared.clean_env(folder, OTELGATE_AUDIT="false", OTELGATE_TOKEN_FILE=str(folder / "token"))
    loaded = settings.load(env)
    engine = NativeEngine(loaded, Report(), ["gateway", "prometheus", "loki", "tempo"])
    engine.up()
    try:
        yield Stack(loaded, engine)
    finally:
        thrown_away.end(loaded)


class Neighbour:
    """Sends a span and a log line in turn, each until it is taken, for as long as the attack goes on."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, f"neighbour-{name}"
        self.answers = Counter[object]()
        self._away = set[str]()
        self.lines = set[str]()
        self.spans = 0
        self.slowest_s = 0.0

    def send(self, ended: threading.Event) -> None:
        number = 0
        while not ended.is_set() or not number:
            self._span(number)
            self._line(number)
            number += 1
            ended.wait(0.2)

    def _span(self, number: int) -> None:
        request, trace_id, now = ExportTraceServiceRequest(), os.urandom(16), time.time_ns()
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = self._name
        resource.scope_spans.add().spans.add(
            trace_id=trace_id, span_id=os.urandom(8), name=f"{number}", start_time_unix_nano=now, end_time_unix_nano=now
        )
        body = request.SerializeToString()
        self._until_taken(lambda: self._stack.over_grpc("trace", body, timeout_s=ANSWER_S), grpc.StatusCode.OK)
        self._away.add(trace_id.hex())
        self.spans += 1

    def _line(self, number: int) -> None:
        request = ExportLogsServiceRequest()
        resource = request.resource_logs.add()
        resource.resource.attributes.add(key="service.name").value.string_value = self._name
        resource.scope_logs.add().log_records.add(time_unix_nano=time.time_ns()).body.string_value = f"line {number}"
        body = request.SerializeToString()
        self._until_taken(lambda: self._posted(body), 200)
        self.lines.add(f"line {number}")

    def _posted(self, body: bytes) -> object:
        """The status, and for 503 whether it says when to try again."""
        try:
            said = self._stack.over_http("logs", body, encoding="", timeout_s=ANSWER_S)
        except httpx.TimeoutException:
            return "no answer"
        return (said.status_code, "Retry-After" in said.headers) if said.status_code == 503 else said.status_code

    def _until_taken(self, send: Callable[[], object], taken: object) -> None:
        def once() -> object:
            began = time.monotonic()
            answer = send()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.answers[answer] += 1
            return answer

        assert until(once, lambda answer: answer == taken, deadline_s=120) == taken

    def missing(self) -> set[str]:
        """Its traces and lines that no store had when it was last looked for."""
        lines = {line.line for line in self._stack.loki.query_range(f'{{service_name="{self._name}"}}', limit=5000)}
        self._away = {each for each in self._away if not self._stack.tempo.trace(each)}
        return self._away | self.lines - lines


@contextmanager
def attacked(stack: Stack, name: str, measured: Callable[[str, object], None]) -> Iterator[None]:
    """Requests within the block cost no process more than its limit, and no other sender its data."""
    stack.forget_peaks()
    ended, neighbour = threading.Event(), Neighbour(stack, name)
    with ThreadPoolExecutor(1) as runner:
        sending = runner.submit(neighbour.send, ended)
        try:
            yield
        finally:
            ended.set()
        sending.result()
    missing = until(neighbour.missing, lambda missing: not missing, deadline_s=900, every_s=1)
    peaks = stack.peaks()
    measured(
        "measured",
        f"{name}: memory at most "
        + ", ".join(f"{each} {peak:.0f} MiB of {stack.limits[each]:.0f}" for each, peak in peaks.items())
        + f"; {neighbour.spans + len(neighbour.lines)} of a neighbour's items stored, "
        f"slowest answer {neighbour.slowest_s:.1f} s",
    )
    assert missing == set()
    assert neighbour.answers.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, 200, (503, True)}
    assert {each: peak for each, peak in peaks.items() if peak > stack.limits[each]} == {}


EMPTY = b"\x12\0" * MILLIONS
BOMBS = {"spans": ("trace", field(1, field(2, EMPTY))), "records": ("logs", field(1, field(2, EMPTY)))}
"""Some kilobytes with gzip, which take gigabytes decoded."""
TOO_LARGE = {grpc.StatusCode.RESOURCE_EXHAUSTED, 413}
FOR_NOW = {grpc.StatusCode.UNAVAILABLE, 503}


def answers(stack: Stack, signal: str, body: bytes, token: str) -> Counter[object]:
    """To 20 concurrent requests, half of them over gRPC, half over HTTP, some times."""
    packed = gzip.compress(body, 9)

    def send(number: int) -> object:
        if number % 2:
            return stack.over_http(signal, packed, token).status_code
        return stack.over_grpc(signal, body, token)

    with ThreadPoolExecutor(AT_ONCE) as senders:
        return Counter(senders.map(send, range(ATTACKS * AT_ONCE)))


@pytest.mark.parametrize("token", ["", "another"], ids=["no_token", "wrong_token"])
def test_requests_without_the_token_take_no_memory_of_the_stores(
    stack: Stack, token: str, record_property: Callable[[str, object], None]
) -> None:
    with attacked(stack, "wrong token" if token else "no token", record_property):
        found = answers(stack, *BOMBS["spans"], token)
    assert found.keys() == {grpc.StatusCode.UNAUTHENTICATED, 401}


@pytest.mark.parametrize("kind", BOMBS)
def test_millions_of_small_items_leave_the_stores_within_their_limits(
    stack: Stack, kind: str, record_property: Callable[[str, object], None]
) -> None:
    with attacked(stack, kind, record_property):
        found = answers(stack, *BOMBS[kind], TOKEN)
    assert found.keys() <= TOO_LARGE | FOR_NOW
    assert found.keys() & TOO_LARGE


def test_gzip_bombs_leave_the_stores_within_their_limits(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    bomb = gzip.compress(bytes(64 << 20), 9) * 32  # 2 GiB, as members one after the other
    with attacked(stack, "gzip bomb", record_property), ThreadPoolExecutor(AT_ONCE) as senders:
        found = Counter(
            senders.map(
                lambda number: stack.over_http(("trace", "logs")[number % 2], bomb).status_code,
                range(ATTACKS * AT_ONCE),
            )
        )
    assert found.keys() <= TOO_LARGE | FOR_NOW
    assert found.keys() & TOO_LARGE


COUNT = (16 << 20) // 64 - 100
"""Of the smallest items in the largest request: each counts as 64 bytes."""
LETTERS = bytes(97 + number % 26 for number in range(256))
NOW = time.time_ns().to_bytes(8, "little")
SPAN = field(2, field(1, bytes(16)) + field(2, bytes(8)) + b"\x39" + NOW + b"\x41" + NOW)
RECORD = field(2, b"\x09" + NOW + field(5, field(1, bytes(8))))
SMALLEST = {
    "trace": (SPAN, (*range(4, 20), *range(22, 30))),
    "logs": (RECORD, tuple(range(len(RECORD) - 8, len(RECORD)))),
}
"""An item that is stored, a span of a separate trace or a record of 8 letters, and which of its bytes differ."""


def largest(signal: str) -> bytes:
    """A request of the smallest items, each of them new."""
    item, places = SMALLEST[signal]
    items = bytearray(item * COUNT)
    for place in places:
        items[place :: len(item)] = os.urandom(COUNT).translate(LETTERS)
    service = field(1, b"service.name") + field(2, field(1, b"full-rate"))
    return field(1, field(1, field(1, service)) + field(2, bytes(items)))


def test_the_largest_requests_at_full_rate_leave_the_stores_within_their_limits(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    found = Counter[object]()

    def send(number: int) -> None:
        signal = ("trace", "logs")[number % 2]
        while time.monotonic() < deadline:
            found[stack.over_http(signal, largest(signal), encoding="").status_code] += 1

    with attacked(stack, f"full rate for {FULL_RATE_S} s", record_property), ThreadPoolExecutor(4) as senders:
        deadline = time.monotonic() + FULL_RATE_S
        list(senders.map(send, range(4)))
    assert found.keys() <= {200, 503}
    assert found[200] > 1
