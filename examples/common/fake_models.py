"""Models without a network: they stream, count tokens, call tools, fail on demand, and say what a script tells them to.

They go by the names of models that have a price, so that dashboards show what the answers would cost; nothing is asked
of anyone, and nothing is paid. The same seed and the same messages give the same answer, tokens and waits, in any
thread and in any order. Swap them for `ChatAnthropic` or `OpenAIEmbeddings`: the agents don't notice.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolCallChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from opentelemetry import trace
from otelgate.names import (
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_USAGE_INPUT_TOKENS,
)
from pydantic import ConfigDict, Field

from .faults import Faults

Reply = str | list[ToolCall]
"""A model's answer: a text, or the tools to call."""

WORDS_PER_CHUNK = 4
_TOKENS_PER_WORD = 1.35
_TOKENS_PER_MESSAGE = 6
_COST_SPIKE = 60


class OverloadedError(Exception):
    """The model's server has too much to do (HTTP 529)."""


class ModelTimeoutError(TimeoutError):
    """The model's server did not answer in time."""


class Plan(NamedTuple):
    """The plan of one call: tokens, waits in seconds, and whether it fails."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    first_token_s: float
    duration_s: float
    error: Exception | None


@dataclass(frozen=True)
class Profile:
    """A model as its users know it. `speed` divides every wait: 20 makes a test of a slow model quick."""

    model: str
    provider: str
    first_token_s: float = 0.5
    """The mean; each call waits half to one and a half of it."""
    tokens_per_s: float = 80.0
    instruction_tokens: int = 1200
    """System prompt and descriptions of tools: in every prompt."""
    cached: float = 0.0
    """Share of the instructions that comes from the provider's cache."""
    reasoning_tokens: int = 0
    """Thought before the first word, on average."""
    errors: float = 0.0
    """Share of the calls that fail on an ordinary day."""

    def plan(self, seed: str, prompt: int, reply: int, faults: Faults, speed: float = 1.0) -> Plan:
        """A call with so many tokens of prompt and reply; the same seed gives the same plan."""
        draw = random.Random(f"{self.model} {seed}")
        wait, think, luck = draw.uniform(0.5, 1.5), draw.uniform(0.5, 1.5), draw.random()
        instructions = self.instruction_tokens * (_COST_SPIKE if faults("cost_spike") else 1)
        reasoning = round(self.reasoning_tokens * think)
        first = self.first_token_s * wait + reasoning / self.tokens_per_s + (8.0 if faults("slow_model") else 0.0)
        rate = self.tokens_per_s / (10 if faults("slow_model") else 1)
        fails = luck < (0.5 if faults("model_errors") else self.errors)
        error = (OverloadedError("529 overloaded"), ModelTimeoutError("no answer within 60 s"))[luck * 1e6 % 2 > 1]
        return Plan(
            instructions + prompt,
            round(instructions * self.cached),
            reply + reasoning,
            reasoning,
            first / speed,
            (first + reply / rate) / speed,
            error if fails else None,
        )


class FakeChatModel(BaseChatModel):
    """Streams the words that `script` chooses for the messages so far.

    Telemetry sees `profile.model` and `profile.provider`, and the tokens of each call, cached and reasoning ones too.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    script: Callable[[Sequence[BaseMessage]], Reply]
    profile: Profile
    faults: Faults = Field(default_factory=Faults)
    seed: str = "0"
    speed: float = 1.0

    @property
    def _llm_type(self) -> str:
        return "fake-chat"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(
            ls_provider=self.profile.provider, ls_model_name=self.profile.model, ls_model_type="chat"
        )

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The script knows the tools already; a real model would get them here."""
        return self.bind(**kwargs)

    def _begin(self, messages: Sequence[BaseMessage]) -> tuple[Plan, list[AIMessageChunk]]:
        """The plan for these messages, and what to stream. The reply's own tokens are paced, not counted twice."""
        reply = self.script(messages)
        words = reply if isinstance(reply, str) else json.dumps([call["args"] for call in reply])
        said = " ".join(str(message.content) for message in messages)
        prompt = tokens_of(said) + _TOKENS_PER_MESSAGE * len(messages)
        plan = self.profile.plan(
            f"{self.seed} {len(messages)} {said}", prompt, tokens_of(words), self.faults, self.speed
        )
        return plan, list(_chunks(reply))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        plan, chunks = self._begin(messages)
        time.sleep(plan.first_token_s)
        if plan.error:
            raise plan.error
        for index, chunk in enumerate(chunks):
            if index:
                time.sleep((plan.duration_s - plan.first_token_s) / len(chunks))
            generation = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=generation)
            yield generation
        yield self._last(plan)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        plan, chunks = self._begin(messages)
        await asyncio.sleep(plan.first_token_s)
        if plan.error:
            raise plan.error
        for index, chunk in enumerate(chunks):
            if index:
                await asyncio.sleep((plan.duration_s - plan.first_token_s) / len(chunks))
            generation = ChatGenerationChunk(message=chunk)
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.content), chunk=generation)
            yield generation
        yield self._last(plan)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        chunks = [chunk.message for chunk in self._stream(messages, stop)]
        return ChatResult(generations=[ChatGeneration(message=sum(chunks[1:], start=chunks[0]))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        chunks = [chunk.message async for chunk in self._astream(messages, stop)]
        return ChatResult(generations=[ChatGeneration(message=sum(chunks[1:], start=chunks[0]))])

    def _last(self, plan: Plan) -> ChatGenerationChunk:
        usage = UsageMetadata(
            input_tokens=plan.input_tokens,
            output_tokens=plan.output_tokens,
            total_tokens=plan.input_tokens + plan.output_tokens,
        )
        if plan.cached_tokens:
            usage["input_token_details"] = InputTokenDetails(cache_read=plan.cached_tokens)
        if plan.reasoning_tokens:
            usage["output_token_details"] = OutputTokenDetails(reasoning=plan.reasoning_tokens)
        metadata = {"model_name": self.profile.model, "finish_reason": "stop"}
        message = AIMessageChunk(content="", usage_metadata=usage, response_metadata=metadata, chunk_position="last")
        return ChatGenerationChunk(message=message)


class FakeEmbeddings(Embeddings):
    """Vectors from words: texts that share words are near each other. One span for each call, as providers' SDKs make.

    LangChain has no callback for embeddings, so the span is made here, in the words of the semantic conventions.
    """

    def __init__(
        self,
        model: str,
        provider: str,
        *,
        size: int = 64,
        duration_s: float = 0.03,
        speed: float = 1.0,
        faults: Faults | None = None,
    ) -> None:
        self.model, self.provider, self.size = model, provider, size
        self._duration_s, self._faults = duration_s / speed, faults or Faults()
        self._tracer = trace.get_tracer("examples.fake_models")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        with self._tracer.start_as_current_span(f"embeddings {self.model}", kind=trace.SpanKind.CLIENT) as span:
            span.set_attributes(
                {
                    GEN_AI_OPERATION_NAME: "embeddings",
                    GEN_AI_PROVIDER_NAME: self.provider,
                    GEN_AI_REQUEST_MODEL: self.model,
                    GEN_AI_RESPONSE_MODEL: self.model,
                    GEN_AI_USAGE_INPUT_TOKENS: sum(tokens_of(text) for text in texts),
                }
            )
            draw = random.Random(" ".join(texts))
            time.sleep(self._duration_s * draw.uniform(0.5, 1.5))
            if self._faults("model_errors") and draw.random() < 0.5:
                raise ModelTimeoutError("no embedding within 5 s")
            return [self._vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.size
        for word in text.lower().split():
            draw = random.Random(word.strip(".,?!"))
            for _ in range(4):
                vector[draw.randrange(self.size)] += draw.choice((-1.0, 1.0))
        length = math.sqrt(sum(value * value for value in vector)) or 1.0
        return [value / length for value in vector]


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return math.ceil(len(text.split()) * _TOKENS_PER_WORD)


def _chunks(reply: Reply) -> Iterator[AIMessageChunk]:
    """The reply as a provider streams it: a few words at a time, or a tool call at a time."""
    if isinstance(reply, str):
        words = reply.split(" ")
        for start in range(0, len(words), WORDS_PER_CHUNK):
            last = start + WORDS_PER_CHUNK >= len(words)
            yield AIMessageChunk(content=" ".join(words[start : start + WORDS_PER_CHUNK]) + ("" if last else " "))
        return
    for index, call in enumerate(reply):
        chunk = ToolCallChunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[chunk])
