"""Token details and tiers out of what LangChain's packages count today, as OpenInference's spans get them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from otelgate import _usage, names
from otlp_receiver import Receiver
from programs import Result

Counts = dict[str, Any]

CASES: dict[str, tuple[Counts, Counts, Counts, Counts]] = {
    "anthropic, kept for 5 minutes": (
        {"cache_read": 2_000, "cache_creation": 0, "ephemeral_5m_input_tokens": 10_000, "ephemeral_1h_input_tokens": 0},
        {},
        {},
        {names.LLM_CACHE_READ: 2_000, names.LLM_CACHE_WRITE: 10_000},
    ),
    "anthropic, kept for an hour": (
        {"cache_read": 2_000, "cache_creation": 0, "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 10_000},
        {},
        {},
        {names.LLM_CACHE_READ: 2_000, names.LLM_CACHE_WRITE: 10_000, names.OTELGATE_CACHE_WRITE_1H: 10_000},
    ),
    "anthropic, older": (
        {"cache_read": 7, "cache_creation": 5},
        {},
        {},
        {names.LLM_CACHE_READ: 7, names.LLM_CACHE_WRITE: 5},
    ),
    "openai, flex": (
        {"flex_cache_read": 800, "flex": 200},
        {"flex_reasoning": 40, "flex": 60},
        {},
        {names.LLM_CACHE_READ: 800, names.LLM_REASONING: 40, names.OPENAI_SERVICE_TIER: "flex"},
    ),
    "openai, priority": (
        {"priority_cache_read": 3, "priority_cache_creation": 2, "priority": 1},
        {},
        {"service_tier": "priority"},
        {names.LLM_CACHE_READ: 3, names.LLM_CACHE_WRITE: 2, names.OPENAI_SERVICE_TIER: "priority"},
    ),
    "openai, the default": (
        {"cache_read": 3},
        {},
        {"service_tier": "default"},
        {names.LLM_CACHE_READ: 3, names.OPENAI_SERVICE_TIER: "default"},
    ),
    "nothing told": ({}, {}, {}, {}),
    "no number": ({"cache_read": None}, {}, {}, {}),
}


@pytest.mark.parametrize(("read", "written", "metadata", "expected"), CASES.values(), ids=CASES.keys())
def test_details_are_what_the_provider_counted(
    read: Counts, written: Counts, metadata: Counts, expected: Counts
) -> None:
    usage = {"input_token_details": read, "output_token_details": written}
    message = {"kwargs": {"usage_metadata": usage, "response_metadata": metadata}}
    assert dict(_usage.details({"generations": [[{"message": message}]]})) == expected


@pytest.mark.parametrize(
    "outputs", [None, {}, {"generations": []}, {"generations": [[None]]}, {"generations": [[{"text": "a"}]]}]
)
def test_outputs_without_usage_tell_nothing(outputs: object) -> None:
    assert _usage.details(outputs) == ()


def test_spans_of_langchain_have_the_details(run: Callable[..., Result], receiver: Receiver) -> None:
    result = run(
        """
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
    from langchain_core.messages import AIMessage
    details = {"cache_read": 2000, "cache_creation": 0}
    details |= {"ephemeral_5m_input_tokens": 6000, "ephemeral_1h_input_tokens": 4000}
    usage = {"input_tokens": 12100, "output_tokens": 50, "total_tokens": 12150, "input_token_details": details}
    answer = AIMessage("yes", usage_metadata=usage, response_metadata={"service_tier": "standard"})
    FakeMessagesListChatModel(responses=[answer]).invoke("hi")
    """,
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
    )
    assert (result.status, result.stderr) == (0, "")
    (span,) = receiver.spans("FakeMessagesListChatModel")
    assert span.resource["otelgate.content"] == "true"
    wanted = {
        "llm.token_count.prompt": 12_100,
        names.LLM_CACHE_READ: 2_000,
        names.LLM_CACHE_WRITE: 10_000,
        names.OTELGATE_CACHE_WRITE_1H: 4_000,
        names.OPENAI_SERVICE_TIER: "standard",
    }
    assert {name: span.attributes.get(name) for name in wanted} == wanted


def test_without_content_the_sender_does_not_say_that_it_opted_in(
    run: Callable[..., Result], receiver: Receiver
) -> None:
    result = run("import otelgate; otelgate.init()\nwith otelgate.agent('a'): pass", instrument=False)
    assert (result.status, result.stderr) == (0, "")
    (span,) = receiver.spans()
    assert names.OTELGATE_CONTENT not in span.resource
