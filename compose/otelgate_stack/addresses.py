"""The kind of each printed address: a page for people, or an API for programs."""

from collections.abc import Iterator

import httpx

from . import access
from .service_table import PAGE, SPECS, TABLE
from .settings import Settings


def what(service: str, engine: str) -> str:
    """The kind of content at a service's address, in a few words."""
    spec = SPECS[service]
    return (spec.what_in_container if engine == "docker" else "") or spec.what


def pages(settings: Settings) -> Iterator[tuple[str, str]]:
    """Name and URL of each page that opens now, the best to look at first."""
    for spec in reversed(TABLE):
        if not spec.what.startswith(PAGE):
            continue
        try:
            if access.get(settings, spec.name, spec.health, timeout=2).is_success:
                yield spec.what.removeprefix(f"{PAGE}: "), access.url(settings, spec.name)
        except httpx.HTTPError:
            continue
