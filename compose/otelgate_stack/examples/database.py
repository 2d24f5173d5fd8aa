"""A database of an example's own, on the stack's PostgreSQL server."""

import secrets

import psycopg
from psycopg import sql

from .. import credentials
from ..errors import StackError
from ..ports import LOOPBACK
from ..settings import Settings


def ensure(settings: Settings, name: str) -> str:
    """The URL of that database, with a role of the same name and a new password; both are made where missing.

    Raises StackError where the stack does not run its own PostgreSQL.
    """
    if not settings.own_database:
        raise StackError("this example wants a database on the stack's own PostgreSQL: unset OTELGATE_DATABASE_URL")
    superuser = credentials.superuser_password(settings).read_text().strip()
    host = f"host={LOOPBACK} port={settings.postgres_port}"
    password = secrets.token_hex(16)
    with psycopg.connect(f"{host} user=postgres dbname=postgres", password=superuser, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        change = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(change).format(sql.Identifier(name), sql.Literal(password)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    return f"postgresql://{name}:{password}@{LOOPBACK}:{settings.postgres_port}/{name}"
