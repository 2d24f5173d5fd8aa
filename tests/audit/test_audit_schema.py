"""The schema: made twice, owned by no superuser, closed to readers without a grant."""

import psycopg
import pytest
from otelgate_audit import database as audit_database
from otelgate_audit import partitions


def test_migrating_again_changes_nothing(database: str) -> None:
    assert audit_database.migrate(database) == []


def test_a_database_without_the_schema_is_named(server: object, database: str) -> None:
    with audit_database.connect(database, name="test") as connection:
        audit_database.require_schema(connection)
        connection.execute("DELETE FROM audit.alembic_version")
        with pytest.raises(audit_database.SchemaError) as caught:
            audit_database.require_schema(connection)
    expected = "the database's schema is at nothing: expected 0001; run `otelgate-audit migrate`"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("role", "table", "allowed"),
    [
        ("otelgate_reader", "audit.conversations", True),
        ("otelgate_reader", "content.conversations", False),
        ("otelgate_reader", "content.texts", False),
        ("otelgate_reader", "ledger.keys", False),
        ("otelgate_grafana", "audit.tool_calls", True),
        ("otelgate_grafana", "content.tool_calls", False),
        ("otelgate_content", "content.conversations", True),
        ("otelgate_content", "ledger.keys", False),
    ],
)
def test_who_reads_what(database: str, role: str, table: str, allowed: bool) -> None:
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


def test_a_user_who_is_known_later_was_active_that_day(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO audit.conversations (trace_id, started_at, ended_at, arrived_at, updated_at, service, state)"
            " VALUES ('a', '2026-01-01', '2026-01-01', now(), now(), 'shop', '{}')"
        )
        assert connection.execute("SELECT user_id FROM audit.user_days").fetchall() == []
        connection.execute("UPDATE audit.conversations SET user_id = 'u'")
        assert connection.execute("SELECT user_id, day::text FROM audit.user_days").fetchall() == [("u", "2026-01-01")]
