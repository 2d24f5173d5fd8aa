"""The recorded applications: LangGraph programs over a fake streaming model, on a clock that only they move.

They know nothing of instrumentation; `record.py` runs each of them under each instrumentor.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

FIRST_CHUNK_S = 0.4
CHUNK_S = 0.1
Sleep = Callable[[float], None]


class Model(BaseChatModel):
    """Asks for `tool_name` once, then answers; streams, reports cached and reasoning tokens, or fails."""

    sleep: Sleep
    tool_name: str = ""
    error: str = ""
    model_name: str = "gpt-4.1-mini"
    answer: str = "The flight to Oslo leaves at nine ."

    @property
    def _llm_type(self) -> str:
        return "openai-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "temperature": 0.2}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider="openai", ls_model_name=self.model_name, ls_model_type="chat")

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(**{key: value for key, value in kwargs.items() if key != "tool_choice" and value})

    def _reply(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if self.error:
            raise RuntimeError(self.error)
        if self.tool_name and not isinstance(messages[-1], ToolMessage):
            call = {"name": self.tool_name, "args": '{"question": "to Oslo"}', "id": "call-1", "index": 0}
            return [AIMessageChunk(content="", tool_call_chunks=[call])]
        return [AIMessageChunk(content=word + " ") for word in self.answer.split()]

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": 120,
            "output_tokens": 30,
            "total_tokens": 150,
            "input_token_details": {"cache_read": 64},
            "output_token_details": {"reasoning": 8},
        }

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.sleep(FIRST_CHUNK_S)
        for index, chunk in enumerate(self._reply(messages)):
            if index:
                self.sleep(CHUNK_S)
            generation = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=generation)
            yield generation
        response = {"model_name": self.model_name + "-2025-04-14", "finish_reason": "stop"}
        last = AIMessageChunk(content="", usage_metadata=self._usage(), response_metadata=response)
        yield ChatGenerationChunk(message=last, generation_info={"finish_reason": "stop"})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.sleep(1.0)
        reply = self._reply(messages)
        response = {"model_name": self.model_name + "-2025-04-14", "finish_reason": "stop"}
        message = AIMessage(
            content="".join(str(chunk.content) for chunk in reply),
            tool_calls=reply[0].tool_calls,
            usage_metadata=self._usage(),
            response_metadata=response,
        )
        generation = ChatGeneration(message=message, generation_info={"finish_reason": "stop"})
        return ChatResult(generations=[generation], llm_output={"model_name": self.model_name + "-2025-04-14"})


class Flights(BaseRetriever):
    """Two documents, after a delay."""

    sleep: Sleep

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.sleep(0.05)
        return [Document(page_content=f"SK{n} to Oslo", metadata={"row": n}) for n in (1, 2)]


def graph(sleep: Sleep) -> None:
    """A plain LangGraph loop of model and tool, streamed, with a retriever inside the tool."""
    flights = Flights(sleep=sleep)

    @tool
    def search_flights(question: str) -> str:
        """Search for flights."""
        sleep(0.2)
        return ", ".join(document.page_content for document in flights.invoke(question))

    model = Model(sleep=sleep, tool_name="search_flights")

    def call(state: MessagesState) -> dict[str, Any]:
        chunks = list(model.stream(state["messages"]))
        return {"messages": [sum(chunks[1:], start=chunks[0])]}

    builder = StateGraph(MessagesState)
    builder.add_node("model", call)
    builder.add_node("tools", ToolNode([search_flights]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    ask = {"messages": [("user", "When is the flight to Oslo?")]}
    builder.compile(name="travel").invoke(ask, {"configurable": {"thread_id": "thread-7"}})


def agent(sleep: Sleep) -> None:
    """`create_agent` with a name, and a tool whose name says "agent" though it is none; not streamed."""

    @tool
    def ask_agent_desk(question: str) -> str:
        """Ask the people at the desk."""
        sleep(0.2)
        return "Gate 4."

    made = create_agent(Model(sleep=sleep, tool_name="ask_agent_desk"), [ask_agent_desk], name="billing_bot")
    made.invoke({"messages": [("user", "Where do I pay?")]})


def team(sleep: Sleep) -> None:
    """A graph whose nodes are agents: a router, then a specialist with a tool that calls a third."""
    clerk = create_agent(Model(sleep=sleep, answer="Four ."), [], name="clerk")

    @tool
    def ask_clerk(question: str) -> str:
        """Ask the clerk."""
        return str(clerk.invoke({"messages": [("user", question)]})["messages"][-1].content)

    router = create_agent(Model(sleep=sleep, answer="To billing ."), [], name="router")
    specialist = create_agent(Model(sleep=sleep, tool_name="ask_clerk"), [ask_clerk], name="billing_bot")
    builder = StateGraph(MessagesState)
    builder.add_node("route", router)
    builder.add_node("work", specialist)
    builder.add_edge(START, "route")
    builder.add_edge("route", "work")
    builder.compile().invoke({"messages": [("user", "How much?")]})


def failures(sleep: Sleep) -> None:
    """A tool that raises, a model that raises, and a stream that is not read to its end."""

    @tool
    def pay(question: str) -> str:
        """Pay."""
        raise ValueError("card refused")

    failing = create_agent(Model(sleep=sleep, tool_name="pay"), [pay], name="cashier")
    _ignore(lambda: failing.invoke({"messages": [("user", "Pay.")]}))
    _ignore(lambda: Model(sleep=sleep, error="429 too many requests").invoke("hello"))
    stream = Model(sleep=sleep).stream("hello")
    next(stream)
    stream.close()  # type: ignore[attr-defined]


def _ignore(call: Callable[[], Any]) -> None:
    with contextlib.suppress(ValueError, RuntimeError):
        call()


def twice(sleep: Sleep) -> None:
    """ChatOpenAI over a fake of OpenAI's API: a provider's instrumentor sees each call as well."""
    import httpx
    from langchain_core.runnables import RunnableLambda
    from langchain_openai import ChatOpenAI

    base = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-08-06"}
    usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}

    class Chunks(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            sleep(FIRST_CHUNK_S)
            for text in ("At ", "nine."):
                choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
                yield _event({**base, "object": "chat.completion.chunk", "choices": [choice]})
                sleep(CHUNK_S)
            choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
            yield _event({**base, "object": "chat.completion.chunk", "choices": [choice]})
            yield _event({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
            yield b"data: [DONE]\n\n"

    def answer(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content).get("stream"):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Chunks())
        sleep(1.0)
        choice = {"index": 0, "message": {"role": "assistant", "content": "At nine."}, "finish_reason": "stop"}
        return httpx.Response(200, json={**base, "object": "chat.completion", "choices": [choice], "usage": usage})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    model = ChatOpenAI(model="gpt-4o", api_key="none", http_client=client, stream_usage=True)
    RunnableLambda(lambda question: model.invoke(question)).invoke("When?")
    list(model.stream("When?"))


def _event(chunk: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


ALL: dict[str, Callable[[Sleep], None]] = {
    "graph": graph,
    "agent": agent,
    "team": team,
    "failures": failures,
    "twice": twice,
}
