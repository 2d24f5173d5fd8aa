"""An auto-instrumented LangGraph agent in front, the three stores behind: what arrives is what the agent did."""

import json
import sys
import time
from pathlib import Path

import pytest
from waiting import until
from world import OwnGateway, World, whole_trace

AGENT = [
    str(Path(sys.executable).with_name("opentelemetry-instrument")),
    sys.executable,
    str(Path(__file__).parents[2] / "examples/demo/agent.py"),
]
SPANS = 18  # of the run with seed 0: two tools, one of which fails at first


def run_agent(world: World, service: str, *options: str, **env: str) -> list[dict[str, str]]:
    """The agent's own JSON lines, one for each run."""
    done = world.run([*AGENT, "--json", "--delay", "0.05", *options], world.application_env(service, **env))
    assert done.returncode == 0, done.stderr
    assert "dropped" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_three_signals_arrive(world: World, protocol: str) -> None:
    service = f"shop-{protocol[:4]}"
    port = world.settings.grpc_port if protocol == "grpc" else world.settings.http_port
    runs = run_agent(
        world,
        service,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
    )
    trace_id = runs[0]["trace_id"]

    spans = whole_trace(world.tempo, trace_id, SPANS)
    by_id = {span.span_id: span for span in spans}
    roots = [span for span in spans if span.parent_id not in by_id]
    assert [root.name for root in roots] == ["invoke_agent bike_shop"]
    assert {span.service for span in spans} == {service}
    models = [span for span in spans if span.attributes.get("gen_ai.operation.name") == "chat"]
    tools = [span for span in spans if span.attributes.get("gen_ai.operation.name") == "execute_tool"]
    assert len(models) >= 2
    assert {span.attributes["gen_ai.tool.name"] for span in tools} == {"order_status", "delivery_price"}
    for span in models:
        assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < span.duration_s
    for span in [*models, *tools]:
        assert span.attributes["gen_ai.agent.name"] == "bike_shop"
    for span in spans:
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("session-0000", "user-1")

    query = f'{{service_name="{service}"}} | trace_id="{trace_id}"'
    first = "question of 58 characters"
    lines = until(lambda: [line for line in world.loki.query_range(query) if line.line == first])
    assert len(lines) == 1
    assert {line.metadata["session_id"] for line in lines} == {"session-0000"}

    promql = f'sum(demo_answers_total{{service_name="{service}"}})'
    assert until(lambda: world.prometheus.value(promql) == len(runs)), world.prometheus.value(promql)


def test_search_finds_the_trace(world: World) -> None:
    (run,) = run_agent(world, "shop-search", "--runs", "1")
    found = until(lambda: world.tempo.search('{resource.service.name="shop-search" && name="invoke_agent bike_shop"}'))
    assert [trace.trace_id for trace in found] == [run["trace_id"]]


def test_the_gateway_observes_itself(own_gateway: OwnGateway) -> None:
    run_agent(own_gateway, "shop-self", "--runs", "1")
    mine = f'service_name="otelgate-gateway", instance=~"{own_gateway.settings.instance_id}-.*"'
    promql = f"sum by (instance) (otelcol_receiver_accepted_spans_total{{{mine}}})"
    samples = until(lambda: own_gateway.prometheus.query(promql))
    assert [sample.value > 0 for sample in samples] == [True]
    before = samples[0].labels
    own_gateway.gateway.stop()
    stopped = time.time()
    own_gateway.gateway.start()
    run_agent(own_gateway, "shop-self", "--runs", "1")
    newest = f"max(timestamp(otelcol_receiver_accepted_spans_total{{{mine}}}))"
    assert until(lambda: (own_gateway.prometheus.value(newest) or 0) > stopped)
    assert [sample.labels for sample in own_gateway.prometheus.query(promql)] == [before], "a restart made a new series"


@pytest.mark.shows("F8")
def test_exemplars_lead_to_traces(world: World) -> None:
    program = (
        "import otelgate; otelgate.init()\n"
        "from opentelemetry import metrics\n"
        "histogram = metrics.get_meter('m').create_histogram('shop.wait', unit='s')\n"
        "with otelgate.agent('clerk'):\n"
        "    histogram.record(0.3); print(otelgate.current_trace_id())\n"
    )
    start = time.time() - 1
    done = world.run([sys.executable, "-c", program], world.application_env("shop-exemplars"))
    trace_id = done.stdout.strip()
    assert len(trace_id) == 32, done.stderr
    query = 'shop_wait_seconds_bucket{service_name="shop-exemplars"}'
    exemplars = until(lambda: world.prometheus.exemplars(query, start, time.time() + 1))
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [trace_id]
    assert until(lambda: world.tempo.trace(trace_id))


def test_content_stays_home_unless_asked_for_twice(own_gateway: OwnGateway) -> None:
    """The application sends it only when its variable says so, the gateway passes it on only when its policy does."""
    question = "Where is order 1042"
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    (hidden,) = run_agent(own_gateway, "shop-hidden", "--runs", "1")
    (stripped,) = run_agent(own_gateway, "shop-stripped", "--runs", "1", **capture)
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_TRACES_TO="tempo", OTELGATE_CONTENT_TRACES="full")
    (shown,) = run_agent(own_gateway, "shop-shown", "--runs", "1", **capture)
    assert question in hidden["question"]
    for run, expected in ((hidden, False), (stripped, False), (shown, True)):
        spans = whole_trace(own_gateway.tempo, run["trace_id"], SPANS)
        assert (question in repr(spans)) is expected


@pytest.mark.shows("K08", "F7")
def test_the_agent_does_not_need_the_gateway(world: World) -> None:
    """Gateway up, gateway down, telemetry off: same output, same exit code."""
    command = [*AGENT, "--delay", "0.02"]
    up = world.run(command, world.application_env("shop-same"))
    down = world.run(command, world.application_env("shop-same", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"))
    off = world.run(command, world.application_env("shop-same", OTEL_SDK_DISABLED="true"))
    assert up.stdout.count("A: ") == 3
    assert (up.returncode, up.stdout) == (down.returncode, down.stdout) == (off.returncode, off.stdout)
    # Without the logger's name, where the first export failed before the agent set up its logging.
    assert down.stderr.count("can't send telemetry") == 1, down.stderr
