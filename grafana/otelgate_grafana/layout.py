"""The parts of a dashboard: `Dashboard` > `Row` > `Panel`. render.py turns it into Grafana's JSON."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel as PanelModel

from . import uids
from .links import Link
from .queries import Query
from .variables import Variable

COLUMNS: Final = 24
"""Width of a dashboard in grid cells."""
POINTS: Final = 500
"""The maximum of points of a line, on any screen: the console asks the same queries as Grafana."""


@dataclass(frozen=True)
class Panel:
    """One panel, and what is known of it beyond its JSON. Made by the functions of panels.py."""

    title: str
    model: PanelModel
    queries: tuple[Query, ...]
    width: int
    height: int
    covers: tuple[str, ...] = ()
    """Ids of the requirements that it fulfils."""
    alerts: tuple[str, ...] = ()
    """Alerts that watch the same number."""
    normally_empty: str = ""
    """Why it may show nothing though all is well; empty: it must show something once there is traffic."""

    @property
    def id(self) -> int:
        """Stays the same when panels come and go around it, since links and annotations name it."""
        return zlib.crc32(self.title.encode()) % 1_000_000 + 1


@dataclass(frozen=True)
class Row:
    """A heading and the panels under it, laid out from left to right."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False

    def __init__(self, title: str, *panels: Panel, collapsed: bool = False) -> None:
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "panels", panels)
        object.__setattr__(self, "collapsed", collapsed)

    @property
    def id(self) -> int:
        return zlib.crc32(f"row {self.title}".encode()) % 1_000_000 + 1_000_001


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One dashboard. `uid` is one of uids.py's; the file is named after it."""

    uid: str
    title: str
    """Without "otelgate / ", which is put before it."""
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    folder: str = uids.SHARED_FOLDER
    period: str = "now-6h"
    """The start of the time range when the dashboard is opened; the range ends now."""
    refresh: str = "30s"
    links: tuple[Link, ...] = field(default=())
    """Besides the menu of all dashboards."""

    @property
    def name(self) -> str:
        return self.uid.removeprefix("otelgate-")

    def panels(self) -> Iterator[Panel]:
        """All panels, in their order."""
        for row in self.rows:
            yield from row.panels
