"""Every alert, group by group."""

from typing import Final

from . import agents, audit, availability, bounds, capacity, cost, gateway, http, processing, product, slo_alerts
from .model import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    *availability.GROUPS,
    *http.GROUPS,
    *agents.GROUPS,
    *cost.GROUPS,
    *capacity.GROUPS,
    *product.GROUPS,
    *slo_alerts.GROUPS,
    *gateway.GROUPS,
    *bounds.GROUPS,
    *processing.GROUPS,
    *audit.GROUPS,
)
ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
