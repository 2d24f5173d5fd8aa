"""Every dashboard, in the order in which a person would want them."""

from typing import Final

from .dashboards import agent_performance, ai_cost, conversation_audit, gateway, mission_control
from .layout import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    mission_control.DASHBOARD,
    ai_cost.DASHBOARD,
    agent_performance.DASHBOARD,
    conversation_audit.DASHBOARD,
    gateway.DASHBOARD,
)
