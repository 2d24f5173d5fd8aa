"""Which attributes may carry message content, and what is left of them when content is off.

OpenInference's spans go through an allow-list: most of what they hold is content. Everybody else's go through a
deny-list of the names under which the known dialects send prompts, completions, tool arguments and documents.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from . import names

METADATA_KEYS = (
    "lc_agent_name",
    "langgraph_node",
    "langgraph_step",
    "ls_model_name",
    "ls_model_type",
    "ls_provider",
)
"""What stays of OpenInference's `metadata` JSON: identifiers that LangChain writes, nothing that a user did."""

_ALLOWED = re.compile(
    r"""
    openinference\.span\.kind
    | llm\.(model_name|provider|system|finish_reason)
    | llm\.(token_count|cost)\..+
    | (embedding|reranker)\.(model_name|top_k)
    | retrieval\.documents\.\d+\.document\.(id|score)
    | tool\.(name|id) | tool_call\.id
    | agent\.name | graph\.node\.(id|name|parent_id)
    | session\.id | user\.id | error\.type | exception\.(type|escaped)
    | gen_ai\.(operation\.name|provider\.name|system|conversation\.id|output\.type|data_source\.id)
    | gen_ai\.(agent\.(name|id)|tool\.(name|type|call\.id)|request\.model)
    | gen_ai\.response\.(id|model|finish_reasons|time_to_first_chunk)
    | gen_ai\.usage\..+ | openai\.response\.service_tier
    | otelgate\.(?!feedback\.comment).+
    """,
    re.VERBOSE,
)

_DENIED = re.compile(
    r"""
    gen_ai\.(input|output)\.messages(\..+)? | gen_ai\.system_instructions
    | gen_ai\.(prompt|completion|content|choice|event\.content)(\..+)?
    | gen_ai\.tool\.(definitions|description|parameters|call\.(arguments|result))
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
    | langfuse\..*(input|output|metadata)(\..+)? | ai\.(prompt|response|toolCall\.(args|result)).*
    """,
    re.VERBOSE,
)

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
    """Whether an attribute of an OpenInference span may stay."""
    return _ALLOWED.fullmatch(key) is not None


@functools.lru_cache(maxsize=4096)
def denied(key: str) -> bool:
    """Whether an attribute of any other span, event or log record must go."""
    return _DENIED.fullmatch(key) is not None


@functools.lru_cache(maxsize=1024)
def is_generative(scope: str) -> bool:
    """Whether an instrumentation scope is OpenInference's."""
    return scope.startswith(names.OPENINFERENCE_SCOPE)


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
