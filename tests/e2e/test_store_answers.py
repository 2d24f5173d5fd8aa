"""A store answers with an error: the gateway sends again what the store may take later, and drops only the rest."""

from functools import partial
from pathlib import Path

import grpc
import pytest
from bounds import EVENTS, RUNS, WAIT, Bench, bench, lines, runs
from waiting import until

# Tempo answers UNKNOWN while it stops; the others are of a full disk, of a rate limit and of a password.
LATER = (
    (grpc.StatusCode.UNKNOWN, 500),
    (grpc.StatusCode.INTERNAL, 507),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    (grpc.StatusCode.UNAUTHENTICATED, 401),
)


def _send(gateway: Bench) -> tuple[set[bytes], set[bytes]]:
    """The names of the spans and of the lines."""
    request, spans = runs("a", 3, 100)
    assert gateway.send(request) == grpc.StatusCode.OK
    request, events = lines("a", 3, 100)
    assert gateway.send(request, signal="logs") == grpc.StatusCode.OK
    return spans, events


@pytest.mark.parametrize(("code", "status"), LATER, ids=[code.name for code, _ in LATER])
def test_answer_that_is_not_final_keeps_the_request(
    gateway_binary: Path, tmp_path: Path, code: grpc.StatusCode, status: int
) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        stores = gateway.tempo, gateway.audit, gateway.others
        for store in stores:
            store.away, store.code, store.status = True, code, status
        gateway.start()
        spans, events = _send(gateway)
        assert until(lambda: min(store.refused for store in stores) > 0)
        for store in stores:
            store.away = False
        assert until(lambda: spans <= gateway.tempo.names and spans | events <= gateway.audit.names)
        assert until(lambda: events <= gateway.others.names)
        for metric, wanted in ((RUNS, len(spans)), (EVENTS, len(events))):
            assert until(partial(gateway.others.total, metric), lambda found, wanted=wanted: found == wanted) == wanted
        assert gateway.metric("otelcol_exporter_send_failed_spans") == 0
        assert gateway.metric("otelcol_exporter_send_failed_log_records") == 0


def test_final_answer_rejects_each_item_and_counts_it(gateway_binary: Path, tmp_path: Path) -> None:
    with bench(gateway_binary, tmp_path) as gateway:
        for store in (gateway.tempo, gateway.others):
            store.away, store.code, store.status = True, grpc.StatusCode.INVALID_ARGUMENT, 400
        gateway.start()
        spans, events = _send(gateway)
        rejected = partial(gateway.metric, "otelgate_rejected_items")
        assert until(lambda: rejected(store="otlp_grpc/tempo") == len(spans))
        assert until(lambda: rejected(store="otlp_http/loki") == len(events))
        assert until(lambda: spans | events <= gateway.audit.names), "a store's refusal costs no other store"


def test_store_that_ends_soon_after_its_answer_gets_the_spans_again(gateway_binary: Path, tmp_path: Path) -> None:
    # A busy machine needs longer than 1.5 s to end the store.
    with bench(gateway_binary, tmp_path, **{WAIT: "1h"}) as gateway:
        gateway.start()
        spans, _ = _send(gateway)
        assert until(lambda: spans <= gateway.tempo.names)
        gateway.tempo.lose_all()
        assert until(lambda: spans <= gateway.tempo.names)
