"""Derived totals are what was acknowledged: after kill -9 of the gateway, without Prometheus, and with refusals."""

import grpc
import pytest
from acknowledged import CALL_USD, Sender, a_run, total
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from otelgate_stack.clients import GatewayMetrics
from waiting import until
from world import OwnWorld, World


def refused_by(world: World, exporter: str) -> float:
    return sum(
        sample.value
        for sample in GatewayMetrics.of(world.settings).samples()
        if sample.labels["__name__"].startswith("otelcol_exporter_enqueue_failed_spans")
        and sample.labels["exporter"] == exporter
    )


def test_spans_refused_by_audit_queue_are_not_counted(own_prometheus: OwnWorld) -> None:
    world, service = own_prometheus, "derived-refused"
    world.gateway.stop()
    world.gateway.start(OTELGATE_QUEUE_BYTES="20000")
    acknowledged, refused = 0, 0
    with grpc.insecure_channel(f"127.0.0.1:{world.settings.grpc_port}") as channel:
        traces = trace_service_pb2_grpc.TraceServiceStub(channel)

        def send(number: int, words: str) -> bool:
            """Once, for any answer."""
            try:
                traces.Export(a_run(number, service, words), timeout=30, wait_for_ready=True)
            except grpc.RpcError:
                return False
            return True

        while refused < 10:
            taken = send(10_000_000 + acknowledged + refused, "only the audit sink gets these words " * 50)
            acknowledged, refused = acknowledged + taken, refused + (not taken)
            assert acknowledged < 1000
        assert acknowledged > 0
        assert refused_by(world, "otlp_grpc/audit") > 0
        assert refused_by(world, "otlp_grpc/tempo") == 0, "the stores get what the audit sink's queue has taken"
        # One that is counted later than all of these could be.
        world.gateway.stop()
        world.gateway.start()
        assert send(20_000_000, "the last one")
    wanted = acknowledged + 1
    counted = until(lambda: total(world, "otelgate_run_count_total", service), lambda value: value >= wanted)
    print(f"\n{wanted} runs acknowledged, {refused} refused and never sent again, {counted:.0f} counted")
    assert counted == wanted
    assert total(world, "otelgate_llm_cost_total", service) == pytest.approx(wanted * CALL_USD, rel=1e-9)


def test_totals_are_what_was_acknowledged_after_two_kills(own_prometheus: OwnWorld) -> None:
    world, service = own_prometheus, "derived-kills"
    senders = [Sender(world, service, first=1 + number * 1_000_000) for number in range(3)]

    def more() -> None:
        """A hundred more are acknowledged."""
        wanted = sum(sender.acknowledged for sender in senders) + 100
        assert until(lambda: sum(sender.acknowledged for sender in senders) >= wanted, deadline_s=120)

    more()
    assert until(lambda: total(world, "otelgate_run_count_total", service) >= 50)
    world.gateway.kill()
    world.gateway.start()
    more()
    with world.without("prometheus"):
        more()
        world.gateway.kill()
        world.gateway.start()
        more()
    acknowledged = sum(sender.stop() for sender in senders)

    counted = until(
        lambda: total(world, "otelgate_run_count_total", service), lambda value: value >= acknowledged, deadline_s=120
    )
    assert counted == acknowledged
    cost = until(
        lambda: total(world, "otelgate_llm_cost_total", service), lambda value: value > acknowledged * 0.000149
    )
    assert cost == pytest.approx(acknowledged * CALL_USD, rel=1e-9)
    assert until(lambda: total(world, "otelgate_event_count_total", service) == acknowledged)
    print(f"\n{acknowledged} runs acknowledged over two kills of the gateway, {counted:.0f} counted, ${cost:.5f}")
    # Nothing that increase() takes for a counter reset.
    mine = f'otelgate_run_count_total{{service_name="{service}"}}[1h]'
    assert world.prometheus.value(f"max(resets({mine}))") == 0
    assert world.prometheus.value(f"max(min_over_time({mine}))") == 0
    assert world.prometheus.value(f"count(count by (instance) (last_over_time({mine})))") == 1
