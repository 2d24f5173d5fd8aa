"""LangChain and LangGraph under auto-instrumentation: time to first token, names on spans, sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from otlp_receiver import Receiver
from programs import Result

Run = Callable[..., Result]

HEAD = """
    import asyncio, sys
    from fake_agent import FakeModel, graph
    from langchain_core.messages import HumanMessage
    from langchain_core.tools import tool
    question = [HumanMessage("hi")]
    model = FakeModel(first_s=0.3, gap_s=0.1)
"""
CALLS = {
    "sync": "list(model.stream(question))",
    "invoke that streams": "model.invoke(question, stream=True)",
    "async": """
    async def main():
        async for chunk in model.astream(question):
            pass
    asyncio.run(main())
    """,
    "graph": 'list(graph(model, []).stream({"messages": question}, stream_mode="messages"))',
    "async graph": """
    async def main():
        async for chunk in graph(model, []).astream({"messages": question}, stream_mode="messages"):
            pass
    asyncio.run(main())
    """,
    "legacy callbacks": "list(model.stream(question, config={'callbacks': [], 'tags': ['a']}))",
}


@pytest.mark.parametrize("instrument", [True, False], ids=["opentelemetry-instrument", "init after the import"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.shows("K16")
def test_time_to_first_chunk(run: Run, receiver: Receiver, call: str, instrument: bool) -> None:
    init = "" if instrument else "\n    import otelgate; otelgate.init()"
    result = run(HEAD + init + "\n    " + call.strip() + "\n", instrument=instrument)
    assert (result.status, result.stderr) == (0, "")
    (span,) = receiver.spans("FakeModel")
    seconds = span.attributes["gen_ai.response.time_to_first_chunk"]
    assert isinstance(seconds, float)
    (event,) = span.raw.events
    assert event.name == "otelgate.llm.first_chunk"
    # The attribute and the event, measured apart, come after the model's wait and leave the other chunks after them.
    duration = (span.raw.end_time_unix_nano - span.raw.start_time_unix_nano) / 1e9
    assert 0.3 <= seconds <= duration - 0.25
    assert 0.3 <= (event.time_unix_nano - span.raw.start_time_unix_nano) / 1e9 <= duration - 0.25


def test_unstreamed_call_has_no_time_to_first_chunk(run: Run, receiver: Receiver) -> None:
    result = run(
        HEAD
        + """
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    FakeListChatModel(responses=["a"]).invoke("hi")
    """
    )
    assert (result.status, result.stderr) == (0, "")
    (span,) = receiver.spans("FakeListChatModel")
    assert "gen_ai.response.time_to_first_chunk" not in span.attributes


def test_runs_that_are_the_first_at_once_all_have_spans(run: Run, receiver: Receiver) -> None:
    result = run(
        HEAD
        + """
    import threading
    barrier = threading.Barrier(6)
    def ask():
        barrier.wait()
        list(FakeModel().stream(question))
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """
    )
    assert (result.status, result.stderr) == (0, "")
    assert len(receiver.spans("FakeModel")) == 6


def test_agent_and_session_on_every_span(run: Run, receiver: Receiver) -> None:
    result = run(
        HEAD
        + """
    import logging, otelgate

    @tool
    def lookup(order: str) -> str:
        "Looks an order up."
        logging.getLogger("app").warning("looking")
        return "sent"

    agent = graph(FakeModel(tool_name="lookup", tool_args='{"order": "7"}'), [lookup])
    with otelgate.session("s-1", user_id="u-1"), otelgate.agent("orders"):
        print(otelgate.current_trace_id())
        agent.invoke({"messages": question})
    """
    )
    assert (result.status, result.stderr) == (0, "looking\n")
    spans = receiver.spans()
    assert {span.raw.trace_id.hex() for span in spans} == {result.stdout.strip()}
    assert {"invoke_agent orders", "LangGraph", "FakeModel", "lookup"} <= {span.name for span in spans}
    for span in spans:
        assert span.attributes["session.id"] == "s-1"
        assert span.attributes["user.id"] == "u-1"
        assert span.attributes["gen_ai.agent.name"] == "orders"
    (root,) = [span for span in spans if not span.raw.parent_span_id]
    assert root.name == "invoke_agent orders"
    models = receiver.spans("FakeModel")
    assert [span.attributes["llm.token_count.prompt"] for span in models] == [10, 10]
    assert {span.attributes["llm.model_name"] for span in models} == {"fake-1"}
    (record,) = receiver.logs("looking")
    assert record.attributes["session.id"] == "s-1"
    assert record.raw.trace_id.hex() == result.stdout.strip()


def test_instrumentation_can_be_switched_off(run: Run, receiver: Receiver) -> None:
    result = run(HEAD + "    " + CALLS["sync"], OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="langchain")
    assert (result.status, result.stderr) == (0, "")
    assert receiver.spans() == []


def test_application_may_instrument_langchain_itself(run: Run, receiver: Receiver) -> None:
    result = run(
        HEAD
        + """
    from openinference.instrumentation.langchain import LangChainInstrumentor
    LangChainInstrumentor().instrument()
    list(model.stream(question))
    """
    )
    assert (result.status, result.stderr) == (0, "")
    (span,) = receiver.spans("FakeModel")
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
