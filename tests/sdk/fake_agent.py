"""A LangGraph agent whose model is fake but streams, for programs that the tests run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel, agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


class FakeModel(BaseChatModel):
    """Asks for a tool, then answers; the first chunk comes after `first_s`, the others `gap_s` apart (seconds)."""

    first_s: float = 0.0
    gap_s: float = 0.0
    tool_name: str = ""
    tool_args: str = "{}"
    answer: str = "All is well ."
    error: str = ""

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "fake", "ls_model_name": "fake-1", "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=[tool.description for tool in tools])

    def _chunks(self, messages: list[BaseMessage]) -> list[ChatGenerationChunk]:
        if self.error:
            raise RuntimeError(self.error)
        if self.tool_name and not isinstance(messages[-1], ToolMessage):
            call = {"name": self.tool_name, "args": self.tool_args, "id": "call-1", "index": 0}
            chunks = [AIMessageChunk(content="", tool_call_chunks=[call])]
        else:
            chunks = [AIMessageChunk(content=word + " ") for word in self.answer.split()]
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        chunks.append(AIMessageChunk(content="", usage_metadata=usage, response_metadata={"finish_reason": "stop"}))
        return [ChatGenerationChunk(message=chunk) for chunk in chunks]

    def _delay(self, index: int) -> float:
        return self.gap_s if index else self.first_s

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for index, chunk in enumerate(self._chunks(messages)):
            time.sleep(self._delay(index))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for index, chunk in enumerate(self._chunks(messages)):
            await asyncio.sleep(self._delay(index))
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager))

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager))


def graph(model: FakeModel, tools: list[Any]) -> Any:
    """Model and tools in a loop, streaming."""
    bound = model.bind_tools(tools) if tools else model

    def call(state: MessagesState) -> dict[str, Any]:
        chunks = list(bound.stream(state["messages"]))
        message = chunks[0]
        for chunk in chunks[1:]:
            message += chunk
        return {"messages": [message]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", call)
    builder.add_edge(START, "model")
    if tools:
        builder.add_node("tools", ToolNode(tools))
        builder.add_conditional_edges("model", tools_condition)
        builder.add_edge("tools", "model")
    return builder.compile()
