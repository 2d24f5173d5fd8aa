"""One stack for the tests of the examples: the real gateway and stores, as processes, on free ports."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for `import examples`

from example_stack import ExampleStack, running_stack  # noqa: E402


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleStack]:
    with running_stack(tmp_path_factory.mktemp("examples")) as stack:
        yield stack
