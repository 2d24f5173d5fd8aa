"""Answers of all stores in one form: frames of columns, as JSON for the browser."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["time", "number", "text", "boolean", "labels"]
"""The kind of a column. A time is Unix milliseconds; labels are a mapping."""


@dataclass(frozen=True)
class Column:
    """Values of one kind; None where there is none. `labels`: of the series whose numbers they are."""

    name: str
    kind: Kind
    values: Sequence[Any]
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        values = [_finite(value) for value in self.values] if self.kind == "number" else list(self.values)
        return {"name": self.name, "kind": self.kind, "labels": dict(self.labels), "values": values}


@dataclass(frozen=True)
class Frame:
    """Columns of the same length: a series (time and numbers), a table, log lines, or exemplars.

    `name`: that of the series in a legend. `role`: what the rows are.
    """

    columns: tuple[Column, ...]
    name: str = ""
    role: Literal["series", "table", "bucket", "lines", "exemplars", "traces"] = "table"
    ref_id: str = "A"

    def __len__(self) -> int:
        """Its number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    @property
    def numbers(self) -> list[float]:
        """All numbers in it."""
        return [value for column in self.columns if column.kind == "number" for value in column.values if _is(value)]

    @property
    def items(self) -> int:
        """1 for a series with a value; otherwise the number of rows that are not empty in all columns."""
        if self.role in ("series", "bucket"):
            return int(bool(self.numbers))
        return sum(
            any(value is not None for value in row) for row in zip(*(c.values for c in self.columns), strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": self.ref_id,
            "name": self.name,
            "role": self.role,
            "columns": [column.to_json() for column in self.columns],
        }


def series(name: str, times: Sequence[float], numbers: Sequence[float | None], labels: Mapping[str, str]) -> Frame:
    """One line of a graph; `times` in Unix milliseconds."""
    return Frame((Column("time", "time", times), Column(name, "number", numbers, labels)), name, "series")


def _is(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _finite(value: float | None) -> float | str | None:
    """JSON has no infinity and no NaN; JavaScript's Number() reads the word."""
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
