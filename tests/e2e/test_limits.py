"""Acknowledged items are stored: good, large, malformed and hostile ones, over gRPC, HTTP and JSON, in any store.

Each item is looked for in its store, and the gateway's counters have to add up exactly, so it is a separate gateway.
"""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import psycopg
import pytest
from hostile import GOOD, Maker, Request, metric_of, rejected
from otelgate_stack import clients, web
from waiting import until
from world import OwnGateway, World

SENDERS = 4
NEIGHBOURS, TORN = 10, 25
"""One request in so many is a neighbour's, and one in so many can't be decoded."""
SIGNALS = ("traces", "logs", "metrics")
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
PROTOBUF = {"content-type": "application/x-protobuf"}
GZIPPED_JSON = {"content-type": "application/json", "content-encoding": "gzip"}


class Door:
    """Sends bytes to a gateway, until it takes them, and holds its answer against what has to be refused."""

    def __init__(self, world: World) -> None:
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{world.settings.grpc_port}", [("grpc.max_send_message_length", -1)]
        )
        self._http = web.client(base_url=f"http://127.0.0.1:{world.settings.http_port}", timeout=60)

    def send(self, request: Request) -> None:
        deadline = time.monotonic() + 120
        while (answer := self._once(request)) is None:
            assert time.monotonic() < deadline, "refused for two minutes"
            time.sleep(0.2)
        assert rejected(request, answer) == request.refused

    def send_torn(self, request: Request) -> None:
        """One that can't be decoded is refused for good."""
        if request.protocol == "grpc":
            with pytest.raises(grpc.RpcError) as refused:
                self.export(request.signal, request.body)
            assert refused.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT), refused.value
        else:
            headers = GZIPPED_JSON if request.protocol == "json" else PROTOBUF
            assert self.post(request.signal, request.body, headers).status_code == 400

    def _once(self, request: Request) -> bytes | None:
        """The answer, or None if the request has to be resent."""
        if request.protocol != "grpc":
            headers = GZIPPED_JSON if request.protocol == "json" else PROTOBUF
            said = self.post(request.signal, request.body, headers)
            assert said.status_code in (200, 429, 503), said.text
            return said.content if said.status_code == 200 else None
        try:
            return bytes(self._channel.unary_unary(METHODS[request.signal])(request.body, timeout=60))
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                raise
            return None

    def post(self, signal: str, body: bytes, headers: dict[str, str] = PROTOBUF) -> httpx.Response:
        return self._http.post(f"/v1/{signal}", content=body, headers=headers)

    def export(self, signal: str, body: bytes) -> bytes:
        return bytes(self._channel.unary_unary(METHODS[signal])(body, timeout=60))


def intake(world: World) -> Counter[str]:
    """The counts of the gateway's `intake` so far, as `action/reason`."""
    found: Counter[str] = Counter()
    for sample in clients.GatewayMetrics.of(world.settings).samples():
        if sample.labels["__name__"].removesuffix("_total") == "otelgate_intake_items":
            found[f"{sample.labels['action']}/{sample.labels['reason']}"] += int(sample.value)
    return found


def numbers(requests: Iterable[Request], signal: str) -> dict[int, str]:
    return {n: kind for each in requests if each.signal == signal for n, kind in each.numbers.items()}


@pytest.mark.parametrize("requests", [1000, pytest.param(4000, marks=pytest.mark.slow)])
def test_every_item_that_is_acknowledged_is_stored_and_every_other_one_is_counted(
    own_gateway: OwnGateway, record_property: Callable[[str, object], None], requests: int
) -> None:
    seed, name = secrets.randbits(32), secrets.token_hex(4)
    print("seed", seed)
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_TRACES_TO="both")
    hostile, neighbour = Maker(f"hostile-{name}", seed), Maker(f"neighbour-{name}", seed + 1, hostile=False)
    door, before = Door(own_gateway), intake(own_gateway)
    makers = [neighbour if n % NEIGHBOURS == 0 else hostile for n in range(requests - requests // TORN)]
    sent = [(maker, maker.request(SIGNALS[n % 3], time.time_ns())) for n, maker in enumerate(makers)]
    torn = [hostile.torn(SIGNALS[n % 3], time.time_ns()) for n in range(requests // TORN)]
    with ThreadPoolExecutor(SENDERS + 1) as pool:
        refused = pool.submit(lambda: [door.send_torn(each) for each in torn])
        list(pool.map(door.send, [each for _, each in sent]))
        refused.result()

    assert own_gateway.gateway.running()
    expected = sum((each.counted for _, each in sent), Counter[str]())
    assert intake(own_gateway) - before == expected
    for maker in (hostile, neighbour):
        _in_their_stores(own_gateway, maker, [each for of, each in sent if of is maker])
    dropped = [
        sample
        for sample in clients.GatewayMetrics.of(own_gateway.settings).samples()
        if re.search("send_failed|rejected", sample.labels["__name__"]) and sample.value
    ]
    assert dropped == []
    items = sum(len(each.numbers) for of, each in sent if of is neighbour)
    record_property("measured", f"{requests} requests, no crash, {items} of {items} items of a neighbour stored")


def _in_their_stores(world: World, maker: Maker, sent: list[Request]) -> None:
    for store in (world.tempo, world.jaeger):
        _in_traces(store, maker, numbers(sent, "traces"))
    _in_postgres(world, maker, numbers(sent, "traces"))
    _in_loki(world, maker.service, numbers(sent, "logs"))
    _in_prometheus(world, maker.service, numbers(sent, "metrics"))


def _missing(wanted: dict[int, str], found: set[int]) -> Counter[str]:
    return Counter(kind for number, kind in wanted.items() if number not in found)


def _in_traces(store: clients.Tempo | clients.Jaeger, maker: Maker, wanted: dict[int, str]) -> None:
    def look() -> dict[int, clients.Span]:
        return {int(span.span_id, 16): span for each in maker.traces for span in store.trace(each.hex())}

    found = until(look, lambda found: len(found) >= len(wanted), deadline_s=120, every_s=1)
    assert _missing(wanted, set(found)) == {}
    assert set(found) == set(wanted)
    for number, kind in wanted.items():
        changed = [key for key in found[number].attributes if key.startswith(("otelgate.cut", "otelgate.time"))]
        assert bool(changed) == (
            kind in ("large", "no times", "no end", "microseconds", "36 hours ahead")
            or kind == "an end before its start"
        ), (kind, changed)


def _in_postgres(world: World, maker: Maker, wanted: dict[int, str]) -> None:
    traces = [each.hex() for each in maker.traces]

    def look() -> set[int]:
        with psycopg.connect(world.database_url) as connection:
            rows = connection.execute("SELECT span_id FROM audit.runs WHERE trace_id = ANY(%s)", [traces]).fetchall()
        return {int(row[0], 16) for row in rows}

    found = until(look, lambda found: len(found) >= len(wanted), deadline_s=120, every_s=1)
    assert _missing(wanted, found) == {}
    with psycopg.connect(world.database_url) as connection:
        rejects = connection.execute("SELECT reason FROM content.rejects WHERE trace_id = ANY(%s)", [traces]).fetchall()
    assert rejects == []


def _in_loki(world: World, service: str, wanted: dict[int, str]) -> None:
    """Of each line only its beginning and its end are asked for: some have a megabyte."""
    loki = clients.Loki.of(world.settings, timeout_s=60)
    query = f'{{service_name="{service}"}} | line_format `{{{{ trunc 20 __line__ }}}}|{{{{ trunc -30 __line__ }}}}`'

    def look() -> dict[int, str]:
        lines = loki.query_range(query, limit=5000)
        return {int(found[1]): line.line for line in lines if (found := re.match(r"line (\d+) ", line.line))}

    found = until(look, lambda found: len(found) >= len(wanted), deadline_s=120, every_s=1)
    assert _missing(wanted, set(found)) == {}
    assert all(found[n].endswith(f"line {n} of many") for n, kind in wanted.items() if kind == GOOD)
    assert all("[cut " in found[n] for n, kind in wanted.items() if kind == "large body")


def _in_prometheus(world: World, service: str, wanted: dict[int, str]) -> None:
    """Each by its label, with its own values; `place` is kept, though other labels are spoiled."""

    def look() -> dict[tuple[str, str], float]:
        query = f'last_over_time({{__name__=~"hostile_.*", service_name="{service}", le!="+Inf"}}[30m])'
        return {
            (sample.labels["__name__"], sample.labels["place"]): sample.value
            for sample in world.prometheus.query(query)
        }

    expected: dict[tuple[str, str], float] = {}
    for number in wanted:
        values = {
            "level": {"hostile_level": number},
            "orders": {"hostile_orders_total": number},
            "size": {"hostile_size_sum": 2 * number, "hostile_size_count": number + 1, "hostile_size_bucket": 1},
        }
        expected |= {(name, f"p{number}"): value for name, value in values[metric_of(number)].items()}
    found = until(look, lambda found: len(found) >= len(expected), deadline_s=120, every_s=1)
    assert _missing(wanted, {int(place[1:]) for _, place in found}) == {}
    assert found == expected


@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_a_request_above_the_limit_is_refused_in_words(world: World, over: int, status: int) -> None:
    """One of exactly the limit is taken, over HTTP and gRPC."""
    limit = world.settings.max_message_mib << 20
    body = _padded(limit + over)
    assert len(body) == limit + over
    door = Door(world)
    said = until(lambda: door.post("traces", body), lambda said: said.status_code not in (429, 503))
    assert said.status_code == status, said.text
    if status == 413:
        assert b"OTELGATE_MAX_MESSAGE_MIB=16 MiB: send it in parts" in said.content
        with pytest.raises(grpc.RpcError, match="larger than max"):
            door.export("traces", body)


def _padded(size: int) -> bytes:
    """An OTLP request without spans of so many bytes: an unknown field that every reader skips."""
    field, left = b"\xfa\x07", size  # number 127, of a length
    length = left - len(field) - 4
    return (
        field
        + bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, length >> 21])
        + bytes(length)
    )


@pytest.mark.parametrize("body", [b"\xff" * 100, b"\x0a\x05\x0a\x03\x0a\x01\x01"], ids=["noise", "torn"])
def test_malformed_otlp_is_refused(world: World, body: bytes) -> None:
    door = Door(world)
    assert door.post("traces", body).status_code == 400
    with pytest.raises(grpc.RpcError):
        door.export("traces", body)
