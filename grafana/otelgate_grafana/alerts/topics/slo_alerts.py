"""Burn rates of the objectives: fast ones page, slow ones are for the day."""

from collections.abc import Mapping
from typing import Final

from ...promql import FIRST_CHUNK, TURNS
from ...uids import AGENT_PERFORMANCE
from ..cases import histogram, labels
from ..model import Alert, Case, Expected
from ..settings import load
from .agents import turns

# Long window, short one, and the burn rate that is too high over both: it spends 2 % of the budget in an hour, 5 % in
# six hours, 10 % in a day, 10 % in three days.
FAST: Final = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW: Final = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
_EVENTS: Final = {"1h": "1h", "6h": "1h", "1d": "1d", "3d": "1d"}
"""Long window -> the one in which there must be enough events."""


def _burning(slo: str, pairs: tuple[tuple[str, str, float], ...]) -> str:
    def over(window: str, factor: float) -> str:
        return f'service_slo:burn_rate:ratio{window}{{slo="{slo}"}} > {factor:g}'

    return "\nor\n".join(
        f"({over(long, factor)}\n  and {over(short, factor)}\n"
        f'  and service_slo:events:increase{_EVENTS[long]}{{slo="{slo}"}} >= {load().min_events})'
        for long, short, factor in pairs
    )


def _fast(name: str, slo: str, what: str, fires: Case, quiet: tuple[Case, ...]) -> Alert:
    return Alert(
        name=f"{name}BurnFast",
        group="otelgate-slo-alerts",
        expr=_burning(slo, FAST),
        for_="2m",
        severity="critical",
        team="ai",
        summary=f"{{{{ $labels.service_name }}}} burns its budget of {what} {{{{ $value | humanize }}}} times too fast",
        description="At this pace the budget of 30 days is spent in 5 days at most.",
        dashboard=AGENT_PERFORMANCE,
        silent_while=("ServiceDown",),
        fires=fires,
        quiet=quiet,
    )


def _slow(name: str, slo: str, what: str, fires: Case, quiet: tuple[Case, ...]) -> Alert:
    return Alert(
        name=f"{name}BurnSlow",
        group="otelgate-slo-alerts",
        expr=_burning(slo, SLOW),
        for_="15m",
        severity="warning",
        team="ai",
        summary=f"{{{{ $labels.service_name }}}} burns its budget of {what} {{{{ $value | humanize }}}} times too fast",
        description="At this pace the budget of 30 days is spent before the 30 days are over.",
        dashboard=AGENT_PERFORMANCE,
        silent_while=(f"{name}BurnFast", "ServiceDown"),
        fires=fires,
        quiet=quiet,
    )


def _mixed(good: float, bad: float, length: int) -> dict[str, str]:
    return turns("estate-bot", f"0+{good:g}x{length}", f"0+{bad:g}x{length}")


def _chunks(metric: str, bound: str, above: str, in_time: float, length: int) -> dict[str, str]:
    """Ten events a step, of which so many come in time."""
    return histogram(metric, "estate-bot", {bound: in_time, above: 10, "+Inf": 10}, length)


def _expected(slo: str, burn: str) -> tuple[Expected, ...]:
    labelled: Mapping[str, str] = labels("estate-bot", slo=slo)
    return (Expected(labelled, burn),)


_SUCCESS: Final = (
    # 40 % fail: eight times what may, over the 6-hour windows' limit of 6. 25 % is a burn rate of 5.
    _fast(
        "AgentSuccess",
        "agent_success",
        "failed turns",
        Case(_mixed(6, 4, 60), "20m", _expected("agent_success", "8"), step="1m"),
        (
            Case(_mixed(7.5, 2.5, 60), "20m", step="1m", why="5 times: slow burn's"),
            Case(_mixed(0.06, 0.04, 60), "20m", step="1m", why="4 turns in all"),
            Case(turns("estate-bot", "0+10x200", "0+10x10 100x200"), "1h10m", step="1m", why="over for an hour"),
        ),
    ),
    # 7 % fail: a burn rate of 1.4.
    _slow(
        "AgentSuccess",
        "agent_success",
        "failed turns",
        Case(_mixed(9.3, 0.7, 90), "30m", _expected("agent_success", "1.4"), step="1m"),
        (
            Case(_mixed(9.6, 0.4, 90), "30m", step="1m", why="4 % fail, and 5 % may"),
            Case(_mixed(0.05, 0.05, 90), "30m", step="1m", why="9 turns in all"),
        ),
    ),
)

_LATENCY: Final = (
    _fast(
        "AgentLatency",
        "agent_latency",
        "slow turns",
        Case(_chunks(TURNS, "15", "20", 6, 60), "20m", _expected("agent_latency", "8"), step="1m"),
        (Case(_chunks(TURNS, "15", "20", 7.5, 60), "20m", step="1m", why="25 % are slow: 5 times"),),
    ),
    _slow(
        "AgentLatency",
        "agent_latency",
        "slow turns",
        Case(_chunks(TURNS, "15", "20", 9.3, 90), "30m", _expected("agent_latency", "1.4"), step="1m"),
        (Case(_chunks(TURNS, "15", "20", 9.6, 90), "30m", step="1m", why="4 % are slow, and 5 % may be"),),
    ),
)

_TTFT: Final = (
    _fast(
        "Ttft",
        "ttft",
        "slow first chunks",
        Case(_chunks(FIRST_CHUNK, "2", "5", 6, 60), "20m", _expected("ttft", "8"), step="1m"),
        (Case(_chunks(FIRST_CHUNK, "2", "5", 7.5, 60), "20m", step="1m", why="25 % are slow: 5 times"),),
    ),
    _slow(
        "Ttft",
        "ttft",
        "slow first chunks",
        Case(_chunks(FIRST_CHUNK, "2", "5", 9.3, 90), "30m", _expected("ttft", "1.4"), step="1m"),
        (Case(_chunks(FIRST_CHUNK, "2", "5", 9.6, 90), "30m", step="1m", why="4 % are slow, and 5 % may be"),),
    ),
)
