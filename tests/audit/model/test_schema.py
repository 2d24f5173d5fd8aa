"""The schema: made twice, owned by no superuser, closed to readers without a grant."""

import make_tables
import psycopg
import pytest
from otelgate_audit.model import database as audit_database
from otelgate_audit.model import partitions


@pytest.mark.shows("K10", "F6")
def test_migrating_again_changes_nothing(database: str) -> None:
    assert audit_database.migrate(database) == []


def test_database_without_schema_is_named(server: object, database: str) -> None:
    with audit_database.connect(database, name="test") as connection:
        audit_database.require_schema(connection)
        connection.execute("DELETE FROM audit.alembic_version")
        with pytest.raises(audit_database.SchemaError) as caught:
            audit_database.require_schema(connection)
    expected = "the database's schema is at nothing: expected 0006; `otelgate-audit keep` brings it there, or `migrate`"
    assert str(caught.value) == expected


def test_reference_page_shows_the_tables_of_the_database(database: str) -> None:
    text = make_tables.PAGE.read_text()
    with psycopg.connect(database) as connection:
        assert make_tables.page(text, connection) == text, "docs/reference/tables.md differs: run `make tables`"
    assert " None" not in text, "a table or column without a comment in model/comments.sql"


@pytest.mark.parametrize(
    ("role", "table", "allowed"),
    [
        ("otelgate_reader", "audit.turns", True),
        ("otelgate_reader", "content.turns", False),
        ("otelgate_reader", "content.texts", False),
        ("otelgate_reader", "ledger.keys", False),
        ("otelgate_grafana", "audit.tool_calls", True),
        ("otelgate_grafana", "content.tool_calls", False),
        ("otelgate_content", "content.turns", True),
        ("otelgate_content", "ledger.keys", False),
    ],
)
def test_role_reads_only_granted_tables(database: str, role: str, table: str, allowed: bool) -> None:
    with psycopg.connect(database) as connection:
        schema = table.split(".")[0]
        row = connection.execute(
            "SELECT has_schema_privilege(%s, %s, 'USAGE') AND has_table_privilege(%s, %s, 'SELECT')",
            [role, schema, role, table],
        ).fetchone()
    assert row == (allowed,)


def test_partitions_are_made_once_and_listed(database: str) -> None:
    noon = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z
    wanted = [partitions.covering("audit.runs", noon), partitions.covering("audit.events", noon)]
    with psycopg.connect(database) as connection:
        partitions.create(connection, [*wanted, *wanted])
        partitions.create(connection, wanted)
        assert partitions.existing(connection, "audit.runs") == wanted[:1]
        assert partitions.existing(connection, "audit.events") == wanted[1:]
    assert [each.name for each in wanted] == ["audit.runs_20260101", "audit.events_202601"]
