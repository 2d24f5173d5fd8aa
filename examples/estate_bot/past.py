"""The telemetry of a visit: the bot's own rules for tiers and limits, at times long ago."""

import json
from collections.abc import Mapping
from typing import Any

from examples.common.fake_models import tokens_of
from examples.common.faults import Faults
from examples.common.story import Story, Turn
from examples.common.visit import Visit

from .accounts import Account, Accounts
from .agents import AGENT, compose, profile_for
from .app import COMMANDS, FEATURES
from .tools import Upstreams, wanted
from .users import Say

WEBHOOK = ("POST", "/telegram/webhook", 200)
_QUIET = Faults()
_SHORT_S = 0.004
"""The duration of an answer without the agent."""


def tell(visit: Visit, story: Story) -> None:
    """The visit, message by message; accounts are remembered in the story."""
    accounts: Accounts = story.state.setdefault("accounts", Accounts())
    now = visit.at
    for step in visit.steps:
        now = _message(accounts, story, int(visit.user), step, now) + story.draw.uniform(5, 60)


def _message(accounts: Accounts, story: Story, telegram_id: int, said: Say, at: float) -> float:
    """One message; returns when it was answered."""
    account, new = accounts.of(telegram_id)
    account.seen(at)
    command, _, rest = said.text.partition(" ")
    if new:
        source = rest if command == "/start" and rest else "direct"
        story.event(_whose(account, at), "user.signup", at=at, source=source, tier=account.tier)
    feature = FEATURES.get(command, "" if command in COMMANDS else "chat")
    if command in COMMANDS:
        story.event(_whose(account, at), "command.used", at=at + 0.001, command=command, feature=feature or None)
    if feature:
        return _ask(account, story, feature, said, at + 0.002)
    if command == "/subscribe":
        _subscribe(account, story, at + 0.002)
    story.http(at + _SHORT_S, *WEBHOOK, _SHORT_S)
    return at + _SHORT_S


def _ask(account: Account, story: Story, feature: str, said: Say, at: float) -> float:
    if not account.may_ask(at):
        story.event(_whose(account, at), "quota.hit", at=at, feature=feature, tier=account.tier)
        story.line(at, f"limit of tier {account.tier} reached")
        story.http(at + _SHORT_S, *WEBHOOK, _SHORT_S)
        if said.subscribe:
            _message(Known(account), story, 0, Say("/subscribe"), at + 20)
        return at + 30
    turn = story.turn(_whose(account, at), AGENT, at=at, question=said.text, feature=feature)
    failed = _answer(turn, feature, account.tier, said.text)
    story.http(turn.now, *WEBHOOK, turn.now - at)
    if said.vote is not None and not failed:
        turn.vote(said.vote)
    return turn.now


def _answer(turn: Turn, feature: str, tier: str, text: str) -> bool:
    """The graph of agents.py: model, tools side by side, model. Returns whether it failed."""
    profile = profile_for(feature, tier)
    asked, known = wanted(feature, text), dict[str, str]()
    prompt = tokens_of(text) + 30
    if asked:
        words = json.dumps(list(asked.values()))
        plan = turn.model(profile, prompt=prompt, reply=tokens_of(words))
        if plan.error:
            turn.end(error=type(plan.error).__name__)
            return True
        known = _tools(turn, asked)
        prompt += 40 * len(asked)
    answer = compose(text, list(asked), known)
    plan = turn.model(profile, prompt=prompt, reply=tokens_of(answer), text=answer)
    turn.end(answer, error=type(plan.error).__name__ if plan.error else None)
    return plan.error is not None


def _tools(turn: Turn, asked: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """They run concurrently, so the turn continues after the slowest. Returns the results of the successful ones."""
    began, ends, known = turn.now, [turn.now], {}
    upstreams = Upstreams(turn.trace_id, _QUIET)
    for name, arguments in asked.items():
        turn.now = began
        seconds = upstreams.ask(name, next(iter(arguments.values())))
        result = f"as of that day, for {next(iter(arguments.values()))}"
        error = "UpstreamError" if seconds < 0 else None
        turn.tool(name, abs(seconds), arguments=json.dumps(arguments), result=result, error=error)
        ends.append(turn.now)
        if not error:
            known[name] = result
    turn.now = max(ends)
    return known


def _subscribe(account: Account, story: Story, at: float) -> None:
    before = _whose(account, at)
    if changed := account.upgrade():
        story.event(before, "subscription.upgraded", at=at, from_tier=changed[0], to_tier=changed[1])
        story.line(at, f"a user upgraded from {changed[0]} to {changed[1]}")


def _whose(account: Account, at: float) -> Visit:
    return Visit(at, account.user_id, account.session_id, account.tier, ())


class Known(Accounts):
    """One account that is known already."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def of(self, telegram_id: int) -> tuple[Account, bool]:
        return self._account, False
