"""Content off means off: a canary in every field of a real run is nowhere in what was exported."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable

import pytest
from otelgate import _content
from otlp_receiver import Receiver
from programs import Result

Run = Callable[..., Result]

RUN = """
    import asyncio, logging, sys
    from fake_agent import FakeModel, graph
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.messages import HumanMessage, SystemMessage
    from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tools import tool
    from openinference.instrumentation import using_attributes
    from opentelemetry import _logs, trace
    import otelgate

    @tool
    def lookup(order: str) -> str:
        "CANARY-tool-description"
        if "explode" in order:
            raise ValueError('CANARY-tool-error\\n  File "CANARY-frame", line 1, in CANARY')
        return "CANARY-tool-result"

    class Retriever(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            return [Document("CANARY-document", metadata={"source": "CANARY-document-metadata"}, id="doc-1")]

    def attempt(call):
        try:
            call()
        except Exception:
            logging.getLogger("app").exception("failed")

    config = {"metadata": {"CANARY-metadata-key": "CANARY-metadata", "thread_id": "thread-1"}, "tags": ["CANARY-tag"]}
    question = {"messages": [SystemMessage("CANARY-system"), HumanMessage("CANARY-prompt")]}
    with otelgate.session("s-1"), using_attributes(
        metadata={"x": "CANARY-context-metadata"}, tags=["CANARY-context-tag"],
        prompt_template="CANARY-context-template", prompt_template_variables={"x": "CANARY-context-variable"},
    ):
        with otelgate.agent("orders"):
            model = FakeModel(tool_name="lookup", tool_args='{"order": "CANARY-argument"}', answer="CANARY-completion")
            print("CANARY-completion" in graph(model, [lookup]).invoke(question, config)["messages"][-1].text)
            exploding = FakeModel(tool_name="lookup", tool_args='{"order": "explode CANARY-argument"}')
            attempt(lambda: graph(exploding, [lookup]).invoke(question, config))
            attempt(lambda: graph(FakeModel(error="CANARY-model-error"), []).invoke(question, config))
            Retriever().invoke("CANARY-query", config)
            chain = ChatPromptTemplate.from_messages([("system", "CANARY-template {x}")]) | FakeModel()
            chain.invoke({"x": "CANARY-variable"}, config)
            (PromptTemplate.from_template("CANARY-old-template {x}") | FakeModel()).invoke({"x": "CANARY-variable"})
            stream = FakeModel(answer="CANARY-abandoned again and again").stream("CANARY-prompt")
            next(stream)
            stream.close()
            RunnableLambda(lambda x: x).invoke("CANARY-lambda")
        try:
            with otelgate.agent("failing"):
                raise RuntimeError("CANARY-agent-error")
        except RuntimeError:
            pass

    # Attributes of other instrumentations.
    with trace.get_tracer("opentelemetry.instrumentation.openai").start_as_current_span("chat") as span:
        for key in (
            "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.description", "gen_ai.prompt",
            "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "llm.prompts", "traceloop.entity.input",
            "traceloop.entity.output", "input.value", "output.value", "llm.input_messages.0.message.content",
            "gen_ai.content.prompt", "gen_ai.retrieval.documents", "gen_ai.retrieval.query.text", "metadata",
            "gen_ai.evaluation.explanation", "llm.request.functions.0.description",
        ):
            span.set_attribute(key, "CANARY-dialect")
            span.add_event("gen_ai.content", {key: "CANARY-dialect-event"})
        span.set_attribute("gen_ai.request.model", "fake-1")
        span.set_attribute("some.new.dialect", "CANARY-dialect")
    with trace.get_tracer("app").start_as_current_span("order") as span:
        span.set_attribute("app.order", "order-7")
    events = _logs.get_logger_provider().get_logger("opentelemetry.instrumentation.openai")
    events.emit(event_name="gen_ai.client.inference.operation.details", body={"message": "CANARY-event-body"},
                attributes={"gen_ai.input.messages": "CANARY-event-attribute"})
    logging.getLogger("openai._base_client").setLevel("DEBUG")
    logging.getLogger("openai._base_client").debug("Request options: CANARY-request")
    logging.getLogger("app").warning("the application's own words")
"""

CANARIES = [
    "argument", "completion", "context-tag", "context-template", "context-variable", "dialect", "document",
    "document-metadata", "event-body", "metadata", "model-error", "prompt", "query", "request", "system",
    "tool-description", "tool-error", "tool-result", "agent-error", "old-template", "lambda",
]  # fmt: skip


# Without the shortcut, and with OpenInference's switches undone, the exporter's filter has to do it alone.
FILTER_ALONE = """
    import os, otelgate._langchain
    otelgate._langchain._CONTENT_FUNCTIONS = ()
    for name in [name for name in os.environ if name.startswith("OPENINFERENCE_HIDE_")]:
        os.environ[name] = "false"
"""


@pytest.mark.parametrize("value", ["", "yes"])
@pytest.mark.parametrize("preamble", ["", FILTER_ALONE], ids=["as shipped", "filter alone"])
@pytest.mark.shows("F24")
def test_content_off_leaks_nowhere(run: Run, receiver: Receiver, value: str, preamble: str) -> None:
    result = run(preamble + RUN, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=value)
    assert (result.status, result.stdout) == (0, "True\n"), result.stderr
    everything = receiver.everything()
    assert "CANARY" not in everything, [line for line in everything.splitlines() if "CANARY" in line]
    check_what_stays(receiver)


def check_what_stays(receiver: Receiver) -> None:
    names = {span.name for span in receiver.spans()}
    assert {"invoke_agent orders", "LangGraph", "FakeModel", "lookup", "Retriever", "chat"} <= names
    errors = [span for span in receiver.spans("lookup") if span.raw.status.code == 2]
    assert errors
    for span in errors:
        assert span.raw.status.message == "ValueError"
        (event,) = [event for event in span.raw.events if event.name == "exception"]
        kept = {pair.key: pair.value.string_value for pair in event.attributes}
        assert kept["exception.type"] == "ValueError"
        assert "exception.message" not in kept
        assert ", in lookup" in kept["exception.stacktrace"]
    (failing,) = receiver.spans("invoke_agent failing")
    assert failing.attributes["error.type"] == "RuntimeError"
    metadata = [json.loads(span.attributes["metadata"]) for span in receiver.spans("lookup")]
    assert {entry["langgraph_node"] for entry in metadata} == {"tools"}
    (chat,), (order,) = receiver.spans("chat"), receiver.spans("order")
    assert (chat.attributes["gen_ai.request.model"], order.attributes["app.order"]) == ("fake-1", "order-7")
    assert receiver.logs("the application's own words")
    failed = receiver.logs("failed")
    assert {record.attributes["exception.type"] for record in failed} == {"ValueError", "RuntimeError"}


def test_content_on_is_there(run: Run, receiver: Receiver) -> None:
    result = run(RUN, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true")
    assert (result.status, result.stdout) == (0, "True\n"), result.stderr
    everything = receiver.everything()
    assert [canary for canary in CANARIES if f"CANARY-{canary}" not in everything] == []


def test_a_long_history_keeps_the_session(run: Run, receiver: Receiver) -> None:
    """With content on each message is several attributes; the SDK's limit of 128 would push the first ones out."""
    result = run(
        """
        import otelgate
        from fake_agent import FakeModel
        from langchain_core.messages import HumanMessage
        with otelgate.session("s-1"):
            FakeModel().invoke([HumanMessage(f"message {n}") for n in range(200)], stream=True)
        """,
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
    )
    assert result.status == 0
    (span,) = receiver.spans("FakeModel")
    assert span.attributes["session.id"] == "s-1"
    assert span.raw.dropped_attributes_count == 0


INSTRUMENTORS = {
    "opentelemetry.instrumentation.langchain": {
        "traceloop.span.kind": "task",
        "traceloop.entity.name": "model",
        "gen_ai.task.name": "model",
        "traceloop.association.properties.user_id": "user-7",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.task.input": "CANARY",
        "gen_ai.task.output": "CANARY",
        "gen_ai.workflow.nodes": "CANARY",
        "traceloop.association.properties.langgraph_path": "CANARY",
    },
    "openlit.otel.tracing": {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "shop",
        "gen_ai.request.is_stream": True,
        "gen_ai.workflow.input": "CANARY",
        "gen_ai.workflow.output": "CANARY",
        "gen_ai.agent.instructions": "CANARY",
        "gen_ai.tool.args": "CANARY",
    },
    "mlflow.tracing.fluent": {
        "mlflow.spanType": '"LLM"',
        "mlflow.traceRequestId": '"tr-1"',
        "mlflow.chat.tokenUsage": '{"input_tokens": 12}',
        "mlflow.spanInputs": "CANARY",
        "mlflow.spanOutputs": "CANARY",
        "mlflow.chat.tools": "CANARY",
    },
    "langfuse-sdk": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o-mini",
        "langfuse.observation.usage_details": '{"input": 12}',
        "session.id": "s-1",
        "langfuse.observation.input": "CANARY",
        "langfuse.observation.status_message": "CANARY",
        "langfuse.trace.tags": ("CANARY",),
        "langfuse.observation.metadata.note": "CANARY",
    },
    "langsmith": {
        "langsmith.span.kind": "llm",
        "langsmith.metadata.ls_provider": "openai",
        "langsmith.metadata.usage_metadata": '{"input_tokens": 12}',
        "gen_ai.prompt": "CANARY",
        "langsmith.metadata.note": "CANARY",
    },
    "pydantic-ai": {
        "model_name": "gpt-4o-mini",
        "logfire.span_type": "span",
        "logfire.msg": "CANARY",
        "all_messages_events": "CANARY",
        "final_result": "CANARY",
    },
    "gcp.vertex.agent": {
        "gen_ai.system": "gcp.vertex.agent",
        "gcp.vertex.agent.invocation_id": "e-1",
        "gcp.vertex.agent.llm_request": "CANARY",
        "gcp.vertex.agent.tool_response": "CANARY",
    },
    "my.own.tracer": {
        "gen_ai.request.model": "gpt-4o-mini",
        "server.address": "api.example.com",
        "gen_ai.usage.cost": 0.5,
        "something.unheard.of": "CANARY",
    },
    "opentelemetry.instrumentation.httpx": {
        "http.request.method": "POST",
        "url.full": "https://shop.example.com/orders/7",
        "gen_ai.agent.name": "clerk",
        "session.id": "s-1",
        "app.order": "order-7",
    },
    "otelgate": {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk", "app.order": "order-7"},
}
"""The attributes that each of them sets on a span, by its scope; CANARY marks content."""


@pytest.mark.parametrize("scope", INSTRUMENTORS)
def test_the_content_of_every_instrumentor_stays_in_the_process(scope: str) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from otelgate import _scrub

    given = INSTRUMENTORS[scope]
    span = TracerProvider().get_tracer(scope).start_span("call", attributes=given)
    span.add_event("happened", given)
    span.end()
    (sent,) = _scrub.spans([span], content=False)  # type: ignore[list-item]
    kept = {key: value for key, value in given.items() if "CANARY" not in str(value)}
    assert dict(sent.attributes or {}) == dict(sent.events[0].attributes or {}) == kept


@pytest.mark.parametrize(
    ("logger", "severity", "text_stays"),
    [
        ("autogen_core.events", "INFO", False),
        ("crewai.agent", "WARN", False),
        ("llama_index.core.chat_engine", "INFO", False),
        ("openinference.instrumentation.openai", "ERROR", False),
        ("httpx", "DEBUG", False),
        ("httpx", "INFO", True),
        ("litellm", "WARN", True),
        ("app", "INFO", True),
    ],
)
def test_text_of_prompt_loggers_stays_in_the_process(logger: str, severity: str, text_stays: bool) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from otelgate import _scrub

    record = LogRecord(body="words", severity_number=SeverityNumber[severity], attributes={"code.line.number": 7})
    (sent,) = _scrub.logs([ReadableLogRecord(record, Resource({}), InstrumentationScope(logger))])
    assert (sent.log_record.body, sent.log_record.attributes) == (
        "words" if text_stays else None,
        {"code.line.number": 7},
    )


def test_metadata() -> None:
    assert _content.metadata('{"langgraph_node": "a", "langgraph_step": 2, "user_note": "x"}') == (
        '{"langgraph_node": "a", "langgraph_step": 2}'
    )
    assert _content.metadata('{"langgraph_node": {"nested": "x"}}') == ""
    assert _content.metadata("no JSON") == ""
    assert _content.metadata('["x"]') == ""


def test_stacktrace_keeps_frames_only() -> None:
    try:
        raise ValueError('secret\n  File "secret.py", line 1, in secret')
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    (line,) = _content.stacktrace(text).splitlines()
    assert line.startswith(f'File "{__file__}", line ')
    assert line.endswith(", in test_stacktrace_keeps_frames_only")
    assert _content.stacktrace(None) == ""


def test_uncleanable_span_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from otelgate import _scrub

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug")

    span = ReadableSpan("a", resource=Resource({}))
    assert [cleaned.name for cleaned in _scrub.spans([span], content=False)] == ["a"]
    monkeypatch.setattr(_content, "attributes", broken)
    assert _scrub.spans([span], content=False) == []


def test_openinference_has_the_functions_that_are_skipped() -> None:
    from openinference.instrumentation.langchain import _tracer
    from otelgate import _langchain

    assert [name for name in _langchain._CONTENT_FUNCTIONS if not callable(getattr(_tracer, name, None))] == []
