"""Made-up turns: the same each time, and consistent as the sink would have made them."""

import itertools

import psycopg
from otelgate_audit.model.clock import DAY_US
from turn_data import filling
from turn_data.world import SECOND, World

UNTIL = 1_706_745_600 * SECOND  # 2024-02-01T00:00:00Z


def test_same_seed_gives_same_records() -> None:
    first, second, other = (list(World(200, 3, UNTIL, seed).days()) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_world_has_requested_number_of_turns_within_requested_days() -> None:
    days = list(World(200, 3, UNTIL, seed=1).days())
    assert [len(talks) for talks, _ in days] == [66, 67, 67]
    starts = [items[0][0].start_time for talks, _ in days for items in talks]
    assert UNTIL - 3 * DAY_US - DAY_US // 12 <= min(starts) <= max(starts) < UNTIL
    traces = [items[0][0].trace_id for talks, _ in days for items in talks]
    assert len(set(traces)) == 200


def test_fill_stores_totals_of_the_records(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert filling.fill(connection, World(300, 2, UNTIL, seed=1))["audit.turns"] == 300
        for total, rows in (
            ("sum(runs)", "count(*) FROM audit.runs"),
            ("sum(model_calls)", "count(*) FROM audit.model_calls"),
            ("sum(tool_calls)", "count(*) FROM audit.tool_calls"),
            ("sum(tool_errors)", "count(*) FROM audit.tool_calls WHERE status = 'error'"),
            ("sum(cost_usd)", "sum(cost_usd) FROM audit.model_calls"),
            ("count(rating)", "count(*) FROM audit.feedback"),
            ("count(*)", "sum(turns) FROM audit.users"),
            ("count(*)", "sum(turns) FROM audit.sessions"),
            ("count(DISTINCT (service, session_id))", "count(*) FROM audit.sessions"),
            ("count(asked_record)", "count(*) FROM content.turns WHERE user_message IS NOT NULL"),
        ):
            row = connection.execute(f"SELECT (SELECT {total} FROM audit.turns), (SELECT {rows})").fetchone()
            assert row
            assert row[0] == row[1], (total, rows)
            assert row[0] > 0


def test_leave_out_model_calls_keeps_the_totals(database: str) -> None:
    with psycopg.connect(database) as connection:
        counts = filling.fill(connection, World(30, 2, UNTIL, seed=1), model_calls=False)
        assert counts["audit.turns"] == 30
        row = connection.execute(
            "SELECT (SELECT sum(model_calls) > 30 FROM audit.turns), (SELECT count(*) FROM audit.model_calls)"
        ).fetchone()
    assert row == (True, 0)


def test_world_has_users_with_several_sessions() -> None:
    records = [items[0][0] for talks, _ in World(500, 5, UNTIL, seed=1).days() for items in talks]
    sessions = [len(list(group)) for _, group in itertools.groupby(sorted(record.session_id for record in records))]
    assert max(sessions) > 2
    assert len({record.user_id for record in records}) < len(sessions)
