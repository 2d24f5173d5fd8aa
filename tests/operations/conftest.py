"""Stacks that the tests of operations start, and take down again."""

from collections.abc import Callable, Iterator

import pytest
import thrown_away
from operations_stack import Operated
from shared import clean_env

MakeStack = Callable[..., Operated]


@pytest.fixture
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Makes stacks that are not up yet, each with its own folder and ports, down at the end of the test."""
    yield from _stacks(tmp_path_factory)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A stack that is up, and stays so for a module."""
    for make in _stacks(tmp_path_factory):
        stack = make()
        stack.good("up")
        yield stack


def _stacks(folders: pytest.TempPathFactory) -> Iterator[MakeStack]:
    made: list[Operated] = []

    def make(**changes: str) -> Operated:
        made.append(Operated(clean_env(folders.mktemp("o"), **changes)))
        return made[-1]

    yield make
    for stack in made:
        thrown_away.end(stack.settings)
