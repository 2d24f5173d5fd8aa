"""Runs the queries of panels, several at a time."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import psycopg
from otelgate_stack.clients import StoreError

from . import variables
from .dashboards import Dashboard, Panel, Query
from .interpolation import Value
from .stores import Result, Stores, run
from .window import Window

PARALLEL: Final = 6
"""Requests that a browser sends to one host at a time."""


@dataclass(frozen=True)
class Answer:
    """The answer to one query of a panel."""

    dashboard: str
    panel: Panel
    query: Query
    result: Result

    @property
    def good(self) -> bool:
        """It did not fail, and is not empty without a reason."""
        return not self.result.error and (self.result.rows > 0 or bool(self.panel.normally_empty))


def ask(dashboard: Dashboard, stores: Stores, window: Window, **chosen: Value) -> list[Answer]:
    """Every query of a dashboard that these stores answer. `chosen`: values of variables; the others as it opens."""
    values = variables.defaults(dashboard) | chosen
    asked = [(panel, query) for panel in dashboard.panels for query in panel.queries if stores.of(query)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = pool.map(lambda pair: run(pair[1], values, stores, window), asked)
        return [
            Answer(dashboard.name, panel, query, result) for (panel, query), result in zip(asked, results, strict=True)
        ]


def beside(dashboard: Dashboard, stores: Stores, window: Window, **chosen: Value) -> Iterator[tuple[str, str]]:
    """Name and error of each variable's query and of each annotation that fails."""
    values: Mapping[str, Value] = variables.defaults(dashboard) | chosen
    for variable in dashboard.variables:
        try:
            variables.offered(variable, values, stores, window)
        except (StoreError, psycopg.Error, ValueError) as failure:
            yield f"variable {variable.name}", str(failure)
    for name, query in dashboard.annotations:
        if stores.of(query) and (error := run(query, values, stores, window).error):
            yield f"annotation {name}", error
