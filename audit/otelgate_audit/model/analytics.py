"""The views and functions of schema `analytics`, and those on message content, from views/*.sql; comments on tables."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

FOLDER: Final = Path(__file__).parent / "views"
COMMENTS: Final = Path(__file__).with_name("comments.sql")
"""Comments on the tables and columns of the other schemas."""

_COMMENT = "Product analytics, made by `otelgate-audit migrate` from the files {digest}"
_REMEMBERED = re.compile(r"from the files ([0-9a-f]{64})$")

# Other views, outside the schema, that read ours: recreating ours drops them.
_DEPENDENTS = """
SELECT DISTINCT theirs.relnamespace::regnamespace || '.' || theirs.relname
FROM pg_depend d
JOIN pg_class ours ON ours.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class theirs ON theirs.oid = r.ev_class
WHERE ours.relnamespace = to_regnamespace('analytics') AND theirs.relnamespace <> ours.relnamespace
ORDER BY 1
"""


def apply(connection: psycopg.Connection[Any]) -> list[str]:
    """Recreate the views and set the comments, in one transaction, if a file changed. Returns messages.

    Grants are up to the caller. Views in other schemas that read these are dropped too; the messages name them.
    """
    files = sorted(FOLDER.glob("*.sql"))
    digest = _digest([*files, COMMENTS])
    with connection.transaction():
        if _remembered(connection) == digest:
            return []
        lost = [name for (name,) in connection.execute(_DEPENDENTS)]
        connection.execute("DROP SCHEMA IF EXISTS analytics CASCADE")
        connection.execute("CREATE SCHEMA analytics")
        for file in [*files, COMMENTS]:
            _run(connection, file)
        comment = sql.Literal(_COMMENT.format(digest=digest))
        connection.execute(sql.SQL("COMMENT ON SCHEMA analytics IS {}").format(comment))
    done = [f"analytics: views and functions made from {len(files)} files"]
    return done + [f"dropped {name}, which read analytics: make it again" for name in lost]


def _digest(files: list[Path]) -> str:
    hashed = hashlib.sha256()
    for file in files:
        text = file.read_bytes()
        hashed.update(f"{file.name} {len(text)}\n".encode() + text)
    return hashed.hexdigest()


def _remembered(connection: psycopg.Connection[Any]) -> str | None:
    row = connection.execute("SELECT obj_description(to_regnamespace('analytics'), 'pg_namespace')").fetchone()
    found = _REMEMBERED.search(row[0]) if row and row[0] else None
    return found[1] if found else None


def _run(connection: psycopg.Connection[Any], file: Path) -> None:
    try:
        connection.execute(file.read_bytes())
    except psycopg.Error as error:
        error.add_note(f"in {file.name}")
        raise
