"""The doctor names what the gateway has cut, corrected or refused."""

import httpx
from otelgate_stack.clients import GatewayMetrics
from otelgate_stack.doctor import hops
from otelgate_stack.doctor.hops import Hop

FIX = "docs/reference/limits.md explains the reasons; `make logs SERVICE=gateway` names the senders of what was refused"


def gateway(text: str) -> GatewayMetrics:
    return GatewayMetrics(
        "http://gateway", transport=httpx.MockTransport(lambda request: httpx.Response(200, text=text))
    )


def test_doctor_names_what_was_cut_corrected_or_refused() -> None:
    text = """
otelgate_intake_items{action="cut",reason="size",signal="traces"} 1200
otelgate_intake_items{action="refused",reason="trace_id",signal="traces"} 3
otelgate_intake_items{action="corrected",reason="time",signal="logs"} 1
otelgate_intake_items{action="corrected",reason="text",signal="metrics"} 0
otelgate_intake_requests{action="refused",reason="size",transport="http"} 2
otelgate_intake_cut{signal="traces"} 5000
otelgate_accumulate_dropped_total{otelgate_accumulate_reason="limit"} 7
otelgate_accumulate_dropped_total{otelgate_accumulate_reason="resent"} 70
otelgate_derive_journal_damaged_total{otelgate_derive_signal="traces"} 1
otelgate_derive_journal_damaged_total{otelgate_derive_signal="logs"} 0
otelgate_queue_orphaned{otelgate_queue="otlp_grpc/tempo (traces)"} 40
otelgate_queue_orphaned{otelgate_queue="otlp_http/loki (logs)"} 0
"""
    assert hops.changed(gateway(text)) == [
        Hop(
            "gateway",
            "intake",
            None,
            0.0,
            "since the gateway started: 2 requests refused (size, http), "
            "40 items in the queue of otlp_grpc/tempo (traces) that it did not know of, sent late",
            FIX,
        ),
        Hop("logs", "intake", None, 0.0, "since the gateway started: 1 corrected (time)", FIX),
        Hop("metrics", "intake", None, 0.0, "since the gateway started: 7 points dropped (limit)", FIX),
        Hop(
            "traces",
            "intake",
            None,
            0.0,
            "since the gateway started: 1 damaged files with derived totals set aside, 1,200 cut (size), "
            "3 refused (trace_id)",
            FIX,
        ),
    ]


def test_doctor_says_nothing_of_a_gateway_that_changed_nothing() -> None:
    assert hops.changed(gateway("otelcol_receiver_accepted_spans 5\n")) == []


def test_doctor_says_nothing_where_the_gateway_does_not_answer() -> None:
    silent = GatewayMetrics("http://gateway", transport=httpx.MockTransport(lambda request: httpx.Response(500)))
    assert hops.changed(silent) == []
