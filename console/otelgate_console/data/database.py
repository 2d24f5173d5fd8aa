"""The audit database, read only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import Composed
from starlette.concurrency import run_in_threadpool

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
        options = f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={_TIMEOUT_S}s"
        with psycopg.connect(
            self._conninfo,
            autocommit=True,
            connect_timeout=5,
            options=options,
            application_name="otelgate-console",
            row_factory=dict_row,
        ) as connection:
            query = statement.encode() if isinstance(statement, str) else statement
            return list(connection.execute(query, values))
