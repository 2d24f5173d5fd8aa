"""Answers of the console: JSON, and pages made from templates/."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from . import templating
from .access.sessions import Session


def json(content: Any, status: int = 200) -> Response:
    """An answer for scripts."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page from a template, with what all of them show."""
    session = getattr(request.state, "session", None)
    context: Mapping[str, Any] = {
        "path": request.url.path,
        "account": session.account if session else None,
        "csrf": lambda: _csrf(session),
        **values,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(context), status)


def _csrf(session: Session | None) -> Markup:
    """The field that a form of this session has; none before the login."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(session.csrf) if session else Markup()


def embedded(content: Any) -> Markup:
    """JSON inside a script element: no text in it can end the element."""
    text = orjson.dumps(content).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


_TEMPLATES: Final = templating.environment({"embedded": embedded})
