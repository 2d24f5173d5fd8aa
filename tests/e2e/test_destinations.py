"""OTELGATE_TRACES_TO: Tempo, Jaeger, or both; and OTELGATE_CONTENT_TRACES, whose texts are long."""

import secrets
import sys
from functools import partial

import pytest
from acknowledged import a_run, trace_id
from otelgate_stack import web
from waiting import until
from world import OwnGateway, whole_trace

PROGRAM = "import otelgate; otelgate.init()\nwith otelgate.agent('clerk'): print(otelgate.current_trace_id())"


@pytest.mark.parametrize(
    ("value", "stores"), [("tempo", {"tempo"}), ("jaeger", {"jaeger"}), ("both", {"tempo", "jaeger"})]
)
def test_traces_go_where_they_are_sent(own_gateway: OwnGateway, value: str, stores: set[str]) -> None:
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_TRACES_TO=value)
    done = own_gateway.run([sys.executable, "-c", PROGRAM], own_gateway.application_env(f"to-{value}"))
    sent = done.stdout.strip()
    assert len(sent) == 32, done.stderr
    for name in stores:
        store = getattr(own_gateway, name)
        spans = until(partial(store.trace, sent))
        assert [span.name for span in spans] == ["invoke_agent clerk"], name
    # Both exporters of `both` got the trace together, so a trace that has not arrived by now is not under way.
    for name in {"tempo", "jaeger"} - stores:
        assert getattr(own_gateway, name).trace(sent) == []


def test_content_of_100_kb_reaches_tempo_whole(own_gateway: OwnGateway) -> None:
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_TRACES_TO="tempo", OTELGATE_CONTENT_TRACES="full")
    number, words = secrets.randbits(60), "a long question; " * 6000
    web.post(
        f"http://127.0.0.1:{own_gateway.settings.http_port}/v1/traces",
        content=a_run(number, "long", words).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    ).raise_for_status()
    _, call = whole_trace(own_gateway.tempo, trace_id(number), 2)
    assert call.attributes["gen_ai.input.messages"] == words
