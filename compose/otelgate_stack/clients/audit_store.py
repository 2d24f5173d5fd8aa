"""A small typed reader of the audit store, PostgreSQL, for the doctor, the demo and tests.

Each call is one statement on its own connection, as the database's owner: what is asked for here is content, too.
Errors are `StoreError`, as those of the other stores.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

from ..settings import Settings
from . import StoreError

Row = Mapping[str, Any]


class AuditStore:
    """The database of one stack. Columns are those of audit/otelgate_audit/model/migrations."""

    def __init__(self, settings: Settings, timeout_s: int = 5) -> None:
        self._url = settings.database
        self._password_file = settings.database_password
        self._timeout_s = timeout_s
        parts = urlsplit(settings.database)
        self.url = f"postgresql://{parts.hostname}:{parts.port or 5432}{parts.path}"
        """Without user and password."""

    def ready(self) -> bool:
        """Whether a connection works."""
        return answers(self._url, self._password_file)

    def turns(self, trace_ids: Sequence[str]) -> list[Row]:
        """The rows of these traces, with the question and the reply, earliest first."""
        return self._rows("SELECT * FROM content.turns WHERE trace_id = ANY(%s) ORDER BY started_at", list(trace_ids))

    def size(self) -> tuple[int, int]:
        """How many turns there are, and the bytes of the database, without the server's write-ahead log."""
        statement = "SELECT count(*) AS turns, pg_database_size(current_database()) AS bytes"
        (row,) = self._rows(f"{statement} FROM audit.turns")
        return int(row["turns"]), int(row["bytes"])

    def tool_calls(self, trace_id: str) -> list[Row]:
        """The tools that one turn used, in order, with arguments and results."""
        return self._rows("SELECT * FROM content.tool_calls WHERE trace_id = %s ORDER BY start_time", trace_id)

    def feedback(self, trace_id: str) -> list[Row]:
        """The votes on one turn, in order, with their comments."""
        return self._rows("SELECT * FROM content.feedback WHERE trace_id = %s ORDER BY start_time", trace_id)

    def events(self, name: str, trace_id: str) -> list[Row]:
        """Product events of this name that belong to one trace, in order."""
        return self._rows(
            "SELECT * FROM audit.events WHERE name = %s AND trace_id = %s ORDER BY start_time", name, trace_id
        )

    def events_since(self, name: str, service: str, start: datetime) -> list[Row]:
        """Product events of this name and service that happened at `start` or later, in order."""
        return self._rows(
            "SELECT * FROM audit.events WHERE name = %s AND service = %s AND start_time >= %s ORDER BY start_time",
            name,
            service,
            start,
        )

    def rejects(self, trace_id: str) -> list[Row]:
        """The records of one trace that the sink could not store, and why."""
        return self._rows(
            "SELECT arrived_at, signal, record, reason FROM content.rejects WHERE trace_id = %s ORDER BY id", trace_id
        )

    def _rows(self, statement: str, *values: Any) -> list[Row]:
        try:
            with _connect(self._url, self._password_file, self._timeout_s) as connection:
                return list(connection.execute(statement, values))
        except (psycopg.Error, OSError) as error:
            raise StoreError(self.url, _first_line(error)) from error


def answers(url: str, password_file: Path | None, timeout_s: int = 2) -> bool:
    """Whether this database can be connected to."""
    try:
        _connect(url, password_file, timeout_s).close()
    except (psycopg.Error, OSError):
        return False
    return True


def _connect(url: str, password_file: Path | None, timeout_s: int) -> psycopg.Connection[dict[str, Any]]:
    options: dict[str, str] = {"password": password_file.read_text().strip()} if password_file else {}
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=timeout_s,
        application_name="otelgate-stack",
        row_factory=dict_row,
        **options,  # type: ignore[arg-type]
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
