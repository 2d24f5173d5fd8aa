"""Lines on every dashboard: what was deployed, launched or broke, and when."""

import re
from typing import Any, Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from . import datasources, uids
from .variables import chosen

KINDS: Final = ("deployment", "launch", "campaign", "change", "outage")
"""Product events that draw a line: `otelgate.event("deployment", version="1.4.2")`, or `make annotate`."""


SENTENCE: Final = "sentence"
"""The attribute with the text of `make annotate`, as one word. (An application's own `text` is one already.)"""


def as_word(text: str) -> str:
    """Without white space, as in a form: `+` for it. AS_TEXT is the way back."""
    return re.sub(r"\s", "+", text.strip().replace("%", "%25").replace("+", "%2B"))


AS_TEXT: Final = f"replace(replace(replace(attributes ->> '{SENTENCE}', '+', ' '), '%2B', '+'), '%25', '%')"


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
