"""The keys by which the values of a turn's row were chosen, so that a later record can be merged.

The column `state` stores them, without ids of people: an erasure can ignore it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MAX_NAMES: Final = 32
"""Agents and models on a row: the earliest."""

# The lead, or the source of a session: the smallest. The last is 1 for a tool call: a span id could occur twice.
LeadMark = tuple[int, int, str, int]  # rank, start, span id, is a tool call
NewestMark = tuple[int, str]  # start, span id or uid

_NAMED: Final = ("session", "user", "tier", "feature")
_PLAIN: Final = ("chunk", "price", "confidence", "relevance", "vote", "asked", "replied")


@dataclass(slots=True)
class Marks:
    """Times in microseconds since 1970."""

    lead: LeadMark | None = None
    session: LeadMark | None = None
    user: LeadMark | None = None
    tier: LeadMark | None = None
    feature: LeadMark | None = None
    chunk: tuple[int, str, int] | None = None  # of the first streamed call: start, span id, time of its first chunk
    price: NewestMark | None = None
    confidence: NewestMark | None = None
    relevance: NewestMark | None = None
    vote: NewestMark | None = None
    asked: tuple[int, int, str] | None = None  # start, rank, span id: the smallest
    replied: tuple[int, int, int, str] | None = None  # end, -rank, start, span id: the largest
    agents: dict[str, int] = field(default_factory=dict)  # name -> its earliest start
    models: dict[str, int] = field(default_factory=dict)

    def dump(self, agents: Sequence[str], models: Sequence[str]) -> dict[str, Any]:
        """As JSON, without the lead's own values; the starts of agents and models in the order given."""
        lead = self.lead
        state: dict[str, Any] = {"lead": lead}
        if self.session is not None and self.session != lead:
            state["session"] = self.session
        if self.user is not None and self.user != lead:
            state["user"] = self.user
        if self.tier is not None and self.tier != lead:
            state["tier"] = self.tier
        if self.feature is not None and self.feature != lead:
            state["feature"] = self.feature
        for name in _PLAIN:
            mark = getattr(self, name)
            if mark is not None:
                state[name] = mark
        if agents:
            state["agents"] = [self.agents[name] for name in agents]
        if models:
            state["models"] = [self.models[name] for name in models]
        return state

    @classmethod
    def load(
        cls, state: Mapping[str, Any], named: Mapping[str, bool], agents: Sequence[str], models: Sequence[str]
    ) -> Marks:
        """Load the result of `dump`; `named` says whether the row has a session, user, tier, feature."""
        lead = _mark(state["lead"])
        marks = cls(lead=lead)
        for name in _NAMED:
            if named[name]:
                setattr(marks, name, _mark(state[name]) if name in state else lead)
        for name in _PLAIN:
            if name in state:
                setattr(marks, name, _mark(state[name]))
        marks.agents = dict(zip(agents, state.get("agents", ()), strict=False))
        marks.models = dict(zip(models, state.get("models", ()), strict=False))
        return marks


def first_seen(starts: dict[str, int], name: str, start: int) -> bool:
    """Note that `name` was present at `start`; returns whether that changed anything. Keeps the earliest MAX_NAMES."""
    known = starts.get(name)
    if known is not None and known <= start:
        return False
    starts[name] = start
    if len(starts) > MAX_NAMES:
        del starts[max(starts, key=lambda each: (starts[each], each))]
    return True


def in_order(starts: Mapping[str, int]) -> list[str]:
    """The names by their starts."""
    return sorted(starts, key=lambda name: (starts[name], name))


def _mark(value: Sequence[Any]) -> Any:
    return tuple(value)
