"""Which attributes may carry message content, and what is left of them when content is off.

The spans and log records of all GenAI instrumentations go through an allow-list: names, ids and counts stay, and an
unknown name is removed since it may hold a prompt. All others go through a deny-list of the names under
which the known dialects send prompts, completions, tool arguments and documents.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import names
from ._mapped import MAPPED

METADATA_KEYS = (
    "lc_agent_name",
    "langgraph_node",
    "langgraph_step",
    "ls_model_name",
    "ls_model_type",
    "ls_provider",
)
"""Keys of OpenInference's `metadata` JSON that stay: identifiers that LangChain writes, none that a user did."""

_ALLOWED = re.compile(
    r"""
    # Attributes that any span may carry
    (session|user|enduser|thread|log\.record)\.(id|name|uid) | error\.type | exception\.(type|escaped) | event\.name
    | (service|telemetry|deployment|cloud|host|container|k8s|code|network|server|peer|net\.peer|process\.runtime)\..+
    | otel(ServiceName|TraceID|SpanID|TraceSampled) | (trace|span)_id
    | http\.(request\.method|response\.status_code|route|method|status_code) | url\.(scheme|path)
    | (rpc|mcp)\.(system|service|method|tool)(\.name)? | mcp\.(session\.id|protocol\.version) | jsonrpc\.request\.id
    | messaging\.(system|operation\.(name|type)|message\.(id|conversation_id))
    | db\.(system|operation|collection)(\.name)? | db\.(namespace|response\.status_code)
    | otelgate\.(?!feedback\.comment).+
    # Semantic conventions, and what their instrumentations add to them
    | gen_ai\.(operation\.name|provider\.name|system|conversation\.id|output\.type|data_source\.id|token\.type)
    | gen_ai\.agent\.(name|id|version) | gen_ai\.tool\.(name|type|call\.id)
    | gen_ai\.(task|workflow)\.(name|id|parent\.id|status|type) | gen_ai\.evaluation\.(name|score\.label)
    | gen_ai\.prompt\.(name|version) | gen_ai\.(framework|environment|application_name|endpoint|sdk\.version|user)
    | gen_ai\.request\.(model|service_tier|encoding_formats|user|type)
    | gen_ai\.response\.(id|model|finish_reasons?|stop_reason|service_tier|time_to_first_chunk)
    | (gen_ai\.)?openai\.((request|response)\.service_tier|response\.system_fingerprint|api[._](base|type|version))
    | gen_ai\.usage\..+ | aws\.(region|request_id|bedrock\.(guardrail|knowledge_base|agent)\.id)
    # OpenInference
    | openinference\.span\.kind | llm\.(model_name|provider|system|finish_reason) | llm\.(token_count|cost)\..+
    | (embedding|reranker)\.(model_name|top_k) | retrieval\.documents\.\d+\.document\.(id|score)
    | tool\.(name|id) | tool_call\.id | agent\.name | graph\.node\.(id|name|parent_id)
    # Traceloop
    | llm\.(vendor|user|request\.(type|model|model_name)|response\.(id|model|model_name|finish_reason|stop_reason))
    | traceloop\.(span\.kind|entity\.(name|path|version)|workflow\.name)
    | (traceloop\.association\.properties|langsmith\.metadata)\.(
        (session|thread|user|conversation)_id | ls_(provider|model_name|model_type|retriever_name|integration)
        | lc_agent_name | langgraph_(node|step) | usage_metadata
      )
    # Langfuse, LangSmith, MLflow, Logfire, ADK, CrewAI
    | langfuse\.(environment|release|version|(trace|session|user)\.(id|name)|prompt\.(name|version))
    | langfuse\.observation\.(type|level|model\.name|(usage|cost)_details|completion_start_time|prompt\.(name|version))
    | langsmith\.(span\.(kind|id|parent_id|dotted_order)|trace\.(id|name|session_(id|name))|usage_metadata)
    | mlflow\.(spanType|spanFunctionName|traceRequestId|experimentId|chat\.tokenUsage|llm\.(model|provider|cost))
    | logfire\.span_type | agent_name | model_name | gcp\.vertex\.agent\.(invocation|session|event|tool_call)_id
    | crew_(key|id) | task_(key|id) | crewai_version | python_version
    """,
    re.VERBOSE,
)
"""Names, ids and counts besides MAPPED: what stays on the spans and log records of GenAI instrumentations.

Numbers stay anyway."""

_DENIED = re.compile(
    r"""
    gen_ai\.(input|output)\.messages(\..+)? | gen_ai\.system_instructions
    | gen_ai\.(prompt|completion|content|choice|event\.content)(?!\.(name|version)$)(\..+)?
    | gen_ai\.(task|workflow|agent|step|framework|chain|request|response)\.(input|output|description|messages?)s?(\..+)?
    | gen_ai\.tool\.(definitions|description|parameters|args|arguments|input|output|result|call\.(arguments|result))
    | gen_ai\.(retrieval\.(documents|query)(\..+)?|evaluation\.explanation)
    | gen_ai\.(system|user|assistant|tool)\.message(\..+)?
    | llm\.(prompts?|completions?|choices|input_messages|output_messages|messages|tools|functions)(\..+)?
    | llm\.(invocation_parameters|function_call|prompt_template(\..+)?|request\.functions(\..+)?)
    | (input|output)\.(value|mime_type|images?(\..+)?)
    | message(s|\.content|\.contents)?(\..+)? | document\.(content|metadata)
    | retrieval\.documents(\..+)? | reranker\.(query|input_documents|output_documents)(\..+)?
    | embedding\.(embeddings|text|vector)(\..+)?
    | tool\.(description|parameters|json_schema|input|output|arguments|result)
    | tool_call\.function\.arguments | tool_(arguments|response|input|output) | tag\.tags
    | traceloop\.(entity\.(input|output)|prompt\..+)
    | db\.(query|search)\.(embeddings|result)(\..+)?
    | all_messages_events | final_result | prompt | completion | response\.content
    | otelgate\.feedback\.comment
    | langfuse\..*(input|output|metadata|status_message)(\..+)? | ai\.(prompt|response|toolCall\.(args|result)).*
    | mlflow\.(span(Inputs|Outputs)|chat\.tools|trace(Inputs|Outputs)) | status_message
    | gcp\.vertex\.agent\.(llm_(request|response)|tool_(call_args|response)|data) | logfire\.(msg|json_schema)
    """,
    re.VERBOSE,
)

_GENERATIVE_SCOPES = re.compile(
    r"""
    (openinference|openlit|traceloop|langfuse|langsmith|mlflow|logfire|pydantic[-_]ai|strands|haystack|llama_?index)\b.*
    | (crewai|autogen([-_](core|agentchat|ext))?|agent_framework|semantic_kernel|dspy|smolagents|litellm|agno)\b.*
    | (openai[._]agents|google[_.]adk|gcp\.vertex\.agent|com\.anthropic|langchain_(core|community)|mcp)\b.*
    | opentelemetry\.instrumentation\.(genai|.*openai|anthropic|bedrock|.*bedrock|cohere|crewai|google_gen|groq|haystack
        |langchain|llama_?index|mcp|mistral|ollama|vertexai|agno|together|replicate|watsonx|writer|alephalpha|transformers
        |sagemaker|.*agents|decorators).*
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Scopes of GenAI instrumentations, and loggers of frameworks that print prompts at INFO."""

_SPEAK_OF_THEMSELVES = re.compile(r"(langfuse|langsmith|mlflow|logfire|litellm|mcp|com\.anthropic)\b.*", re.IGNORECASE)
"""Scopes of such spans whose namesakes among the loggers say how the library itself does, above debug level."""

_GENERATIVE_KEYS = re.compile(
    r"""
    gen_ai\.(operation\.name|system.*|provider\.name) | openinference\..+ | (llm|input|output)\.[\w.]+
    | gen_ai\.(request|response|input|output|prompt|completion|content|tool|usage|retrieval|evaluation|task)\..+
    | traceloop\.(span\.kind|entity\.(input|output|name)) | (langfuse\.observation|langsmith\.span)\..+
    | mlflow\.span.+ | ai\.(prompt|operationId).*
    """,
    re.VERBOSE,
)
"""A span with one of these is a GenAI instrumentation's. Not here: what SDKs put on every span inside of an agent."""

_EXCEPTION_TEXT = frozenset((names.EXCEPTION_MESSAGE, names.EXCEPTION_STACKTRACE))
_FRAME = re.compile(r'^ *File "([^"\n]+)", line (\d+), in ([\w.<>]+)$', re.MULTILINE)
_MAX_FRAMES = 50

# Client libraries of model providers, which log whole requests at debug level.
_CHATTY = frozenset(
    """
    anthropic boto3 botocore cohere google google_genai groq httpcore httpx langchain langchain_core langgraph langsmith
    litellm mistralai ollama openai urllib3
    """.split()  # noqa: SIM905
)


@functools.lru_cache(maxsize=4096)
def allowed(key: str) -> bool:
    """Whether an attribute of a GenAI instrumentation's span may stay."""
    return key in MAPPED or _ALLOWED.fullmatch(key) is not None


@functools.lru_cache(maxsize=4096)
def denied(key: str) -> bool:
    """Whether an attribute of any other span, event or log record must go."""
    return _DENIED.fullmatch(key) is not None


def is_generative(scope: str, attributes: Iterable[str] = ()) -> bool:
    """Whether a span or record is a GenAI instrumentation's: by its scope, or else by the names of its attributes.

    Attributes that the application itself sets on the SDK's own spans and events stay, as on any other.
    """
    return scope != names.SCOPE and (_is_generative_scope(scope) or any(map(_is_generative_key, attributes)))


@functools.lru_cache(maxsize=1024)
def _is_generative_scope(scope: str) -> bool:
    return _GENERATIVE_SCOPES.fullmatch(scope) is not None


@functools.lru_cache(maxsize=4096)
def _is_generative_key(key: str) -> bool:
    return _GENERATIVE_KEYS.fullmatch(key) is not None


def prints_prompts(logger_name: str) -> bool:
    """Whether the text of a logger's lines, at any level, may be a prompt or an answer."""
    return _is_generative_scope(logger_name) and _SPEAK_OF_THEMSELVES.fullmatch(logger_name) is None


def is_chatty(logger_name: str) -> bool:
    """Whether a logger belongs to a library that logs requests to models at debug level."""
    return logger_name.partition(".")[0] in _CHATTY


def attributes(source: Mapping[str, Any] | None, *, strict: bool) -> dict[str, Any]:
    """A copy of `source` without content; `strict` takes the allow-list, else the deny-list."""
    kept: dict[str, Any] = {}
    for key, value in (source or {}).items():
        if key == names.OPENINFERENCE_METADATA:
            if reduced := metadata(value):
                kept[key] = reduced
        elif key in _EXCEPTION_TEXT:
            if key == names.EXCEPTION_STACKTRACE and (frames := stacktrace(value)):
                kept[key] = frames
        elif (allowed(key) or isinstance(value, int | float)) if strict else not denied(key):
            kept[key] = value
    return kept


def metadata(value: object) -> str:
    """OpenInference's metadata JSON reduced to `METADATA_KEYS`; empty when nothing is left."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return ""
    if not isinstance(parsed, Mapping):
        return ""
    kept = {key: parsed[key] for key in METADATA_KEYS if isinstance(parsed.get(key), str | int)}
    return json.dumps(kept) if kept else ""


@functools.lru_cache(maxsize=4096)
def _is_source(path: str) -> bool:
    return path.startswith("<frozen ") or os.path.isfile(path)


def stacktrace(value: object) -> str:
    """A stack trace reduced to its frames: no source lines, no messages.

    A message may itself look like a frame, so a frame counts only when its file exists.
    """
    if not isinstance(value, str):
        return ""
    frames = [match.expand(r'File "\1", line \2, in \3') for match in _FRAME.finditer(value) if _is_source(match[1])]
    return "\n".join(frames[-_MAX_FRAMES:])
