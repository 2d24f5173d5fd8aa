"""Made-up turns: the same each time, and consistent as the sink would have made them."""

import argparse
import itertools
import re

import psycopg
import pytest
from otelgate_audit import settings
from otelgate_audit.commands import generate
from otelgate_audit.commands.synthetic import SECOND, World
from otelgate_audit.model.clock import DAY_US

UNTIL = 1_706_745_600 * SECOND  # 2024-02-01T00:00:00Z


def run(database: str, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    options = parser.parse_args(["--days", "2", "--until", "2024-02-01T00:00Z", *arguments])
    return generate.run(settings.load({"OTELGATE_DATABASE_URL": database}), options)


def test_the_same_seed_gives_the_same_records() -> None:
    first, second, other = (list(World(200, 3, UNTIL, seed).days()) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_there_are_exactly_so_many_turns_in_the_time_asked_for() -> None:
    days = list(World(200, 3, UNTIL, seed=1).days())
    assert [len(talks) for talks, _ in days] == [66, 67, 67]
    starts = [items[0][0].start_time for talks, _ in days for items in talks]
    assert UNTIL - 3 * DAY_US - DAY_US // 12 <= min(starts) <= max(starts) < UNTIL
    traces = [items[0][0].trace_id for talks, _ in days for items in talks]
    assert len(set(traces)) == 200


def test_totals_are_those_of_the_records(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(database, "--turns", "300") == 0
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


def test_a_database_with_turns_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(database, "--turns", "30", "--no-model-calls") == 0
    capsys.readouterr()
    assert run(database, "--turns", "30", "--seed", "2") == 1
    assert capsys.readouterr().err == "audit.turns has rows: expected an empty database, or --force\n"
    assert run(database, "--turns", "30", "--seed", "2", "--force", "--no-model-calls") == 0
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
def test_wrong_arguments_are_named(arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert error in capsys.readouterr().err


def test_people_come_back_in_sessions() -> None:
    records = [items[0][0] for talks, _ in World(500, 5, UNTIL, seed=1).days() for items in talks]
    sessions = [len(list(group)) for _, group in itertools.groupby(sorted(record.session_id for record in records))]
    assert max(sessions) > 2
    assert len({record.user_id for record in records}) < len(sessions)
