"""Sampling stores what is worth a look and a share of the rest; metrics count everything, and a crash loses little."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context
from otelgate_stack.clients import GatewayMetrics
from waiting import until
from world import OwnGateway, OwnWorld, World

N = 40
SLOW_S = 2  # OTELGATE_SAMPLE_SLOW, which has to be less than OTELGATE_SAMPLE_WAIT
LOW, ERROR = {"otelgate.feedback.rating": "negative"}, "boom"
RUN: Mapping[str, str | int] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk"}
# gpt-4o-mini costs 0.15 USD for a million tokens in: 0.15 USD is costly, 0.015 USD is not.
CALL: Mapping[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}
DEAR: Mapping[str, str | int] = {**CALL, "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0}
CHEAP = {**DEAR, "gen_ai.usage.input_tokens": 100_000}


@dataclass
class Application:
    """Sends each span alone, as soon as it ended; `refused` counts those that the gateway did not take."""

    world: World
    service: str
    refused: int = 0

    def __post_init__(self) -> None:
        application = self

        class Exporter(OTLPSpanExporter):
            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                result = super().export(spans)
                application.refused += result is not SpanExportResult.SUCCESS
                return result

        exporter = Exporter(endpoint=f"http://127.0.0.1:{self.world.settings.grpc_port}", insecure=True)
        self._provider = TracerProvider(resource=Resource({"service.name": self.service}))
        self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("sampling")

    def span(
        self,
        attributes: Mapping[str, str | int] = RUN,
        *,
        seconds: float = 0.1,
        error: str = "",
        parent: SpanContext | None = None,
    ) -> SpanContext:
        """One span that ended now, a root unless it has a parent."""
        end = time.time_ns()
        context = set_span_in_context(NonRecordingSpan(parent)) if parent else None
        span = self._tracer.start_span(
            "work", context, attributes=dict(attributes), start_time=end - int(seconds * 1e9)
        )
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end)
        return span.get_span_context()

    def close(self) -> None:
        self._provider.shutdown()


def remote(trace_id: int, span_id: int) -> SpanContext:
    """A parent that has not ended yet."""
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def spans_of(world: World, context: SpanContext) -> int:
    """How many spans of a trace Tempo has."""
    return len(world.tempo.trace(f"{context.trace_id:032x}"))


def counted(world: World, service: str) -> float:
    return world.prometheus.value(f'sum(otelgate_run_count_total{{service_name="{service}"}})') or 0


def own(world: World, name: str, **labels: str) -> float:
    """Sum of one of the gateway's own counters since its start."""
    return sum(
        sample.value
        for sample in GatewayMetrics.of(world.settings).samples()
        if sample.labels["__name__"].startswith(name) and labels.items() <= sample.labels.items()
    )


def decided(world: World, answer: str) -> float:
    """Traces of which the gateway made up its mind: "true" for those it kept."""
    return own(world, "otelcol_processor_tail_sampling_global_count_traces_sampled", sampled=answer)


def restart(world: OwnGateway, **settings: str) -> None:
    world.gateway.stop()
    world.gateway.start(OTELGATE_TRACES_TO="tempo", **settings)


def test_sampling_keeps_notable_traces(own_world: OwnWorld) -> None:
    restart(own_world, OTELGATE_SAMPLE_PERCENT="0", OTELGATE_SAMPLE_SLOW=f"{SLOW_S}s", OTELGATE_SAMPLE_WAIT="5s")
    application, doctor = Application(own_world, "sampling-kinds"), Application(own_world, "otelgate-doctor")
    kept = {
        "error": application.span(error=ERROR),
        "slow": application.span(seconds=SLOW_S),
        "costly": application.span(DEAR),
        "voted down": application.span({**RUN, **LOW}),
        "2 of 5": application.span({**RUN, "otelgate.feedback.score": 2}),
        "doctor": doctor.span({}),
    }
    ordinary = {
        "quick": application.span(),
        "nearly slow": application.span(seconds=SLOW_S - 0.1),
        "cheap": application.span(CHEAP),
        "voted up": application.span({**RUN, "otelgate.feedback.rating": "positive"}),
        "3 of 5": application.span({**RUN, "otelgate.feedback.score": 3}),
    }
    # The last span decides for the earlier ones, and later ones follow.
    late = application.span(CHEAP)
    application.span(error=ERROR, parent=late)
    application.span(CHEAP, parent=late)

    # Kept ones do not wait for the others to be given up.
    for reason, context in kept.items():
        assert until(partial(spans_of, own_world, context)) == 1, reason
    assert until(lambda: spans_of(own_world, late) == 3)
    assert until(lambda: decided(own_world, "false") >= len(ordinary))
    assert decided(own_world, "true") == len(kept) + 1
    # A trace sent after them is in Tempo: so the ordinary ones would be, too.
    marker = application.span(error=ERROR)
    assert until(lambda: spans_of(own_world, marker)) == 1
    assert {reason: spans_of(own_world, context) for reason, context in ordinary.items()} == dict.fromkeys(ordinary, 0)
    # 4 agent runs among the kept ones, 4 among the ordinary ones, the late error and the marker.
    assert until(lambda: counted(own_world, "sampling-kinds") == 10), counted(own_world, "sampling-kinds")
    assert application.refused == doctor.refused == 0
    application.close()
    doctor.close()


@pytest.mark.shows("K04")
def test_a_share_of_the_rest_is_kept_and_metrics_count_all(own_world: OwnWorld) -> None:
    restart(own_world, OTELGATE_SAMPLE_PERCENT="25", OTELGATE_SAMPLE_SLOW=f"{SLOW_S}s", OTELGATE_SAMPLE_WAIT="5s")
    application, sent = Application(own_world, "sampling-share"), 400
    contexts = [application.span() for _ in range(sent)]
    assert until(lambda: decided(own_world, "false") + decided(own_world, "true") == sent)
    share = decided(own_world, "true")
    assert until(lambda: sum(spans_of(own_world, context) for context in contexts) == share)
    assert until(lambda: counted(own_world, "sampling-share") == sent), counted(own_world, "sampling-share")
    print(f"\nof {sent} ordinary traces at 25 %: {share:.0f} stored, otelgate_run_count_total is {sent}")
    # Six standard deviations: by chance once in half a billion runs.
    assert 48 <= share <= 152
    application.close()


def test_crash_loses_only_waiting_traces(own_world: OwnWorld) -> None:
    restart(own_world, OTELGATE_SAMPLE_PERCENT="0", OTELGATE_SAMPLE_WAIT="1h")
    application = Application(own_world, "sampling-crash")
    errors = [application.span(error=ERROR) for _ in range(N)]
    waiting = [application.span() for _ in range(N)]
    assert application.refused == 0
    assert until(lambda: decided(own_world, "true") == N)
    assert until(lambda: counted(own_world, "sampling-crash") == 2 * N), counted(own_world, "sampling-crash")
    own_world.gateway.kill()
    restart(own_world, OTELGATE_SAMPLE_PERCENT="0", OTELGATE_SAMPLE_WAIT="1h")

    # Only now the waiting ones turn out to be worth storing.
    for context in waiting:
        application.span(CALL, error=ERROR, parent=remote(context.trace_id, context.span_id))
    assert application.refused == 0
    found = until(lambda: [spans_of(own_world, context) for context in [*errors, *waiting]], all)
    assert all(found), found
    stored, whole = found[:N].count(1), found[N:].count(2)
    runs = counted(own_world, "sampling-crash")
    print(
        f"\nkill -9 with {N} traces kept and {N} waiting: {stored} of {N} kept ones stored; of the waiting ones, which "
        f"failed later, {whole} of {N} are whole, {N - whole} of {N} lost the spans that waited; "
        f"otelgate_run_count_total is {runs:.0f} of {2 * N}"
    )
    assert stored == N
    assert whole == 0
    assert runs == 2 * N
    application.close()


def test_a_full_queue_refuses_when_sampling_is_off(own_world: OwnWorld) -> None:
    """The joint between the pipelines passes the refusal on: nothing acknowledged is lost."""
    restart(own_world, OTELGATE_QUEUE_BYTES="8192")
    application = Application(own_world, "sampling-full")
    taken: list[SpanContext] = []
    with own_world.without("tempo"):
        while not application.refused and len(taken) < 1000:
            taken.append(application.span({"filling": "x" * 500}))
    assert application.refused == 1
    assert until(lambda: all(spans_of(own_world, context) for context in taken[:-1]))
    print(f"\na queue of 8192 bytes took {len(taken) - 1} spans, then refused; all that it took are stored")
    application.close()


def test_a_full_queue_drops_and_counts_when_sampling_is_on(own_world: OwnWorld) -> None:
    """Data acknowledged before the decision can't be refused any more."""
    restart(own_world, OTELGATE_QUEUE_BYTES="8192", OTELGATE_SAMPLE_PERCENT="0")
    application, sent = Application(own_world, "sampling-dropped"), 200
    with own_world.without("tempo"):
        contexts = [application.span({"filling": "x" * 500}, error=ERROR) for _ in range(sent)]
        assert until(lambda: decided(own_world, "true") == sent)
    lost = own(own_world, "otelcol_exporter_enqueue_failed_spans", exporter="otlp_grpc/tempo")
    stored = until(
        lambda: sum(spans_of(own_world, context) for context in contexts), lambda stored: stored == sent - lost
    )
    print(f"\na queue of 8192 bytes with sampling on: of {sent} spans {stored} stored, {lost:.0f} counted as dropped")
    assert application.refused == 0
    assert lost > 0
    assert stored == sent - lost
    application.close()
