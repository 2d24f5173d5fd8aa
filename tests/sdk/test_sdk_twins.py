"""A model call that LangChain and a provider's package both trace is one call: LangChain's span is counted."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
import wrapt
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from opentelemetry import trace
from otelgate import _anthropic, _twins
from traced_runs import Runs

DUPLICATE = "otelgate.duplicate_of"
STARTS = [
    {"gen_ai.operation.name": "chat"},
    {"openinference.span.kind": "LLM"},
    {"llm.request.type": "chat"},
]
"""Attributes of providers' instrumentations at the start of their spans."""


class Model(BaseChatModel):
    """Its provider's package traces each call, and says what `provider` has as the call ends."""

    attributes: dict[str, Any] = STARTS[0]
    provider: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    asks: Any = None

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _trace(self) -> None:
        span = trace.get_tracer("provider").start_span("request", attributes=self.attributes)
        span.set_attributes(self.provider or {})
        span.end()

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        if self.asks:
            self.asks()
        else:
            self._trace()
        message = AIMessage("a", usage_metadata=self.usage)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        self._trace()
        yield ChatGenerationChunk(message=AIMessageChunk("a"))


def ids(runs: Runs, name: str) -> list[str]:
    return [format(span.context.span_id, "016x") for span in runs.named(name) if span.context]


def marks(runs: Runs, name: str) -> list[Any]:
    return [(span.attributes or {}).get(DUPLICATE) for span in runs.named(name)]


@pytest.mark.parametrize("attributes", STARTS)
def test_a_provider_s_span_is_marked_as_the_twin_of_langchain_s(runs: Runs, attributes: dict[str, Any]) -> None:
    model = Model(attributes=attributes)
    model.invoke("hi")
    list(model.stream("hi"))
    model.batch(["a", "b"])
    assert sorted(marks(runs, "request")) == sorted(ids(runs, "Model"))
    assert set(marks(runs, "Model")) == {None}


def test_other_spans_within_a_call_are_no_twins(runs: Runs) -> None:
    Model(attributes={"http.request.method": "POST"}).invoke("hi")
    assert marks(runs, "request") == [None]


def test_model_call_within_tool_is_not_a_twin(runs: Runs) -> None:
    @tool
    def ask() -> str:
        """Ask a provider without LangChain."""
        Model()._trace()
        return ""

    Model(asks=lambda: ask.invoke({})).invoke("hi")
    assert runs.parents("request") == ["ask"]
    assert marks(runs, "request") == [None]


def test_nested_model_calls_count_once(runs: Runs) -> None:
    class Router(Model):
        pass

    inner = Model(provider={"gen_ai.usage.input_tokens": 7, "llm.token_count.prompt": 7, "note": "x", "other": 3})
    Router(asks=lambda: [inner.invoke("a"), inner.invoke("b")]).invoke("hi")
    assert marks(runs, "Model") == ids(runs, "Router") * 2
    assert set(marks(runs, "request")) == set(ids(runs, "Model"))
    (router,) = runs.named("Router")
    attributes = router.attributes or {}
    assert (attributes["gen_ai.usage.input_tokens"], attributes["llm.token_count.prompt"]) == (14, 14)
    assert not {"note", "other", DUPLICATE} & set(attributes)


def test_langchain_s_own_numbers_come_before_its_twin_s(runs: Runs) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    Model(usage=usage, provider={"llm.token_count.prompt": 99, "anthropic.usage.x": 4}).invoke("hi")
    (span,) = runs.named("Model")
    attributes = span.attributes or {}
    assert (attributes["llm.token_count.prompt"], attributes["anthropic.usage.x"]) == (10, 4)


def test_old_twin_usage_is_evicted(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_twins, "_MAX_CALLS", 2)
    for number in range(5):
        runs.tracer().start_span("twin", attributes={DUPLICATE: f"{number:016x}", "gen_ai.usage.x": 1}).end()
    assert list(_twins._usage) == [f"{number:016x}" for number in (3, 4)]
    _twins._usage.clear()


class Manager:
    """Anthropic's stream helper in short: the request is sent on entry."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs

    def __enter__(self) -> Manager:
        self.runs.touch("request")
        return self

    def __exit__(self, *error: object) -> None:
        pass

    async def __aenter__(self) -> Manager:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        pass


async def test_a_stream_helper_sends_its_request_within_the_span_around_its_making(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = types.ModuleType("anthropic.lib.streaming._messages")
    module.MessageStreamManager = type("Sync", (Manager,), {})
    module.AsyncMessageStreamManager = type("Async", (Manager,), {})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    _anthropic.install()
    wrapt.notify_module_loaded(module)
    with trace.use_span(instrumentation := runs.tracer().start_span("instrumentation")):
        made, made_async = module.MessageStreamManager(runs), module.AsyncMessageStreamManager(runs)
    with made:
        assert not trace.get_current_span().get_span_context().is_valid
    async with made_async:
        pass
    instrumentation.end()
    with made:
        pass
    assert runs.parents("request") == ["instrumentation"] * 2 + [None], "a span that has ended is no span's parent"
