"""The audit database, read only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg.rows import dict_row
from psycopg.sql import Composed
from starlette.concurrency import run_in_threadpool

from ..asking.database import connect

Row = Mapping[str, Any]
_TIMEOUT_S: Final = 20


class Database:
    """Asks as one role. `conninfo`: psycopg's connection string. Raises psycopg.Error."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    async def rows(self, statement: str | Composed, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """The rows of a statement, each a mapping."""
        return await run_in_threadpool(self._rows, statement, values)

    def _rows(self, statement: str | Composed, values: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        with connect(self._conninfo, _TIMEOUT_S, row_factory=dict_row) as connection:
            query = statement.encode() if isinstance(statement, str) else statement
            return list(connection.execute(query, values))
