"""Every dashboard, in the order in which a person would want them."""

from typing import Final

from .dashboards import (
    agent_performance,
    ai_cost,
    conversation_audit,
    estate_product,
    execora_voice,
    gateway,
    mission_control,
    osool_business,
    service_health,
    user_analytics,
)
from .layout import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    mission_control.DASHBOARD,
    ai_cost.DASHBOARD,
    agent_performance.DASHBOARD,
    user_analytics.DASHBOARD,
    conversation_audit.DASHBOARD,
    service_health.DASHBOARD,
    gateway.DASHBOARD,
    estate_product.DASHBOARD,
    osool_business.DASHBOARD,
    execora_voice.DASHBOARD,
)
