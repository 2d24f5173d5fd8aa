"""A chat model without a network: it streams, counts tokens and calls tools, and says what a script tells it to.

It goes by the name of a model that has a price, so that the demo shows what answers would cost; nothing is asked of
anyone, and nothing is paid. Swap it for `ChatOpenAI` or `ChatAnthropic`: the agent doesn't notice the difference.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolCallChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict, Field

Reply = str | list[ToolCall]
"""A model's answer: a text, or the tools to call."""


class FakeChatModel(BaseChatModel):
    """Streams the words that `script` chooses for the messages so far."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    script: Callable[[Sequence[BaseMessage]], Reply]
    provider: str = "openai"
    model: str = "gpt-4o-mini"
    """Borrowed names, for the price."""
    first_token_s: float = 0.2
    """Mean wait for the first token, in seconds; each call waits half to one and a half of it."""
    tokens_per_s: float = 100.0
    rng: random.Random = Field(default_factory=lambda: random.Random(0))

    @property
    def _llm_type(self) -> str:
        return "fake-chat"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider=self.provider, ls_model_name=self.model, ls_model_type="chat")

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The script knows the tools already; a real model would get them here."""
        return self.bind(**kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        time.sleep(self.first_token_s * self.rng.uniform(0.5, 1.5))
        output_tokens = 0
        for chunk in _chunks(self.script(messages)):
            if output_tokens:
                time.sleep(1 / self.tokens_per_s)
            output_tokens += 1
            generation = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=generation)
            yield generation
        input_tokens = sum(len(str(message.content).split()) for message in messages)
        usage = UsageMetadata(
            input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens
        )
        metadata = {"model_name": self.model, "finish_reason": "stop"}
        yield ChatGenerationChunk(
            message=AIMessageChunk(content="", usage_metadata=usage, response_metadata=metadata, chunk_position="last")
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        chunks = [chunk.message for chunk in self._stream(messages, stop)]
        whole = sum(chunks[1:], start=chunks[0])
        return ChatResult(generations=[ChatGeneration(message=whole)])


def _chunks(reply: Reply) -> Iterator[AIMessageChunk]:
    """The reply as a provider streams it: a word at a time, or a tool call at a time."""
    if isinstance(reply, str):
        for word in reply.split(" "):
            yield AIMessageChunk(content=word + " ")
        return
    for index, call in enumerate(reply):
        args = json.dumps(call["args"])
        tool_call = ToolCallChunk(name=call["name"], args=args, id=call["id"], index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[tool_call])
