"""The real packages of providers against a model server of this machine, whose own list of calls is the truth."""

import uuid
from collections import Counter
from typing import Any

import psycopg
import pytest
from model_server import ModelServer
from otelgate_stack.clients import Sample
from packages import Providers
from waiting import until
from world import World

RUNS = 20
WAYS = {
    "langchain": ("langchain_app.py", "anthropic,google_genai,openai"),
    "package": ("raw_app.py", ""),
    "both": ("langchain_app.py", ""),
}
"""The application, and the instrumentations that are switched off."""

PROMETHEUS = {
    "calls": "sum(gen_ai_client_operation_duration_seconds_count{%s})",
    "input": 'sum(gen_ai_client_token_usage_sum{%s, gen_ai_token_type="input"})',
    "output": 'sum(gen_ai_client_token_usage_sum{%s, gen_ai_token_type="output"})',
    "usd": "sum(otelgate_llm_cost_total{%s})",
}
CALLS = "SELECT count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM audit.model_calls WHERE {}"
TURNS = "SELECT sum(model_calls), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM audit.turns WHERE {}"


def numbers(calls: float, input_tokens: float, output_tokens: float, usd: float) -> dict[str, float]:
    return {"calls": calls, "input": input_tokens, "output": output_tokens, "usd": round(float(usd), 9)}


def truth(models: ModelServer) -> dict[str, float]:
    usages = [call.usage for call in models.calls]
    sums = (sum(usage.input for usage in usages), sum(usage.output for usage in usages))
    return numbers(len(usages), *sums, sum(call.cost_usd for call in models.calls))


def counted(world: World, service: str) -> dict[str, float]:
    label = f'service_name="{service}"'
    return numbers(*(world.prometheus.value(query % label) or 0 for query in PROMETHEUS.values()))


def stored(database: psycopg.Connection[Any], query: str, service: str, more: str = "") -> dict[str, float]:
    row = database.execute(query.format(f"service = %s{more}"), [service]).fetchone()  # type: ignore[arg-type]
    return numbers(*(float(value or 0) for value in row or ()))


def by_agent(samples: list[Sample]) -> dict[str, float]:
    return {one.labels.get("gen_ai_agent_name", ""): one.value for one in samples}


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
@pytest.mark.parametrize("way", WAYS)
def test_every_call_is_counted_once(
    world: World, providers: Providers, models: ModelServer, provider: str, way: str
) -> None:
    service = f"{way}-{provider}-{uuid.uuid4().hex[:6]}"
    program, disabled = WAYS[way]
    env = world.application_env(
        service, MODEL_SERVER=models.url, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled, ANTHROPIC_API_KEY="x"
    )
    providers.run(program, provider, str(RUNS), env=env)
    expected = truth(models)
    assert expected["calls"] >= RUNS
    last = f'otelgate_run_count_total{{service_name="{service}", gen_ai_agent_name="the_last"}}'
    until(lambda: world.prometheus.value(f"sum({last})") == 1)
    until(lambda: counted(world, service) == expected, deadline_s=20)
    assert counted(world, service) == expected, "in Prometheus"
    with psycopg.connect(world.database_url, autocommit=True) as database:
        run = "SELECT count(*) FROM audit.runs WHERE service = %s AND agent = 'the_last'"
        until(lambda: database.execute(run, [service]).fetchone() == (1,))
        counts_once = " AND duplicate_of IS NULL"
        assert stored(database, CALLS, service, counts_once) == expected, "in PostgreSQL"
        assert stored(database, TURNS, service) == expected, "in PostgreSQL's turns"
    calls = world.prometheus.query(
        f'sum by (gen_ai_agent_name) (gen_ai_client_operation_duration_seconds_count{{service_name="{service}"}})'
    )
    assert by_agent(calls) == Counter(call.agent for call in models.calls), "the nearest agent has the call"
