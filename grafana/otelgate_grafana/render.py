"""Dashboards as Grafana's JSON, the same bytes every time."""

import json
import re
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from .annotations import Deployments
from .layout import COLUMNS, Dashboard, Row

TAG = "otelgate"
"""On every dashboard, so that each can offer all others."""


def path(dashboard: Dashboard) -> Path:
    """Where it is written, below grafana/rendered/dashboards/."""
    return Path(dashboard.folder.replace(" ", "-")) / f"{dashboard.name}.json"


def text(dashboard: Dashboard) -> str:
    """The file's text."""
    return json.dumps(as_json(dashboard), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it. Raises ValueError where a panel is wider than the grid."""
    variables = [variable.build() for variable in dashboard.variables]
    filtered = any(variable.name == "service" for variable in variables)
    menu = DashboardLink("otelgate dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    builder = (
        Builder(f"otelgate / {dashboard.title}")
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([TAG, dashboard.name])
        .time(dashboard.period, "now")
        .refresh(dashboard.refresh)
        .timezone("browser")
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .annotation(Deployments(filtered=filtered))
        .links([menu.as_dropdown(True).include_vars(True).keep_time(True), *dashboard.links])
    )
    built = builder.build()
    built.templating = model.DashboardDashboardTemplating(list_val=variables)
    built.panels = _lay_out(dashboard.rows)
    result: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    _add_reasons(dashboard, result["panels"])
    return result


def variables_used(query: str) -> set[str]:
    """Names of the dashboard variables in a query or a link; Grafana's own begin with two underscores."""
    found = re.findall(r"\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}", query)
    return {name for pair in found for name in pair if name and not name.startswith("__")}


def _add_reasons(dashboard: Dashboard, placed: list[dict[str, Any]]) -> None:
    """Add `normallyEmpty` to panels that may show nothing: the console shows the reason, Grafana ignores the key."""
    reasons = {panel.id: panel.normally_empty for panel in dashboard.panels() if panel.normally_empty}
    for panel in placed:
        _add_reasons(dashboard, panel.get("panels") or [])
        if panel["id"] in reasons:
            panel["normallyEmpty"] = reasons[panel["id"]]


def _lay_out(rows: tuple[Row, ...]) -> list[model.Panel | model.RowPanel]:
    placed: list[model.Panel | model.RowPanel] = []
    y = 0
    for row in rows:
        heading = model.RowPanel(
            title=row.title, collapsed=row.collapsed, id_val=row.id, grid_pos=model.GridPos(x=0, y=y, w=COLUMNS, h=1)
        )
        placed.append(heading)
        y += 1
        panels, height = _flow(row, y)
        # Panels in a collapsed row take no space.
        if row.collapsed:
            heading.panels = panels
        else:
            placed += panels
            y += height
    return placed


def _flow(row: Row, top: int) -> tuple[list[model.Panel], int]:
    """The panels from left to right, wrapped to the next line when one is full; also the total height."""
    panels = []
    x, y, line = 0, top, 0
    for panel in row.panels:
        if not 0 < panel.width <= COLUMNS:
            raise ValueError(f"panel {panel.title!r}: width={panel.width}: expected 1 to {COLUMNS}")
        if x + panel.width > COLUMNS:
            x, y, line = 0, y + line, 0
        panel.model.id_val = panel.id
        panel.model.grid_pos = model.GridPos(x=x, y=y, w=panel.width, h=panel.height)
        panels.append(panel.model)
        x, line = x + panel.width, max(line, panel.height)
    return panels, y + line - top
