"""The formats of an export: JSON lines, CSV and Parquet.

JSON lines and Parquet nest tool calls and votes. CSV is flat: it joins their names and comments, and also has them as
JSON in separate cells.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final, Protocol

import orjson
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from .rows import TOOL, TOOL_WORDS, TURN, VOTE, VOTE_WORDS, WORDS, Row, length

ROW_GROUP: Final = 5000
"""Turns in one row group of a Parquet file, at most; held until it is written."""
LONG_GROUP: Final = 32 * 1024 * 1024
"""Characters from which a row group ends earlier."""

_FLAT: Final = ("tool_names", "comments", "tools", "feedback")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Format(Protocol):
    """Writes rows to a file as they come."""

    def write(self, rows: list[Row]) -> None: ...
    def close(self) -> None: ...


class JsonLines:
    """One object a line. Times are ISO 8601 in UTC, costs exact decimals as strings."""

    def __init__(self, file: BinaryIO, *, content: bool) -> None:
        self._file = file
        self._names = (*TURN, *(WORDS if content else ()), "tools", "feedback")

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            ordered = {name: row[name] for name in self._names}
            self._file.write(orjson.dumps(plain(ordered), option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Finish; no more rows follow."""


class Csv:
    """A header, and a line for each turn (RFC 4180 except for line ends). An empty cell means NULL.

    A text that a spreadsheet would interpret as a formula is prefixed with an apostrophe.
    """

    def __init__(self, file: BinaryIO, *, content: bool) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", newline="")
        flat = _FLAT if content else tuple(name for name in _FLAT if name != "comments")
        self._names = (*TURN, *(WORDS if content else ()), *flat)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(self._names)

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._writer.writerow([_cell(self._value(row, name)) for name in self._names])

    def close(self) -> None:
        self._text.flush()
        self._text.detach()  # the file is the caller's

    def _value(self, row: Row, name: str) -> object:
        if name == "tool_names":
            return [call["tool"] for call in row["tools"]]
        if name == "comments":
            return "\n\n".join(vote["comment"] for vote in row["feedback"] if vote["comment"])
        if name in ("tools", "feedback"):
            return orjson.dumps(plain(row[name])).decode()
        return row[name]


class Parquet:
    """Row groups of at most ROW_GROUP; times are timestamps in UTC, costs decimals with 12 places."""

    def __init__(self, file: BinaryIO, *, content: bool) -> None:
        self._schema = _schema(content)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._length = 0

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._rows.append(row)
            self._length += length(row)
            if len(self._rows) == ROW_GROUP or self._length > LONG_GROUP:
                self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema), row_group_size=ROW_GROUP)
            self._rows, self._length = [], 0


FORMATS: Final[dict[str, type[JsonLines] | type[Csv] | type[Parquet]]] = {
    "jsonl": JsonLines,
    "csv": Csv,
    "parquet": Parquet,
}


def plain(value: Any) -> Any:
    """As JSON has it: times in ISO 8601 (UTC), decimals as strings, exact."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return plain(value)


def _schema(content: bool) -> pa.Schema:
    return pa.schema(
        [
            *_fields((*TURN, *(WORDS if content else ()))),
            pa.field("tools", pa.list_(pa.struct(_fields((*TOOL, *(TOOL_WORDS if content else ())))))),
            pa.field("feedback", pa.list_(pa.struct(_fields((*VOTE, *(VOTE_WORDS if content else ())))))),
        ]
    )


def _fields(names: tuple[str, ...]) -> list[pa.Field]:
    return [pa.field(name, _TYPES.get(name, pa.string())) for name in names]


_TYPES: Final = {
    **dict.fromkeys(("started_at", "ended_at", "start_time"), pa.timestamp("us", tz="UTC")),
    **dict.fromkeys(("route", "models"), pa.list_(pa.string())),
    **dict.fromkeys(
        (
            *("latency_us", "ttft_us", "duration_us", "runs", "model_calls", "tool_calls", "tool_errors"),
            *("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "reasoning_tokens"),
            *("unpriced_calls", "rating_score", "score"),
        ),
        pa.int64(),
    ),
    **dict.fromkeys(("confidence", "relevance"), pa.float64()),
    "cancelled": pa.bool_(),
    "cost_usd": pa.decimal128(38, 12),
}
