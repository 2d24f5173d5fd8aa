"""The reconciled quantities: each is a counter of the gateway, compared with a sum over the stored rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, LiteralString

from ..model.records import PICO_PER_USD


@dataclass(frozen=True)
class Quantity:
    """`stored` and `rejected` are SQL over one row, times `scale`; of `table` where `counts`, the rows compared."""

    name: str
    title: str
    """For output; a number precedes or follows it."""
    metric: str
    """The counter's name in Prometheus."""
    table: LiteralString
    counts: LiteralString
    stored: LiteralString
    rejects: LiteralString
    """The column of content.rejects that is true if the gateway counted the record."""
    rejected: LiteralString
    scale: int = 1
    """Units per 1 of the counter and of SQL."""
    rounding: int = 0
    """Tolerance in units: two floating-point sums are equal within it, or within 1e-9 of them; 0: exact."""

    def equal(self, one: int, other: int) -> bool:
        """Whether two numbers of units are equal except for rounding."""
        slack = max(self.rounding, max(one, other) // 10**9) if self.rounding else 0
        return abs(one - other) <= slack

    def number(self, units: int) -> int | Decimal:
        """Runs, calls, or USD to nine places."""
        return units if self.scale == 1 else round(Decimal(units) / self.scale, 9).normalize()


def written(number: int | Decimal) -> str:
    """A `Quantity.number` as text, without an exponent."""
    return f"{Decimal(number):f}"


RUNS: Final = Quantity(
    name="runs",
    title="runs",
    metric="otelgate_run_count_total",
    table="audit.runs",
    counts="operation = 'invoke_agent' AND duplicate_of IS NULL",
    stored="1",
    rejects="run",
    rejected="1",
)
CALLS: Final = Quantity(
    name="calls",
    title="model calls",
    metric="otelgate_call_count_total",
    table="audit.model_calls",
    counts="duplicate_of IS NULL",
    stored="1",
    rejects="call",
    rejected="1",
)
COST: Final = replace(
    CALLS,
    name="cost",
    title="USD",
    metric="otelgate_call_cost_total",
    stored="coalesce(cost_usd, 0)",
    rejected="coalesce(cost_usd, 0)",
    scale=PICO_PER_USD,
    rounding=PICO_PER_USD // 10**6,
)
QUANTITIES: Final = (RUNS, CALLS, COST)
