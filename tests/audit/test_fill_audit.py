"""Made-up turns: the same each time, and consistent as the sink would have made them."""

import itertools
import re
from collections.abc import Callable

import fill_audit
import psycopg
import pytest
from audit_world import SECOND, World
from otelgate_audit.model.clock import DAY_US

Run = Callable[..., int]
UNTIL = 1_706_745_600 * SECOND  # 2024-02-01T00:00:00Z


@pytest.fixture
def run(database: str) -> Run:
    """Fills the test's database with two days of turns."""
    env = {"OTELGATE_DATABASE_URL": database}
    return lambda *arguments: fill_audit.main(["--days", "2", "--until", "2024-02-01T00:00Z", *arguments], env)


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


def test_fill_writes_totals_of_its_records(database: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--turns", "300") == 0
    printed = capsys.readouterr().out
    assert re.search(r"^audit.turns +300$", printed, re.MULTILINE)
    with psycopg.connect(database) as connection:
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


def test_fill_refuses_database_with_turns(database: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--turns", "30", "--no-model-calls") == 0
    capsys.readouterr()
    assert run("--turns", "30", "--seed", "2") == 1
    assert capsys.readouterr().err == "audit.turns has rows: expected an empty database, or --force\n"
    assert run("--turns", "30", "--seed", "2", "--force", "--no-model-calls") == 0
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM audit.turns), (SELECT count(*) FROM audit.model_calls)"
        ).fetchone()
    assert row == (60, 0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--turns", "many"], "argument --turns: 'many': expected a whole number of at least 1"),
        (["--days", "0"], "argument --days: '0': expected a whole number of at least 1"),
        (
            ["--until", "soon"],
            "argument --until: 'soon': expected a date or time such as 2026-01-31",
        ),
    ],
)
def test_fill_names_wrong_argument(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fill_audit.main(arguments)
    assert error in capsys.readouterr().err


def test_world_has_users_with_several_sessions() -> None:
    records = [items[0][0] for talks, _ in World(500, 5, UNTIL, seed=1).days() for items in talks]
    sessions = [len(list(group)) for _, group in itertools.groupby(sorted(record.session_id for record in records))]
    assert max(sessions) > 2
    assert len({record.user_id for record in records}) < len(sessions)
