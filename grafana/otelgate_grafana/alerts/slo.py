"""Service level objectives: error ratios and burn rates over several windows, and the budget that is left.

An objective's budget is the share of events that may be bad in 30 days. A burn rate of 1 spends exactly the budget in
30 days; 14.4 spends 2 % of it in an hour, 6 spends 5 % in six hours. An alert (slo_alerts.py) wants the rate over a
long window, so that a short fault does not page, and over a short one, so that it ends soon after the fault.
"""

from collections.abc import Iterator
from typing import Final

from ..promql import FIRST_CHUNK, TURNS
from .expressions import APPLICATIONS, le
from .model import BY, Record
from .settings import load

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_BY: Final = f"{BY}, slo"
_TOTAL: Final = "service_slo:events:rate5m"
_BAD: Final = "service_slo:bad_events:rate5m"


def records() -> tuple[Record, ...]:
    """Rates of all and of bad events every minute; longer windows are cheap sums over those."""
    return (*_objectives(), *_events(), *_windows())


def budget_records() -> tuple[Record, ...]:
    """The share of 30 days' budget that is left: 1 untouched, 0 spent, below 0 overspent."""
    spent = f"sum_over_time({_BAD}[30d]) / (sum_over_time({_TOTAL}[30d]) > 0)"
    name = "service_slo:error_budget_left:ratio30d"
    return (
        Record("service_slo:errors:ratio30d", spent),
        Record(name, f"1 - ({_divided('service_slo:errors:ratio30d')})"),
    )


def _objectives() -> Iterator[Record]:
    for slo, objective in load().objectives.items():
        yield Record("otelgate:slo_budget_default", f"{1 - objective.default:.6g}", {"slo": slo})
        for service, share in objective.services.items():
            yield Record("otelgate:slo_budget", f"{1 - share:.6g}", {"slo": slo, "service_name": service})


def _events() -> Iterator[Record]:
    turns, chunks = f"{TURNS}_count{{{APPLICATIONS}}}", f"{FIRST_CHUNK}_count{{{APPLICATIONS}}}"
    totals = {"agent_success": turns, "agent_latency": turns, "ttft": chunks}
    for slo, series in totals.items():
        yield Record(_TOTAL, f"sum by ({BY}) (rate({series}[5m]))", {"slo": slo})
    failed = f'sum by ({BY}) (rate({TURNS}_count{{{APPLICATIONS}, error_type!=""}}[5m]))'
    yield Record(_BAD, f"{failed}\nor\n0 * {_of('agent_success')}", {"slo": "agent_success"})
    for slo, metric in (("agent_latency", TURNS), ("ttft", FIRST_CHUNK)):
        seconds = load().objectives[slo].seconds
        assert seconds is not None
        good = f"sum by ({BY}) (rate({metric}_bucket{{{APPLICATIONS}, {le(seconds)}}}[5m]))"
        yield Record(_BAD, f"clamp_min(sum by ({BY}) ({_of(slo)}) - {good}, 0)", {"slo": slo})


def _of(slo: str) -> str:
    return f'sum by ({BY}) ({_TOTAL}{{slo="{slo}"}})'


def _windows() -> Iterator[Record]:
    for window in WINDOWS:
        ratio = f"sum_over_time({_BAD}[{window}]) / (sum_over_time({_TOTAL}[{window}]) > 0)"
        yield Record(f"service_slo:errors:ratio{window}", ratio)
        yield Record(f"service_slo:burn_rate:ratio{window}", _divided(f"service_slo:errors:ratio{window}"))
    # One rate a minute: its sum over an hour, times 60, is the number of events.
    for window in ("1h", "1d"):
        yield Record(f"service_slo:events:increase{window}", f"60 * sum_over_time({_TOTAL}[{window}])")


def _divided(ratio: str) -> str:
    """A ratio of errors by the budget of its service, or the default one."""
    own = any(objective.services for objective in load().objectives.values())
    default = "on (slo) group_left () otelgate:slo_budget_default"
    if not own:
        return f"{ratio} / {default}"
    budget = "otelgate:slo_budget"
    return (
        f"{ratio} / on (slo, service_name) group_left () {budget}\n"
        f"or\n({ratio} unless on (slo, service_name) {budget}) / {default}"
    )
