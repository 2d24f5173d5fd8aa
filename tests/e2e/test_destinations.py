"""OTELGATE_TRACES_TO: Tempo, Jaeger, or both."""

import sys
from functools import partial

import pytest
from waiting import until
from world import OwnGateway

PROGRAM = "import otelgate; otelgate.init()\nwith otelgate.agent('clerk'): print(otelgate.current_trace_id())"


@pytest.mark.parametrize(
    ("value", "stores"), [("tempo", {"tempo"}), ("jaeger", {"jaeger"}), ("both", {"tempo", "jaeger"})]
)
def test_traces_go_where_they_are_sent(own_gateway: OwnGateway, value: str, stores: set[str]) -> None:
    own_gateway.gateway.stop()
    own_gateway.gateway.start(OTELGATE_TRACES_TO=value)
    done = own_gateway.run([sys.executable, "-c", PROGRAM], own_gateway.application_env(f"to-{value}"))
    trace_id = done.stdout.strip()
    assert len(trace_id) == 32, done.stderr
    for name in stores:
        store = getattr(own_gateway, name)
        spans = until(partial(store.trace, trace_id))
        assert [span.name for span in spans] == ["invoke_agent clerk"], name
    # Both exporters of `both` were given the trace at once, so what has not come by now is not under way.
    for name in {"tempo", "jaeger"} - stores:
        assert getattr(own_gateway, name).trace(trace_id) == []
