"""The gateway's output for GenAI spans: one vocabulary, a price, metrics, and no content."""

import json
import sys
import time

import pytest
from waiting import until
from world import World

# One model call as OpenInference's LangChain instrumentation sends it, in a separate process.
PROGRAM = """
import json, time, otelgate
otelgate.init()
from opentelemetry import trace
tracer = trace.get_tracer("openinference.instrumentation.langchain")
with otelgate.session("s-1", user_id="u-1", tier="pro"), otelgate.agent("clerk"):
    with tracer.start_as_current_span("ChatOpenAI") as span:
        span.set_attributes({
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini",
            "llm.provider": "openai",
            "llm.token_count.prompt": 1_000_000,
            "llm.token_count.completion": 100_000,
            "gen_ai.response.time_to_first_chunk": 0.02,
            "input.value": "my secret question",
            "metadata": json.dumps({"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}),
        })
        time.sleep(0.05)
    print(otelgate.current_trace_id())
"""
# gpt-4o-mini: 0.15 USD for a million tokens in, 0.60 USD out.
COST_USD = 0.15 + 0.06


def call(world: World, service: str) -> str:
    env = world.application_env(service, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true")
    done = world.run([sys.executable, "-c", PROGRAM], env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.shows("K02", "K03")
def test_one_vocabulary_a_price_and_no_content(world: World) -> None:
    trace_id = call(world, "genai-span")
    spans = until(lambda: world.tempo.trace(trace_id))
    (chat,) = [span for span in spans if span.attributes.get("gen_ai.operation.name") == "chat"]
    assert chat.name == "chat gpt-4o-mini"
    expected = {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1_000_000,
        "gen_ai.usage.output_tokens": 100_000,
        "gen_ai.agent.name": "clerk",
        "gen_ai.conversation.id": "s-1",
        "otelgate.cost.status": "priced",
    }
    assert {name: chat.attributes.get(name) for name in expected} == expected
    assert abs(chat.attributes["otelgate.cost.usd"] - COST_USD) < 1e-9
    assert "secret question" not in json.dumps(repr(spans))
    assert "llm.model_name" not in chat.attributes


@pytest.mark.shows("K04")
def test_metrics_are_derived_with_exemplars_that_lead_to_the_trace(world: World) -> None:
    start = time.time() - 1
    trace_id = call(world, "genai-metrics")
    cost = 'sum(otelgate_llm_cost_total{service_name="genai-metrics"})'
    assert until(lambda: world.prometheus.value(cost))
    assert abs((world.prometheus.value(cost) or 0) - COST_USD) < 1e-9
    labels = world.prometheus.query('otelgate_llm_cost_total{service_name="genai-metrics"} > 0')[0].labels
    assert labels["gen_ai_agent_name"] == "clerk"
    assert not {"user_id", "session_id", "gen_ai_conversation_id"} & set(labels)
    for name in (
        "gen_ai_client_operation_duration_seconds_bucket",
        "gen_ai_client_operation_time_to_first_chunk_seconds_bucket",
        "otelgate_llm_cost_total",
    ):
        query = f'{name}{{service_name="genai-metrics"}}'
        exemplars = until(lambda query=query: world.prometheus.exemplars(query, start, time.time() + 1))
        assert {exemplar.labels["trace_id"] for exemplar in exemplars} == {trace_id}, name
        shown = until(lambda one=exemplars[0].labels["trace_id"]: world.tempo.trace(one))
        (chat,) = [span for span in shown if span.attributes.get("gen_ai.operation.name") == "chat"]
        assert {exemplar.labels["span_id"] for exemplar in exemplars} == {chat.span_id}, name


def test_increase_counts_the_only_call(world: World) -> None:
    """A new series begins with an explicit zero, so the first increment isn't lost."""
    call(world, "genai-increase")
    query = 'sum(increase(otelgate_llm_cost_total{service_name="genai-increase"}[10m]))'
    assert until(lambda: world.prometheus.value(query))
    assert world.prometheus.query('min_over_time(otelgate_llm_cost_total{service_name="genai-increase"}[10m]) == 0')
    runs = 'sum(otelgate_run_count_total{service_name="genai-increase"})'
    assert until(lambda: world.prometheus.value(runs)) == 1
