"""Lines on every dashboard: what was deployed, launched or broke, and when."""

from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from . import datasources, uids
from .variables import chosen

_SHARED = yaml.safe_load(Path(__file__).parents[1].joinpath("annotations.yaml").read_text())
KINDS: Final[list[str]] = _SHARED["kinds"]
SENTENCE: Final[str] = _SHARED["sentence"]
AS_TEXT: Final = f"replace(replace(replace(attributes ->> '{SENTENCE}', '+', ' '), '%2B', '+'), '%25', '%')"
"""The way back from commands/annotate.py's as_word."""


class Deployments(Builder[dashboard.AnnotationQuery]):
    """The events of the chosen services; events of no application (`make annotate`) are drawn everywhere."""

    def __init__(self, *, filtered: bool) -> None:
        """`filtered`: the dashboard has a variable `service`."""
        self._filtered = filtered

    def build(self) -> dashboard.AnnotationQuery:
        wanted = (
            f"(analytics.chosen(service, {chosen('service')}) OR service = 'otelgate')" if self._filtered else "true"
        )
        sql = f"""SELECT start_time AS time,
    concat_ws(' ', name, service, attributes ->> 'version', attributes ->> 'text', {AS_TEXT}) AS text,
    concat_ws(',', name, service, environment) AS tags
FROM audit.events
WHERE $__timeFilter(start_time) AND name IN ({", ".join(f"'{kind}'" for kind in KINDS)}) AND {wanted}
ORDER BY start_time"""
        return _Sql(sql, name="Deployments and events", colour="purple")


class _Sql(dashboard.AnnotationQuery):
    """The SDK knows annotations of Grafana's own store only."""

    def __init__(self, sql: str, *, name: str, colour: str) -> None:
        super().__init__(name=name, datasource=datasources.ref(uids.POSTGRES), icon_color=colour)
        self.sql = sql

    def to_json(self) -> dict[str, Any]:
        target = {"refId": "Anno", "editorMode": "code", "rawQuery": True, "rawSql": self.sql, "format": "table"}
        return {**super().to_json(), "target": target}
