"""The telemetry of a visit: the same routes, tools and answers as live, with the times of long ago."""

import functools
import random

from otelgate.names import GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK

from examples.common.fake_models import Plan, tokens_of
from examples.common.story import NO_FAULTS, Story, Turn
from examples.common.visit import Visit

from .agents import CONFIDENCE, ROUTER_AGENT, confidence
from .departments import KNOWLEDGE, SKILLS, Route, compose, route, wanted
from .knowledge import EMBEDDING_MODEL, EMBEDDING_PROVIDER, HANDBOOK, RELEVANCE, vectors_of
from .model import ASSISTANT, GPU, ROUTER, gpu_memory
from .tools import outcome
from .users import Ask

GPU_EVERY_S = 60.0


def tell(visit: Visit, story: Story) -> None:
    """One turn after the other, each with its vote."""
    at = visit.at
    for step in visit.steps:
        turn = story.turn(visit, ROUTER_AGENT, at=at, question=step.text)
        if step.opens:
            story.event(visit, "session.start", at=at, trace_id=turn.trace_id)
        error = _answer(turn, step, story)
        story.http(turn.now, "POST", "/v1/chat", 502 if error else 200, turn.now - at)
        if step.vote is not None and not error:
            turn.vote(step.vote, comment=step.comment)
        at = turn.now + visit.pause_s


def ambient(start: float, end: float, story: Story) -> None:
    """The GPU: now and then a call runs."""
    at = start
    while at < end:
        calls = random.Random(f"gpu {int(at)}").choice((0, 0, 0, 1, 1, 2))
        story.gauge(at, "hw.gpu.memory.utilization", "1", gpu_memory(calls, NO_FAULTS), hw__id=GPU["hw.id"],
                    hw__name=GPU["hw.name"])  # fmt: skip
        at += GPU_EVERY_S


def _answer(turn: Turn, step: Ask, story: Story) -> str | None:
    """The `error.type` of a turn that failed."""
    way = route(step.text)
    answer = None
    plan = turn.model(ROUTER, prompt=tokens_of(step.text) + 40, reply=2, text=way.department)
    # Live it is not streamed.
    story.spans[-1].attributes.pop(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, None)
    turn.error = _kind(plan)
    if turn.error is None:
        with turn.agent(way.department):
            answer = _work(turn, step, story, way)
    turn.end(answer, error=turn.error)
    return turn.error


def _work(turn: Turn, step: Ask, story: Story, way: Route) -> str:
    """Inside of the department's run: tools, then the answer. Sets `turn.error`."""
    plan = turn.model(ASSISTANT, prompt=tokens_of(step.text) + 25, reply=12)
    asked = [] if plan.error else wanted(way.department, step.text)
    known, relevance = {}, None
    for name, about in asked:
        if name == KNOWLEDGE:
            known[name], relevance = _look_up(turn, about)
            continue
        seconds, fails = outcome(SKILLS[name], about, f"{story.draw.random()}", NO_FAULTS)
        result = "" if fails else SKILLS[name].result(about)
        turn.tool(name, seconds, arguments=about, result=result, error="SystemTimeoutError" if fails else None)
        if not fails:
            known[name] = result
    answer = compose(way.department, asked, known)
    if plan.error is None:
        plan = turn.model(ASSISTANT, prompt=tokens_of(step.text) + 90, reply=tokens_of(answer), text=answer)
    turn.error = _kind(plan)
    if turn.error is None:
        turn.score(CONFIDENCE, confidence(way.certainty, {name: name in known for name, _ in asked}, relevance))
    return answer


def _look_up(turn: Turn, question: str) -> tuple[str, float]:
    """The best document by the same vectors as live."""
    seconds = 0.03 * random.Random(question).uniform(0.5, 1.5)
    turn.embeddings(EMBEDDING_MODEL, EMBEDDING_PROVIDER, tokens=tokens_of(question), seconds=seconds)
    turn.retrieval(seconds + 0.015, name="retrieval handbook")
    title, relevance = nearest(question)
    turn.tool(KNOWLEDGE, seconds + 0.02, arguments=question, result=HANDBOOK[title])
    turn.score(RELEVANCE, relevance)
    return HANDBOOK[title], relevance


def _kind(plan: Plan) -> str | None:
    return type(plan.error).__name__ if plan.error else None


@functools.cache
def nearest(question: str) -> tuple[str, float]:
    """The handbook's best document for a question: its title and its relevance."""
    vectors = vectors_of([question, *HANDBOOK])
    near = [sum(a * b for a, b in zip(vectors[0], vector, strict=True)) for vector in vectors[1:]]
    best = max(range(len(near)), key=near.__getitem__)
    return list(HANDBOOK)[best], max(0.0, min(1.0, near[best]))
