"""The stores that the tests of dashboards query."""

from dataclasses import dataclass
from typing import Final

from otelgate_console.asking.dashboards import Dashboard, parse
from otelgate_console.asking.stores import Stores
from otelgate_console.asking.window import Window
from otelgate_grafana import main, render

DASHBOARDS: Final[dict[str, Dashboard]] = {each.name: parse(render.as_json(each)) for each in main.DASHBOARDS}
"""As rendered, by name."""


@dataclass(frozen=True)
class Filled:
    """Stores with data up to the end of `window`; `owner` may read content, `stores.database` is Grafana's own role."""

    stores: Stores
    owner: str
    window: Window
