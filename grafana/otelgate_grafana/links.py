"""Links onward: from a value to its trace, its log lines, its turn, and from dashboard to dashboard."""

import json
from typing import Any
from urllib.parse import quote

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from . import datasources, uids

Link = Builder[model.DashboardLink]

VALUE = "${__value.raw:percentencode}"
"""In a data link: the value that was clicked on, as a part of an address."""
KEEP = "${__url_time_range}&${service:queryparam}&${environment:queryparam}"
"""In a link to another dashboard: the range and the choices of this one."""


def trace(trace_id: str = VALUE, title: str = "Trace") -> Link:
    """Opens the trace in Tempo. `trace_id`: how to find it, e.g. `${__data.fields.trace_id}`."""
    return _link(title, _explore(uids.TEMPO, {"queryType": "traceql", "query": trace_id}))


def logs(trace_id: str = VALUE, title: str = "Log lines of the trace") -> Link:
    """Opens the log lines of a trace in Loki."""
    expr = f'{{service_name=~".+"}} | trace_id=`{trace_id}`'
    return _link(title, _explore(uids.LOKI, {"queryType": "range", "expr": expr}))


def turn(trace_id: str = VALUE, title: str = "Turn") -> Link:
    """Opens the turn's row, calls and (where granted) words."""
    return _link(title, f"/d/{uids.CONVERSATION_AUDIT}?var-trace={trace_id}&${{__url_time_range}}")


def user(user_id: str = VALUE, title: str = "Turns of the user") -> Link:
    """Opens Conversation audit, filtered by a user."""
    return _link(title, f"/d/{uids.CONVERSATION_AUDIT}?var-user={user_id}&${{__url_time_range}}")


def dashboard(uid: str, title: str, *, more: str = "") -> Link:
    """Opens another dashboard with this one's range, service and environment; `more`: `&var-agent=…`."""
    return _link(title, f"/d/{uid}?{KEEP}{more}")


def everywhere(trace_id: str = VALUE) -> tuple[Link, ...]:
    """All that a trace id can open."""
    return trace(trace_id), logs(trace_id), turn(trace_id)


def runbook(alert: str) -> str:
    """Where an alert's runbook is, from the repository's root."""
    return f"grafana/runbooks/{alert}.md"


def _link(title: str, url: str) -> Link:
    return DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).target_blank(False)


def _explore(uid: str, query: dict[str, Any]) -> str:
    source = datasources.as_json(uid)
    query = {"refId": "A", "datasource": source, **query}
    pane = {"datasource": uid, "queries": [query], "range": {"from": "${__from}", "to": "${__to}"}}
    panes = quote(json.dumps({"one": pane}, separators=(",", ":")), safe="${}_.:,")
    return f"/explore?schemaVersion=1&orgId=1&panes={panes}"
