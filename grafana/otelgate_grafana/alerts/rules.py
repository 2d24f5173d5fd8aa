"""Every alert, group by group."""

from typing import Final

from . import agents, audit, availability, bounds, capacity, cost, gateway, http, processing, product, slo_alerts
from .model import Alert, Group

STACK_GROUPS: Final[tuple[Group, ...]] = (
    *availability.GROUPS,
    *http.GROUPS,
    *agents.GROUPS,
    *cost.GROUPS,
    *capacity.GROUPS,
    *slo_alerts.GROUPS,
    *gateway.GROUPS,
    *bounds.GROUPS,
    *processing.GROUPS,
    *audit.GROUPS,
)
EXAMPLE_GROUPS: Final[tuple[Group, ...]] = (*http.EXAMPLES, *capacity.EXAMPLES, *product.EXAMPLES)
"""Of metrics that only the applications of examples/ send: `make example` installs them, `make up` does not."""

GROUPS: Final[tuple[Group, ...]] = (*STACK_GROUPS, *EXAMPLE_GROUPS)
ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
