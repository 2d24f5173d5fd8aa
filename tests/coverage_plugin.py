"""Which row of coverage/rows.yaml a test shows: written into the JUnit report, which `make coverage-report` reads.

@pytest.mark.shows("L1", "K36")             what the whole test shows
def test_it(record_shown): record_shown("A5")      what it found out that it shows, in a loop
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

ROWS: Final = Path(__file__).with_name("coverage") / "rows.yaml"
PROPERTY: Final = "shows"


@cache
def known() -> frozenset[str]:
    """The ids of all rows."""
    groups = yaml.safe_load(ROWS.read_text())
    return frozenset(row for rows in groups.values() for row in rows)


@pytest.fixture
def record_shown(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """`record_shown("A5", "B7")`: this test shows these rows, if it passes."""

    def record(*rows: str) -> None:
        unknown = [row for row in rows if row not in known()]
        if unknown:
            raise ValueError(_expected(unknown))
        for row in rows:
            record_property(PROPERTY, row)

    return record


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        rows = [row for marker in item.iter_markers(PROPERTY) for row in marker.args]
        unknown = [row for row in rows if row not in known()]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.shows: {_expected(unknown)}")
        item.user_properties.extend((PROPERTY, row) for row in rows)


def _expected(unknown: list[str]) -> str:
    return f"{', '.join(map(repr, unknown))}: expected an id of tests/coverage/rows.yaml"
