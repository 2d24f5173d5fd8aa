"""How the analytics views are made, who may read them, and that each is explained."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import otelgate_audit
import psycopg
import pytest
from otelgate_audit.model import analytics
from otelgate_audit.model import database as audit_database
from psycopg import sql
from turn_data import filling

from ..analytics_data import DAY, at, read, talk

CALLS = (
    "SELECT p.oid::regproc::text || '()' FROM pg_proc p"
    " WHERE p.pronamespace IN ('analytics'::regnamespace, 'content'::regnamespace) AND p.proretset"
    " AND p.pronargs = p.pronargdefaults"
    " UNION ALL SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace"
)


def test_nothing_fails_where_there_is_nothing(database: str) -> None:
    with psycopg.connect(database) as connection:
        calls = [name for (name,) in connection.execute(CALLS)]
        for call in calls:
            connection.execute(f"SELECT * FROM {call}").fetchall()
        (row,) = connection.execute("SELECT success_ratio, satisfaction, turns_per_dollar, users FROM analytics.kpis()")
    assert len(calls) > 45
    assert row == (None, None, None, 0)


def test_reader_sees_numbers_without_content(world: psycopg.Connection[Any]) -> None:
    calls = [name for (name,) in world.execute(CALLS)]
    with world.transaction(force_rollback=True):
        world.execute("RESET ROLE")
        world.execute("SET ROLE otelgate_grafana")
        for call in calls:
            if call.startswith("analytics."):
                world.execute(f"SELECT * FROM {call} LIMIT 1").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege), world.transaction():
            world.execute("SELECT * FROM content.recent_turns()")


def test_everything_is_explained(world: psycopg.Connection[Any]) -> None:
    objects = world.execute(
        "SELECT p.pronamespace::regnamespace::text, p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p"
        " WHERE p.pronamespace IN ('analytics'::regnamespace, 'content'::regnamespace)"
        " UNION ALL SELECT 'analytics', c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c"
        " WHERE c.relnamespace = 'analytics'::regnamespace"
    ).fetchall()
    text = (Path(otelgate_audit.__file__).parent / "analytics.md").read_text()
    explained = set(re.findall(r"^\| `([\w.]+)` \| [^|]* \| (.+) \|$", text, re.MULTILINE))
    assert {(f"{schema}.{name}".removeprefix("analytics."), comment) for schema, name, comment in objects} == explained


def test_contributings_view_counts_votes(root: Path, world: psycopg.Connection[Any]) -> None:
    section = (root / "CONTRIBUTING.md").read_text().partition("## Add an analytics view\n")[2]
    view = section.partition("```sql\n")[2].partition("```")[0]
    with world.transaction(force_rollback=True):
        world.execute("RESET ROLE")
        world.execute(view.replace("now()", "timestamptz '2024-03-04Z'"))  # type: ignore[arg-type]
        assert ("quality", 2) in read(world, "SELECT * FROM analytics.negative_today")


def test_views_are_made_once(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert analytics.apply(connection) == []
        connection.execute("COMMENT ON SCHEMA analytics IS 'other files'")
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM analytics.mrr")
        number = len(list(analytics.FOLDER.glob("*.sql")))
        assert analytics.apply(connection) == [
            f"analytics: views and functions made from {number} files",
            "dropped public.mine, which read analytics: make it again",
        ]
        assert analytics.apply(connection) == []


def test_apply_names_wrong_view_file_and_changes_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "10_wrong.sql").write_text("CREATE VIEW analytics.wrong AS SELECT * FROM nowhere")
    monkeypatch.setattr(analytics, "FOLDER", tmp_path)
    with psycopg.connect(database) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable) as caught:
            analytics.apply(connection)
        assert caught.value.__notes__ == ["in 10_wrong.sql"]
        assert connection.execute("SELECT count(*) FROM analytics.mrr").fetchone() == (0,)


def test_days_of_a_user_go_with_the_user(database: str) -> None:
    with psycopg.connect(database) as connection:
        talks = [talk("s", at("01-01 10:00") + day * DAY, "ann") for day in (0, 0, 1)]
        filling.write(connection, talks, [])
        days = "SELECT day FROM audit.user_days ORDER BY 1"
        assert connection.execute(days).fetchall() == [(date(2024, 1, 1),), (date(2024, 1, 2),)]
        connection.execute("DELETE FROM audit.turns")
        assert len(connection.execute(days).fetchall()) == 2
        connection.execute("DELETE FROM audit.users")
        assert connection.execute(days).fetchall() == []


def test_migrating_keeps_the_grants(database: str) -> None:
    with audit_database.connect(database, name="test", autocommit=True) as connection:
        connection.execute(sql.SQL("COMMENT ON SCHEMA analytics IS 'older'"))
        audit_database.migrate(database)
        row = connection.execute(
            "SELECT has_table_privilege('otelgate_reader', 'analytics.mrr', 'SELECT'),"
            " has_schema_privilege('otelgate_reader', 'analytics', 'USAGE')"
        ).fetchone()
    assert row == (True, True)
