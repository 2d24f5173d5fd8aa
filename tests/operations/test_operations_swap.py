"""Another trace store by one setting, as docs/explanation/roadmap.md says: the applications' side stays as it is."""

import json

import pytest
from operations_stack import Operated
from otelgate_stack.clients import Jaeger
from waiting import until


@pytest.mark.shows("K63")
def test_jaeger_takes_tempos_place(new_stack: object) -> None:
    assert callable(new_stack)
    stack: Operated = new_stack(OTELGATE_EXPORTERS="false")
    stack.good("up")
    before = json.loads(stack.good("demo", "--runs=1", "--wait=180", "--json"))["trace"]["trace_id"]
    assert until(lambda: stack.tempo.trace(before))
    stack.good("down")
    swapped = Operated({**stack.env, "OTELGATE_TRACES_TO": "jaeger"})
    swapped.good("up")
    names = [service.name for service in swapped.engine.status()]
    assert "jaeger" in names
    assert "tempo" not in names
    after = json.loads(swapped.good("demo", "--runs=1", "--wait=180", "--json"))["trace"]["trace_id"]
    assert len(Jaeger.of(swapped.settings).trace(after)) == 18
    assert swapped.run("doctor").returncode == 0
