"""Parts of a page that come from different stores: one that is unavailable leaves the others as they are."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from otelgate_stack.clients import StoreError


@dataclass(frozen=True)
class Part:
    """The answer of a store, or the reason why there is none."""

    found: Sequence[Any] = ()
    problem: str = ""


async def part(wanted: Awaitable[Sequence[Any]]) -> Part:
    """Wait for a store's answer."""
    try:
        return Part(await wanted)
    except (StoreError, psycopg.Error, ValueError) as error:
        return Part(problem=str(error).partition("\n")[0])
