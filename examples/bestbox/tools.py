"""The departments' skills and the handbook as tools that a model can call."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool
from otelgate.names import GEN_AI_TOOL_NAME

from examples.common.faults import Faults
from examples.common.traffic import Stage

from .departments import DEPARTMENTS, KNOWLEDGE, Skill
from .knowledge import Handbook

log = logging.getLogger("bestbox.tools")


class SystemTimeoutError(TimeoutError):
    """The system behind a tool did not answer."""


def outcome(skill: Skill, about: str, seed: str, faults: Faults) -> tuple[float, bool]:
    """How long a call takes, in seconds, and whether it fails: the same for the same seed."""
    draw = random.Random(f"{seed} {skill.name} {about}")
    seconds = skill.seconds * draw.uniform(0.6, 1.6) * (10 if faults("slow_tools") else 1)
    return seconds, draw.random() < (0.6 if faults("tool_errors") else skill.failing)


def make_tools(department: str, handbook: Handbook, stage: Stage) -> Sequence[BaseTool]:
    """A department's own tools, and the handbook."""

    async def search_knowledge(about: str) -> tuple[str, float]:
        return await handbook.look_up(about)

    search = StructuredTool.from_function(
        coroutine=search_knowledge,
        name=KNOWLEDGE,
        description="Look something up in the handbook.",
        response_format="content_and_artifact",
    )
    return [search, *(_tool(skill, stage) for skill in DEPARTMENTS[department].skills)]


def _tool(skill: Skill, stage: Stage) -> BaseTool:
    calls: Counter[str] = Counter()

    async def call(about: str) -> str:
        calls[about] += 1  # for any caller: the totals are the same in any order
        seconds, fails = outcome(skill, about, f"{stage.seed} {calls[about]}", stage.faults)
        await asyncio.sleep(seconds / stage.speed)
        if fails:
            extra: dict[str, Any] = {GEN_AI_TOOL_NAME: skill.name}
            log.warning("%s: no answer", skill.name, extra=extra)
            raise SystemTimeoutError(f"{skill.name}: no answer")
        return skill.result(about)

    return StructuredTool.from_function(coroutine=call, name=skill.name, description=skill.description)
