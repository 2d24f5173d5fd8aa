"""Requests that are made to cost the gateway more than their sender: refused before they are read, or decoded."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from bounds import EXPORT, Bench, bench, runs
from otelgate_stack import web
from protobuf_field import field
from waiting import until

AT_ONCE = 10
TOKEN = "t0ken"
LIMIT_MIB = 256
WITHOUT_TOKEN = 1.3
"""Largest resident memory while requests without a token come in, over what it was before."""


EMPTY = b"\0"
MILLIONS = 2_500_000
ATTACKS = {
    "records": ("logs", field(1, field(2, (b"\x12" + EMPTY) * MILLIONS))),
    "spans": ("trace", field(1, field(2, (b"\x12" + EMPTY) * MILLIONS))),
    "resources": ("trace", (b"\x0a" + EMPTY) * MILLIONS),
    "attributes": ("logs", field(1, field(2, field(2, (b"\x32" + EMPTY) * MILLIONS)))),
    "values": ("logs", field(1, field(2, field(2, field(5, field(5, (b"\x0a" + EMPTY) * MILLIONS)))))),
    "points": ("metrics", field(1, field(2, field(2, field(5, (b"\x0a" + EMPTY) * MILLIONS))))),
}
"""Some kilobytes with gzip, which take gigabytes decoded."""


@pytest.fixture(scope="module")
def gateway(gateway_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "token").write_text(TOKEN)
    settings = {"OTELGATE_MEMORY_LIMIT_MIB": str(LIMIT_MIB), "OTELGATE_TOKEN_FILE": str(folder / "token")}
    with bench(gateway_binary, folder, **settings) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def started(gateway: Bench) -> Iterator[None]:
    """Afresh, since it is the largest memory since the start that counts."""
    gateway.start()
    yield
    gateway.end()


def over_grpc(gateway: Bench, signal: str, body: bytes, token: str) -> grpc.StatusCode:
    call = gateway.channel.unary_unary(EXPORT.format(signal, signal.capitalize()))
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        call(body, metadata=metadata, timeout=60, compression=grpc.Compression.Gzip)
    except grpc.RpcError as error:
        return error.code()  # type: ignore[no-any-return]
    return grpc.StatusCode.OK


def over_http(gateway: Bench, signal: str, body: bytes, token: str) -> int:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{gateway.http_url}/v1/{signal.replace('trace', 'traces')}"
    content = gzip.compress(body, 9)
    return web.post(url, content=content, headers=headers, timeout=60).status_code


def test_requests_without_a_token_take_no_memory(
    gateway: Bench, record_property: Callable[[str, object], None]
) -> None:
    signal, body = ATTACKS["records"]
    before = gateway.rss_mib(peak=True)
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(lambda _: over_grpc(gateway, signal, body, ""), range(3 * AT_ONCE)))
        answers += [over_grpc(gateway, signal, body, "another")]
        codes = list(senders.map(lambda _: over_http(gateway, signal, body, ""), range(AT_ONCE)))
    after = gateway.rss_mib(peak=True)
    record_property("measured", f"memory at most {before:.0f} MiB before, {after:.0f} MiB after")
    assert set(answers) == {grpc.StatusCode.UNAUTHENTICATED}
    assert set(codes) == {401}
    assert after <= WITHOUT_TOKEN * before


@pytest.mark.parametrize("kind", ATTACKS)
def test_millions_of_small_items_are_refused_and_neighbours_are_served(
    gateway: Bench, kind: str, record_property: Callable[[str, object], None]
) -> None:
    signal, body = ATTACKS[kind]
    neighbours, names = runs(f"{list(ATTACKS).index(kind):x}", 1, 100)

    def attack(number: int) -> object:
        return (over_http if number % 2 else over_grpc)(gateway, signal, body, TOKEN)

    with ThreadPoolExecutor(2 * AT_ONCE) as senders:
        attacks = [senders.submit(attack, number) for number in range(2 * AT_ONCE)]
        served = until(lambda: over_grpc(gateway, "trace", neighbours, TOKEN), lambda code: code is grpc.StatusCode.OK)
        answers = Counter(each.result() for each in attacks)
    peak = gateway.rss_mib(peak=True)
    record_property("measured", f"{kind}: memory at most {peak:.0f} MiB of {LIMIT_MIB}")
    assert served is grpc.StatusCode.OK
    assert until(lambda: names <= gateway.tempo.names)
    # Requests that came while the memory was in use get an answer after which senders retry.
    assert answers.keys() <= {grpc.StatusCode.RESOURCE_EXHAUSTED, 413, grpc.StatusCode.UNAVAILABLE, 503}
    assert answers[grpc.StatusCode.RESOURCE_EXHAUSTED] + answers[413] > 0
    assert peak <= LIMIT_MIB
