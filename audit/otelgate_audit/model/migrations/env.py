"""Run by Alembic: the connection comes from database.migrate."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
connection.execute(text("CREATE SCHEMA IF NOT EXISTS audit"))
context.configure(connection=connection, version_table_schema="audit")
with context.begin_transaction():
    context.run_migrations()
