"""The places of content in the dialects: names of attributes, and texts that hold one inside another.

The names come from the packages that define them, where these are installed, so that a new one is seeded before
it is listed here. `HARMLESS` are those that say who or how, never what: ids, names of models, tools and agents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message
from openinference.semconv import trace as openinference
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.semconv._incubating.attributes import (
    db_attributes,
    exception_attributes,
    gen_ai_attributes,
    graphql_attributes,
    http_attributes,
    process_attributes,
    url_attributes,
)

if TYPE_CHECKING:
    from leaks import Seeder

TRACELOOP = """
    gen_ai.prompt.0.content gen_ai.prompt.0.tool_calls.0.arguments gen_ai.completion.0.content
    gen_ai.completion.0.tool_calls.0.arguments llm.prompts llm.completions llm.request.functions.0.description
    llm.request.functions.0.parameters traceloop.entity.input traceloop.entity.output traceloop.prompt.template
    traceloop.prompt.template_variables.x traceloop.association.properties.note db.search.embeddings.0.vector
    db.query.result.0.document db.search.result.entity
""".split()  # noqa: SIM905

OPENLIT = """
    gen_ai.content.prompt gen_ai.content.completion gen_ai.content.reasoning gen_ai.content.revised_prompt
    gen_ai.event.content gen_ai.tool.parameters gen_ai.request.tools gen_ai.framework.context.0 db.statement
""".split()  # noqa: SIM905

OPENINFERENCE = """
    llm.input_messages.0.message.content llm.input_messages.0.message.contents.0.message_content.text
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments llm.tools.0.tool.json_schema
    retrieval.documents.0.document.content retrieval.documents.0.document.metadata llm.prompts.0.prompt.text
    embedding.embeddings.0.embedding.text reranker.input_documents.0.document.content metadata input.value output.value
""".split()  # noqa: SIM905

OTHERS = """
    langfuse.observation.input langfuse.trace.output ai.prompt.messages ai.response.text ai.toolCall.args
    all_messages_events final_result tool_arguments tool_response otelgate.feedback.comment customer_question userPrompt
    my.vendor.chat_text http.request.header.authorization
""".split()  # noqa: SIM905

HARMLESS = frozenset(
    """
    agent.name decision.model_name decision.provider decision.request.model_name decision.response.model_name
    decision.system document.id embedding.model_name graph.node.id graph.node.name graph.node.parent_id
    llm.finish_reason llm.model_name llm.provider llm.request.model_name llm.response.model_name llm.system
    openinference.span.kind reranker.model_name session.id tool.id tool.name tool_call.function.name tool_call.id
    user.id
    gen_ai.agent.id gen_ai.agent.name gen_ai.agent.version gen_ai.conversation.id gen_ai.data_source.id
    gen_ai.evaluation.name gen_ai.evaluation.score.label gen_ai.openai.request.service_tier
    gen_ai.openai.response.service_tier gen_ai.openai.response.system_fingerprint gen_ai.operation.name
    gen_ai.output.type gen_ai.provider.name gen_ai.request.encoding_formats gen_ai.request.model
    gen_ai.response.finish_reasons gen_ai.response.id gen_ai.response.model gen_ai.system gen_ai.token.type
    gen_ai.tool.call.id gen_ai.tool.name gen_ai.tool.type gen_ai.workflow.name
    exception.type exception.escaped
    """.split()  # noqa: SIM905
)

FREE_TEXT = {
    "db.query.text": db_attributes,
    "exception.message": exception_attributes,
    "exception.stacktrace": exception_attributes,
    "graphql.document": graphql_attributes,
    "http.url": http_attributes,
    "process.command_line": process_attributes,
    "url.full": url_attributes,
    "url.query": url_attributes,
}
"""Names outside GenAI under which the conventions let free text travel; with the module that must know them."""


def _constants(source: Any) -> Iterator[str]:
    for name, value in vars(source).items():
        if name.isupper() and isinstance(value, str) and "." in value:
            yield value


def names() -> list[str]:
    """Every attribute name under which some dialect may send content, sorted."""
    found = {*TRACELOOP, *OPENLIT, *OPENINFERENCE, *OTHERS, *FREE_TEXT, *_constants(gen_ai_attributes)}
    for value in vars(openinference).values():
        if isinstance(value, type) and value.__module__ == openinference.__name__:
            found.update(_constants(value))
    return sorted(name for name in found if name not in HARMLESS)


def check_free_text() -> list[str]:
    """Names of `FREE_TEXT` that the conventions' module no longer has."""
    known: dict[ModuleType, set[str]] = {module: set(_constants(module)) for module in FREE_TEXT.values()}
    return [name for name, module in FREE_TEXT.items() if name not in known[module]]


def attributes(target: Any, seeder: Seeder, path: str) -> None:
    """Under each name a string, and an array of strings under every third."""
    for index, name in enumerate(names()):
        pair = KeyValue(key=name)
        if index % 3:
            pair.value.string_value = _inside(name, seeder.secret(f"{path}[{name}]"))
        else:
            pair.value.array_value.values.add().string_value = seeder.secret(f"{path}[{name}][]")
        target.append(pair)


def _inside(name: str, secret: str) -> str:
    """The text in which such an attribute would have the secret."""
    if name in ("url.full", "http.url"):
        return f"https://shop.example/search?q={secret}"
    if name == "metadata":
        return json.dumps({"ls_provider": "openai", "langgraph_node": "search", "note": secret})
    if name == "exception.stacktrace":
        return (
            "Traceback (most recent call last):\n"
            f'  File "/app/shop.py", line 7, in search\n    raise ValueError("{secret}")\nValueError: {secret}\n'
            f'Traceback (most recent call last):\n  File "{secret}", line 1, in {secret}\n'
        )
    return secret


SCOPES = ("shop", "openinference.instrumentation.langchain", "opentelemetry.instrumentation.openai")


def add(requests: dict[str, Message], seeder: Seeder) -> None:
    """Spans, events and log records of the dialects, in the hands of several instrumentations."""
    traces: Any = requests["traces"]
    logs: Any = requests["logs"]
    for scope in SCOPES:
        spans = traces.resource_spans.add().scope_spans.add()
        records = logs.resource_logs.add().scope_logs.add()
        spans.scope.name = records.scope.name = scope
        span = spans.spans.add(name="chat gpt-4.1-mini")
        seeder.frame(span)
        attributes(span.attributes, seeder, f"traces/{scope}/attributes")
        if scope == "shop":
            event = span.events.add(name="exception")
            attributes(event.attributes, seeder, f"traces/{scope}/events.attributes")
        span.status.code = 2
        span.status.message = f"ValueError('{seeder.secret(f'traces/{scope}/status.message')}')"
        record = records.log_records.add(event_name="gen_ai.client.inference.operation.details")
        seeder.frame(record)
        attributes(record.attributes, seeder, f"logs/{scope}/attributes")
        record.body.string_value = seeder.secret(f"logs/{scope}/gen_ai body")
    lines: Any = logs.resource_logs.add().scope_logs.add()
    lines.scope.name = "shop"
    for key in ("prompt", "question", "user_message", "output"):
        line = lines.log_records.add()
        seeder.frame(line)
        line.body.string_value = json.dumps({"level": "info", key: seeder.secret(f"logs/JSON line[{key}]"), "ms": 3})
        nested = {"level": "info", "data": {"deep": [{key: seeder.secret(f"logs/JSON line[data.deep.{key}]")}]}}
        line = lines.log_records.add()
        seeder.frame(line)
        line.body.string_value = json.dumps(nested)
    requested: Any = logs.resource_logs.add().scope_logs.add()
    requested.scope.name = "openai._base_client"
    line = requested.log_records.add()
    seeder.frame(line)
    line.severity_number = 5
    line.body.string_value = f"Request options: {seeder.secret('logs/request at DEBUG')}"
