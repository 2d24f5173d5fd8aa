"""The model that runs on the office's own machine: without its server it does not answer."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from examples.common.fake_models import FakeChatModel, Plan, Profile
from examples.common.faults import Faults

from .servers import ModelServer

PROVIDER = "llama.cpp"
ASSISTANT = Profile("qwen2.5-14b", PROVIDER, 0.35, 45.0, instruction_tokens=900, errors=0.002)
ROUTER = Profile("qwen2.5-14b", PROVIDER, 0.12, 45.0, instruction_tokens=250, errors=0.001)
GPU = {"hw.id": "0", "hw.name": "simulated 24 GB"}
_SLOW_FIRST_TOKEN_S = 2.5


class ModelServerDown(ConnectionError):
    """Nothing listens where the model server should be."""


class LocalModel(FakeChatModel):
    """FakeChatModel behind a server that can be away."""

    server: ModelServer

    def _begin(self, messages: Sequence[BaseMessage]) -> tuple[Plan, list[AIMessageChunk]]:
        plan, chunks = super()._begin(messages)
        return slowed(plan, self.faults, self.speed), chunks

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        if not await self.server.answers():
            raise ModelServerDown("no connection to the model server")
        with self.server.one_more_call():
            async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
                yield chunk


def slowed(plan: Plan, faults: Faults, speed: float = 1.0) -> Plan:
    """The plan of a call under the switch slow_first_token."""
    more = _SLOW_FIRST_TOKEN_S / speed if faults("slow_first_token") else 0.0
    return plan._replace(first_token_s=plan.first_token_s + more, duration_s=plan.duration_s + more)


def gpu_memory(calls: int, faults: Faults) -> float:
    """Share of the GPU's memory in use: the model's weights, and what each call that runs needs in addition."""
    return 0.95 if faults("memory_pressure") else min(0.89, 0.61 + 0.03 * calls)


def report_gpu(server: ModelServer, faults: Faults) -> None:
    """Make the gauge, read at each export of metrics."""

    def read(options: CallbackOptions) -> list[Observation]:
        return [Observation(gpu_memory(server.calls, faults), GPU)]

    get_meter("bestbox.gpu").create_observable_gauge(
        "hw.gpu.memory.utilization", [read], unit="1", description="Share of a GPU's memory that is in use."
    )
