"""How the stack waits for what other processes do."""

import pytest
from otelgate_stack import waiting
from otelgate_stack.waiting import until


class Clock:
    """Time that passes only while a test sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def test_until_asks_until_nothing_is_missing(clock: Clock) -> None:
    answers = iter(["two", "one", ""])
    assert until(lambda: next(answers), 10, every_s=0.5) == ""
    assert list(answers) == []
    assert clock.now == 101.0


def test_until_says_after_the_deadline_what_was_missing_last() -> None:
    asked: list[str] = []

    def missing() -> str:
        asked.append(f"attempt {len(asked) + 1}")
        return asked[-1]

    assert until(missing, 1, every_s=0.5) == "attempt 4"
    assert len(asked) == 4


def test_until_asks_at_least_once() -> None:
    assert until(lambda: "", 0) == ""


def test_until_ends_with_the_exception_of_what_it_asks() -> None:
    def missing() -> str:
        raise RuntimeError("it ended")

    with pytest.raises(RuntimeError, match="it ended"):
        until(missing, 60)
