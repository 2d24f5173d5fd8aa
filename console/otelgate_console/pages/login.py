"""The login page."""

from typing import Final

from otelgate_audit.feedback.rates import Rates, client
from otelgate_audit.feedback.refusal import Refusal
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Account, Accounts
from ..access.guard import COOKIE, Guard, form
from ..access.sessions import Sessions

_RATE: Final = "10/minute"
"""Attempts for each address, and for each account."""
_WRONG: Final = "The name or the password is wrong."


class Login:
    """Logs in with name and password. `secure`: browsers reach it by HTTPS only, so the cookie travels so only."""

    def __init__(self, accounts: Accounts, sessions: Sessions, *, secure: bool) -> None:
        self._accounts, self._sessions, self._secure = accounts, sessions, secure
        self._rates = Rates(_RATE)

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/login", self._page, None),
            guard.page("/login", self._log_in, None, post=True),
            guard.page("/logout", self._log_out, None, post=True),
        ]

    async def _page(self, request: Request) -> Response:
        return answers.page(request, "login.html", next=_next(request.query_params.get("next", "")), wrong="", name="")

    async def _log_in(self, request: Request) -> Response:
        given = form(request)
        name, following = given.get("name", ""), _next(given.get("next", ""))
        try:
            self._rates.count("address", client(request, 0))
            self._rates.count("account", name)
        except Refusal as refusal:
            wrong = f"There were too many attempts. Try again in {refusal.headers['Retry-After']} s."
            answer = answers.page(request, "login.html", refusal.status, next=following, wrong=wrong, name=name)
            answer.headers.update(refusal.headers)
            return answer
        found = await run_in_threadpool(self._accounts.check, name, given.get("password", ""))
        if found is None:
            return answers.page(request, "login.html", 401, next=following, wrong=_WRONG, name=name)
        return self.logged_in(request, found, following)

    def logged_in(self, request: Request, account: Account, following: str) -> Response:
        """Begin a session, with a new token: one that was set before the login is worth nothing."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(following, 303)
        token = self._sessions.begin(account)
        answer.set_cookie(COOKIE, token, path="/", secure=self._secure, httponly=True, samesite="lax")
        return answer

    async def _log_out(self, request: Request) -> Response:
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="lax")
        return answer


def _next(path: str) -> str:
    """Only a path of this console: `//host` and `/\\host` are addresses of other sites."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
