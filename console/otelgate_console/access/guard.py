"""The checks of every request: a known host name, a session, a role, and for a change the token of its form.

A route is made by `page` only, which names the role that it needs; one made otherwise has none and is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, quote

from otelgate_audit import hosts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .accounts import Account, Role
from .sessions import Session, Sessions

Endpoint = Callable[[Request], Awaitable[Response]]
COOKIE: Final = "otelgate_session"
_LONGEST_FORM: Final = 64 * 1024


class Guard:
    """Makes routes. `origins`: how browsers reach the console through a proxy, such as https://console.example."""

    def __init__(self, sessions: Sessions, origins: Sequence[str] = ()) -> None:
        self._sessions = sessions
        self._origins = tuple(origins)
        self._names = {origin.partition("://")[2] for origin in origins}

    def page(self, path: str, endpoint: Endpoint, role: Role | None, *, post: bool = False) -> Route:
        """A route for those with this role; None: for everyone. `post`: it changes something."""

        async def checked(request: Request) -> Response:
            self._check_origin(request, post)
            session = self._sessions.find(request.cookies.get(COOKIE, ""))
            request.state.session = session
            if role is not None:
                if session is None:
                    return _log_in(request)
                if session.account.role < role:
                    raise HTTPException(403, f"this needs the role {role.name.lower()}")
            if post:
                request.state.form = await _form(request, session)
            return await endpoint(request)

        route = Route(path, checked, methods=["POST"] if post else ["GET"])
        route.role = role  # type: ignore[attr-defined]
        return route

    def _check_origin(self, request: Request, post: bool) -> None:
        """A page of another site must not reach this console under a name of its own, nor send it forms."""
        host = request.headers.get("host", "")
        if not (hosts.is_local(host) or host in self._names):
            raise HTTPException(421, f"host {host!r}: expected {hosts.EXPECTED}, or one of OTELGATE_CONSOLE_ORIGINS")
        if post and hosts.is_of_foreign_page(request.headers, self._origins):
            raise HTTPException(403, "the form was sent by a page of another site")


def account(request: Request) -> Account:
    """The account of a request; only on routes that need a role."""
    session: Session = request.state.session
    return session.account


def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent; of a field that came twice, the last."""
    fields: dict[str, str] = request.state.form
    return fields


def _log_in(request: Request) -> Response:
    """To the login page and back for people; 401 for scripts."""
    if "text/html" not in request.headers.get("accept", "") or request.method != "GET":
        raise HTTPException(401, "log in first")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='')}", 303)


async def _form(request: Request, session: Session | None) -> dict[str, str]:
    """Raises HTTPException for one that is too long, or without the session's token."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise HTTPException(413, f"a form of more than {_LONGEST_FORM} bytes")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError as error:
        raise HTTPException(400, f"the form: {error}") from None
    found = {name: values[-1] for name, values in fields.items()}
    if session is not None and found.pop("csrf", "") != session.csrf:
        raise HTTPException(403, "the form is of another session; load the page again")
    return found
