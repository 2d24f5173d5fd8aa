"""Answers of the console: JSON, and pages made from templates/."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
import orjson
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def json(content: Any, status: int = 200) -> Response:
    """An answer for scripts."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """A page from a template, with what all of them show."""
    context: Mapping[str, Any] = {"request": request, "path": request.url.path, **values}
    return HTMLResponse(_TEMPLATES.get_template(name).render(context), status)


def embedded(content: Any) -> Markup:
    """JSON inside a script element: no text in it can end the element."""
    text = orjson.dumps(content).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


_TEMPLATES.filters["embedded"] = embedded
