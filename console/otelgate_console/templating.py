"""The templates: of pages, of mail and of Markdown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2

_FOLDER: Final = Path(__file__).parent / "templates"


def environment(filters: Mapping[str, Callable[..., Any]], *, markup: bool = True) -> jinja2.Environment:
    """An environment in which a missing value is an error. `markup`: values in HTML stay text."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=markup,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(filters)
    return made
