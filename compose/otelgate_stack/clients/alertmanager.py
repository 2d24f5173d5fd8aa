"""Reads Alertmanager: the alerts that it holds."""

from collections.abc import Mapping
from typing import Any

from .store import Store


class Alertmanager(Store):
    """Alertmanager's HTTP API, version 2 (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml)."""

    service = "alertmanager"

    def alerts(self) -> list[Mapping[str, Any]]:
        """The alerts that fire now, silenced and inhibited ones too, as the API tells of them."""
        found: list[Mapping[str, Any]] = self.get("/api/v2/alerts").json()
        return found
