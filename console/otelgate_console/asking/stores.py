"""The stores that are asked, and one query to one of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import psycopg
from otelgate_stack.clients import Loki, Prometheus, Store, StoreError, Tempo

from . import database, loki, prometheus, tempo
from .dashboards import Query
from .frames import Frame
from .interpolation import Value, interpolate
from .window import Window

PROMETHEUS: Final = "prometheus"
LOKI: Final = "loki"
TEMPO: Final = "tempo"
POSTGRES: Final = "grafana-postgresql-datasource"
TIMEOUT_S: Final = 60.0
"""Seconds that a query may take."""


@dataclass(frozen=True)
class Stores:
    """Whom to ask: clients, and a connection string of the database. None: do not ask there."""

    prometheus: Prometheus | None = None
    loki: Loki | None = None
    tempo: Tempo | None = None
    database: str | None = None

    def of(self, query: Query) -> Store | str | None:
        """The store of a query."""
        known = {PROMETHEUS: self.prometheus, LOKI: self.loki, TEMPO: self.tempo, POSTGRES: self.database}
        return known.get(query.source)


@dataclass(frozen=True)
class Result:
    """The answer to one query, in `seconds`. `error`: what failed. `refused`: content that this reader may not see."""

    frames: Sequence[Frame] = field(default=())
    seconds: float = 0.0
    error: str = ""
    refused: str = ""

    @property
    def rows(self) -> int:
        """Series, lines, traces or table rows with a value; 0 is empty."""
        return sum(frame.items for frame in self.frames if frame.role != "exemplars")

    @property
    def zero(self) -> bool:
        """Every number was 0, for example where a query fills in missing values."""
        numbers = [number for frame in self.frames for number in frame.numbers]
        return bool(numbers) and not any(numbers)


def run(query: Query, values: Mapping[str, Value], stores: Stores, window: Window) -> Result:
    """One query, its variables and macros replaced. Raises ValueError if its store is none of `stores`."""
    text = interpolate(query.text, values, window)
    started = time.monotonic()
    try:
        frames = [replace(frame, ref_id=query.ref_id) for frame in _ask(query, text, stores, window)]
        return Result(frames, time.monotonic() - started)
    except psycopg.errors.InsufficientPrivilege as failure:
        # Content is read by those who were granted it: for others these panels are empty, and say why.
        refused = "schema content" in str(failure)
        reason = str(failure).splitlines()[0]
        return Result((), time.monotonic() - started, "" if refused else reason, reason if refused else "")
    except (StoreError, psycopg.Error, ValueError) as failure:
        return Result((), time.monotonic() - started, f"{failure}\n{text}")


def _ask(query: Query, text: str, stores: Stores, window: Window) -> Sequence[Frame]:
    asked = stores.of(query)
    if isinstance(asked, str):
        return database.ask(asked, query, text, TIMEOUT_S)
    if asked is None:
        raise ValueError(f"data source {query.source!r} is not asked here")
    ask = {PROMETHEUS: prometheus.ask, LOKI: loki.ask, TEMPO: tempo.ask}[query.source]
    return ask(asked, query, text, window)
