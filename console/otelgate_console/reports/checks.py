"""The checks of a report: objectives that a period met or missed, and what to look at first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Check:
    """A limit for a number of analytics.kpis. `severity` of its violation; `above`: whether more is worse."""

    severity: str
    kpi: str
    title: str
    limit: float
    above: bool

    def violated(self, kpis: Mapping[str, Any]) -> bool:
        """Whether the number is beyond the limit; a number that is missing is not."""
        value = kpis.get(self.kpi)
        return value is not None and (value > self.limit if self.above else value < self.limit)


CHECKS: Final = (
    Check("critical", "p95_seconds", "P95 latency of turns", 5, above=True),
    Check("critical", "error_ratio", "Failed turns", 0.1, above=True),
    Check("warning", "p95_seconds", "P95 latency of turns", 3, above=True),
    Check("warning", "satisfaction", "Satisfaction", 0.75, above=False),
)


def triage(kpis: Mapping[str, Any], checks: tuple[Check, ...] = CHECKS) -> list[Check]:
    """The violated checks, critical ones first; a warning is left out if its number is critical, too."""
    found: dict[str, Check] = {}
    for check in checks:
        if check.violated(kpis):
            found.setdefault(check.kpi, check)
    return list(found.values())
