"""The output of `make example` while users come."""

import pytest

from examples.common.traffic import Progress, Tally


def test_failed_turns_count_as_failed_in_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """An application that answers 502 has failed its user, though nothing was raised here."""
    tally = Tally()
    for kind, name, number in (
        ("visits", "all", 60),
        ("steps", "Ask", 169),
        ("failed_turns", "502", 146),
        ("failed_steps", "ReadTimeout", 2),
        ("commands", "failed", 1),  # Execora's spoken ones
        ("commands", "success", 9),
        ("turns", "finance", 11),
    ):
        tally.add(kind, name, number)
    Progress("bestbox", tally, 240).end()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("bestbox: 0 of 240 s")
    assert said.endswith(", 60 visits, 169 steps, 149 failed")
