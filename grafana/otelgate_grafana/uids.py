"""Names that others link to, so they never change: data sources, dashboards, folders."""

from typing import Final

PROMETHEUS: Final = "otelgate-prometheus"
LOKI: Final = "otelgate-loki"
TEMPO: Final = "otelgate-tempo"
JAEGER: Final = "otelgate-jaeger"
POSTGRES: Final = "otelgate-postgres"

MIXED: Final = "-- Mixed --"
"""Grafana's own data source for a panel whose queries go to several."""

# Dashboards for every application.
MISSION_CONTROL: Final = "otelgate-mission-control"
AI_COST: Final = "otelgate-ai-cost"
AGENT_PERFORMANCE: Final = "otelgate-agent-performance"
USER_ANALYTICS: Final = "otelgate-user-analytics"
CONVERSATION_AUDIT: Final = "otelgate-conversation-audit"
SERVICE_HEALTH: Final = "otelgate-service-health"
GATEWAY: Final = "otelgate-gateway"
# Dashboards of one application.
ESTATE_PRODUCT: Final = "otelgate-estate-product"
OSOOL_BUSINESS: Final = "otelgate-osool-business"
EXECORA_VOICE: Final = "otelgate-execora-voice"

SHARED_FOLDER: Final = "otelgate"
APPLICATIONS_FOLDER: Final = "otelgate applications"
FOLDER_UIDS: Final = {SHARED_FOLDER: "otelgate", APPLICATIONS_FOLDER: "otelgate-applications"}
