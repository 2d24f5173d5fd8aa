"""Tables of product analytics: each is a function or view of schema `analytics`, described by an entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from psycopg import sql

from .database import Database, Row

Chart = Literal["", "lines", "bars", "cohorts"]


@dataclass(frozen=True)
class Table:
    """A table on a page. `source`: a function of schema analytics, or content for those who may read it.

    `arguments`: more of the function's parameters. `ranged`, `filtered`: whether it has those of range and service;
    a view has neither. `chart`: how it is drawn above the table. `hidden`: columns that are not shown.
    """

    title: str
    source: str
    text: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    ranged: bool = True
    filtered: bool = True
    view: bool = False
    chart: Chart = ""
    hidden: tuple[str, ...] = ()
    empty: str = "No data in this range."

    @property
    def id(self) -> str:
        """Its name in links."""
        return self.title.lower().replace(" ", "-")

    @property
    def content(self) -> bool:
        """Whether it shows the content of conversations."""
        return self.source.startswith("content.")

    def statement(
        self, start: datetime, end: datetime, services: Sequence[str]
    ) -> tuple[sql.Composed, Mapping[str, Any]]:
        """The statement and its values."""
        schema, _, name = self.source.rpartition(".")
        values: dict[str, Any] = dict(self.arguments)
        if self.ranged and not self.view:
            values |= {"from_time": start, "to_time": end}
        if self.filtered and not self.view:
            values["services"] = list(services) or None
        named = [sql.SQL("{} => {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in values]
        source = sql.SQL("{}.{}").format(sql.Identifier(schema or "analytics"), sql.Identifier(name))
        call = source if self.view else sql.SQL("{}({})").format(source, sql.SQL(", ").join(named))
        return sql.SQL("SELECT * FROM {} LIMIT 1000").format(call), values


@dataclass(frozen=True)
class Found:
    """A table's rows. `columns`: name, title, unit."""

    table: Table
    columns: Sequence[tuple[str, str, str]]
    rows: Sequence[Row]


_UNITS: Final = {"usd": "usd", "ratio": "percent", "seconds": "seconds", "at": "time", "seen": "time", "ms": "ms"}
_NAMED: Final = {
    "time": "time",
    "day": "day",
    "cohort": "day",
    "week": "text",
    "stickiness": "percent",
    "satisfaction": "percent",
    "share": "percent",
}


async def read(database: Database, table: Table, start: datetime, end: datetime, services: Sequence[str]) -> Found:
    """The rows of a table. Raises psycopg.Error."""
    rows = await database.rows(*table.statement(start, end, services))
    names = [name for name in (rows[0] if rows else ()) if name not in table.hidden]
    return Found(table, [(name, title(name), unit(name)) for name in names], rows)


def title(name: str) -> str:
    """A column's title for people: cost_usd is Cost (USD)."""
    words = name.removesuffix("_usd").removesuffix("_seconds").removesuffix("_ratio").replace("_", " ")
    ending = " (USD)" if name.endswith("_usd") else ""
    return words[:1].upper() + words[1:] + ending


def unit(name: str) -> str:
    """How a column's values are written."""
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("cost") or name in ("mrr", "arr", "arpu", "arppu", "revenue"):
        return "usd"
    return _UNITS.get(name.rpartition("_")[2], "")
