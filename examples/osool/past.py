"""The telemetry of a visit in the past; and an outage of Paymob every third day."""

import json
import random
from typing import Any

from examples.common.fake_models import Plan, tokens_of
from examples.common.story import Story, Turn
from examples.common.visit import Visit

from .agents import AGENT, GPT_4O, compose, wanted_tool
from .app import FEE_EGP
from .breakers import NAMES, RESET_S, STATES
from .database import AREAS, POOL_SIZE, POOLS
from .market import SLIPPAGE_BOUNDS, slippage_of
from .outside import DECLINED_CARD
from .visitors import Begin, Chat, Reserve, Search, Step, Trade

_DAY_S, _OUTAGE_AT_S, _OUTAGE_S = 86_400, 15 * 3600, 900.0
_GAUGES_S = 60.0


def tell(visit: Visit, story: Story) -> None:
    """The visit, request by request."""
    now = visit.at
    for step in visit.steps:
        now = _request(visit, story, step, now) + story.draw.uniform(4, 40)


def ambient(start: float, end: float, story: Story) -> None:
    """States of breakers, connections of the pool, reserves after each trade."""
    _reserves(start, story)
    at, was_out = start, False
    while at < end:
        out = is_out(at)
        for name in NAMES:
            state = STATES["open" if out and name == "paymob" else "closed"]
            story.gauge(at, "osool.circuit_breaker.state", "{state}", state, osool__circuit_breaker__name=name)
        if out:
            failures = 5 if not was_out else _GAUGES_S / RESET_S
            story.count(
                at, "osool.circuit_breaker.failures", "{failure}", failures, osool__circuit_breaker__name="paymob"
            )
        if out != was_out:
            word = "open" if out else "closed"
            own: dict[str, Any] = {"osool__circuit_breaker__name": "paymob"}
            story.line(at, f"circuit breaker of paymob is {word}", "ERROR" if out else "INFO", **own)
        used = random.Random(f"pool {int(at)}").choice((0, 1, 1, 2, 3))
        for state_of_it, number in (("used", used), ("idle", min(6, POOL_SIZE - used))):
            story.gauge(at, "db.client.connection.count", "{connection}", number, pool__name="osool", state=state_of_it)
        at, was_out = at + _GAUGES_S, out


def is_out(at: float) -> bool:
    """Whether Paymob was away then."""
    day, second = divmod(at, _DAY_S)
    return day % 3 == 0 and _OUTAGE_AT_S <= second < _OUTAGE_AT_S + _OUTAGE_S


def _request(visit: Visit, story: Story, step: Step, at: float) -> float:
    """One step; returns when it was answered."""
    match step:
        case Begin():
            story.event(visit, "session.start", at=at)
            return _answered(story, at, 0.004, "POST", "/api/sessions", 201)
        case Search():
            story.event(visit, "property.search", at=at)
            found = _statement(story, at, "SELECT") if story.draw.random() < 0.7 else 0.0  # else the cache knows
            return _answered(story, at, 0.006 + found, "GET", "/api/properties", 200)
        case Chat():
            return _chat(visit, story, step, at)
        case Reserve():
            return _reserve(visit, story, step, at)
        case Trade():
            return _trade(story, step, at)


def _chat(visit: Visit, story: Story, step: Chat, at: float) -> float:
    before = 0.003 + _statement(story, at, "INSERT")
    turn = story.turn(visit, AGENT, at=at + before, question=step.text, feature=step.feature)
    wanted, found, prompt = wanted_tool(step.text), None, tokens_of(step.text) + 30
    plan: Plan | None = None
    if wanted:
        words = json.dumps(wanted["args"])
        plan = turn.model(GPT_4O, prompt=prompt, reply=tokens_of(words))
        if not plan.error:
            found, prompt = _tool(visit, story, step, turn), prompt + 40
    if plan is None or not plan.error:
        answer = compose(step.text, wanted, found)
        plan = turn.model(GPT_4O, prompt=prompt, reply=tokens_of(answer), text=answer)
        turn.end(answer, error=_kind(plan))
    else:
        turn.end(error=_kind(plan))
    if step.vote is not None and not plan.error:
        turn.vote(step.vote)
    return _answered(story, at, turn.now - at + 0.002, "POST", "/api/chat", 502 if plan.error else 200)


def _tool(visit: Visit, story: Story, step: Chat, turn: Turn) -> str:
    wanted = wanted_tool(step.text)
    assert wanted is not None
    if wanted["name"] == "search_properties":
        story.event(visit, "property.search", at=turn.now, feature=step.feature, agent=AGENT, trace_id=turn.trace_id)
    args = wanted["args"]
    worth = round((45 + 35 * args["bedrooms"]) * AREAS[args["area"]], -3)
    result = f"no. {story.draw.randint(1, 120)}, EGP {worth:,}" if "below_egp" in args else f"EGP {worth:,}"
    turn.tool(wanted["name"], 0.004 + _statement(story, turn.now, "SELECT"), arguments=json.dumps(args), result=result)
    return result


def _reserve(visit: Visit, story: Story, step: Reserve, at: float) -> float:
    seconds = 0.005 + _statement(story, at, "SELECT")
    out, declined = is_out(at), step.card == DECLINED_CARD
    seconds += 0.002 if out else 0.14 if declined else 0.4
    status = 503 if out else 402 if declined else 201
    seconds += _statement(story, at + seconds, "INSERT")
    if status == 201:
        story.event(visit, "reservation", at=at + seconds, value=FEE_EGP, unit="{EGP}", status="completed")
        story.line(at + seconds, f"reserved home {step.property_id}")
    else:
        story.event(visit, "reservation", at=at + seconds, status="failed")
        error = "CircuitBreakerError" if out else "PaymentDeclinedError"
        story.line(at + seconds, f"a reservation failed: {error}", "WARNING")
    return _answered(story, at, seconds, "POST", "/api/reservations", status)


def _trade(story: Story, step: Trade, at: float) -> float:
    labels = {"osool__liquidity__pool__id": step.pool_id}
    seconds = 0.27 + _statement(story, at, "UPDATE") + _statement(story, at, "INSERT")
    slippage = slippage_of(step.pool_id, step.amount_egp)
    end = at + seconds
    story.count(end, "osool.liquidity.trade.volume", "{EGP}", step.amount_egp, **labels)
    story.count(end, "osool.liquidity.trade.loss", "{EGP}", step.amount_egp * slippage, **labels)
    story.record(end, "osool.liquidity.trade.slippage", "1", slippage, SLIPPAGE_BOUNDS, **labels)
    change = step.amount_egp if step.side == "buy" else -step.amount_egp
    story.state.setdefault("trades", []).append((end, step.pool_id, change))
    return _answered(story, at, seconds, "POST", "/api/pools/{pool_id}/trades", 201)


def _reserves(start: float, story: Story) -> None:
    opened = [(start, pool_id, reserve) for pool_id, (_, reserve) in POOLS.items()]
    left = dict.fromkeys(POOLS, 0)
    for at, pool_id, change in [*opened, *sorted(story.state.get("trades", []))]:
        left[pool_id] = max(0, left[pool_id] + change)
        labels = {"osool__liquidity__pool__id": pool_id}
        story.gauge(at, "osool.liquidity.pool.reserve", "{EGP}", left[pool_id], **labels)


def _statement(story: Story, at: float, operation: str) -> float:
    seconds = story.draw.lognormvariate(-5.8, 0.7)  # 3 ms, now and then 15
    story.database(at + seconds, operation, seconds)
    return seconds


def _answered(story: Story, at: float, seconds: float, method: str, route: str, status: int) -> float:
    story.http(at + seconds, method, route, status, seconds)
    return at + seconds


def _kind(plan: Plan) -> str | None:
    return type(plan.error).__name__ if plan.error else None
