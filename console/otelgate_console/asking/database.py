"""SQL on the audit database, read only: tables, and series of numbers."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from .dashboards import Query
from .frames import Column, Frame, Kind, series

_CONNECT_S: Final = 5


def connect(conninfo: str, timeout_s: float, **options: Any) -> psycopg.Connection[Any]:
    """A connection that reads only, in UTC, whose statements may take so many seconds. `options` are psycopg's."""
    given = f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={round(timeout_s * 1000)}"
    return psycopg.connect(
        conninfo,
        autocommit=True,
        connect_timeout=_CONNECT_S,
        options=given,
        application_name="otelgate-console",
        **options,
    )


def ask(database: str, query: Query, text: str, timeout_s: float) -> list[Frame]:
    """The frames of a query; `database`: a connection string. Raises psycopg.Error."""
    columns = rows(database, text, timeout_s)
    if query.options.get("format") == "time_series":
        return list(_series(columns))
    return [Frame(tuple(columns))]


def rows(database: str, text: str, timeout_s: float) -> list[Column]:
    """The columns of a statement's rows. Raises psycopg.Error."""
    with connect(database, timeout_s) as connection:
        cursor = connection.execute(text.encode())
        found, names = cursor.fetchall(), [each.name for each in cursor.description or ()]
    return [_column(name, [row[number] for row in found]) for number, name in enumerate(names)]


def _column(name: str, values: Sequence[Any]) -> Column:
    kinds = {_kind(value) for value in values if value is not None}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "text"
    return Column(name, kind, [None if value is None else _plain(value, kind) for value in values])


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal | timedelta):
        return "number"
    return "time" if isinstance(value, date) else "text"


def _plain(value: Any, kind: Kind) -> Any:
    if kind == "time":
        return _moment(value).timestamp() * 1000
    if kind == "number":
        return value.total_seconds() if isinstance(value, timedelta) else float(value)
    if kind == "boolean" or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def _moment(value: date) -> datetime:
    """A date is its midnight in UTC, and so is a time without a zone, as for Grafana."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _series(columns: Sequence[Column]) -> Iterator[Frame]:
    """A line for each column of numbers, and for each value of the column of text, where there is one."""
    times = next((column.values for column in columns if column.kind == "time"), [])
    names = next((column.values for column in columns if column.kind == "text"), None)
    for column in columns:
        if column.kind == "number":
            for name in [None] if names is None else list(dict.fromkeys(names)):
                chosen = [n for n in range(len(times)) if names is None or names[n] == name]
                labels = {} if name is None else {"metric": str(name)}
                points = [column.values[n] for n in chosen]
                yield series(str(name or column.name), [times[n] for n in chosen], points, labels)
