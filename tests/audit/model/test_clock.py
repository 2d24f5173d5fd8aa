"""Times: between microseconds, Python, PostgreSQL and what people write."""

import click
import psycopg
import pytest
from otelgate_audit import command_line
from otelgate_audit.model import clock
from otelgate_audit.model.clock import DAY_US, PG_EPOCH_US

FAR_US = 10**18
"""The year 33658, which no Python calendar has."""


@pytest.mark.parametrize("time_us", [0, -1, PG_EPOCH_US, 1_767_225_600_123_456])
def test_microseconds_survive_python_and_iso(time_us: int) -> None:
    assert clock.to_us(clock.from_us(time_us)) == time_us
    assert command_line.time_us(clock.iso(time_us)) == time_us


def test_iso_has_as_many_digits_as_it_takes() -> None:
    assert [clock.iso(each) for each in (PG_EPOCH_US, 1)] == ["2000-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z"]


def test_parameter_of_time_out_of_range_is_infinity(connection: psycopg.Connection) -> None:
    given = [clock.parameter(each) for each in (FAR_US, -FAR_US, 0)]
    row = connection.execute("SELECT extract(epoch FROM unnest(%s::timestamptz[]))::float8", [given]).fetchall()
    assert [found for (found,) in row] == [float("inf"), float("-inf"), 0]


def test_bounds_of_an_open_range_are_infinite() -> None:
    assert clock.bounds(None, None) == ("-infinity", "infinity")
    assert clock.bounds(0, DAY_US) == ("1970-01-01T00:00:00+00:00", "1970-01-02T00:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-02", DAY_US),
        ("1970-01-01T00:00:01.5", 1_500_000),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_times_of_the_command_line(text: str, time_us: int) -> None:
    assert command_line.time_us(text) == time_us


@pytest.mark.parametrize("text", ["yesterday", "0001-01-01T00:00+01:00"])
def test_parse_invalid_time_fails(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        command_line.time_us(text)
    assert caught.value.message == f"'{text}': expected a date or time such as 2026-01-31 or 2026-01-31T12:00Z"
