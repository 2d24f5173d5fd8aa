"""Exports: choose turns, watch the progress, download the file."""

from datetime import UTC, datetime, timedelta

from otelgate_audit.export.formats import FORMATS
from otelgate_audit.export.rows import Selection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard, account, form
from ..access.readings import Recorder
from ..asking import window
from ..data.exports import Export, Exports, TooMany
from ..data.turns import Turns
from .analytics import PERIODS


class ExportPages:
    """Pages of exports; each account sees its own."""

    def __init__(self, exports: Exports, turns: Turns, readings: Recorder) -> None:
        self._exports, self._turns, self._readings = exports, turns, readings

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/exports", self._list, Role.VIEWER),
            guard.page("/exports", self._start, Role.VIEWER, post=True),
            guard.page("/exports/{export}", self._state, Role.VIEWER),
            guard.page("/exports/{export}/file", self._file, Role.VIEWER),
        ]

    async def _list(self, request: Request) -> Response:
        values = {"services": await self._turns.services(), "formats": list(FORMATS), "periods": PERIODS}
        return answers.page(request, "exports.html", exports=self._exports.of(account(request).name), **values)

    async def _start(self, request: Request) -> Response:
        given, owner = form(request), account(request)
        chosen, period, content = given.get("format", ""), given.get("period", ""), given.get("content") == "yes"
        if chosen not in FORMATS:
            raise HTTPException(400, f"format={chosen!r}: expected one of {', '.join(FORMATS)}")
        if period not in PERIODS:
            raise HTTPException(400, f"period={period!r}: expected one of {', '.join(PERIODS)}")
        if content and owner.role < Role.AUDITOR:
            raise HTTPException(403, "an export with the content of conversations needs the role auditor")
        if content and not await self._readings.record(owner, "export", f"{period} {given.get('service', '')}".strip()):
            raise HTTPException(503, "this reading of content could not be recorded; try again later")
        end = datetime.now(UTC)
        start = end - timedelta(seconds=window.duration(period))
        service, user = (given.get(name, "").strip() or None for name in ("service", "user"))
        try:
            self._exports.start(owner.name, chosen, Selection(start, end, service, user, (), content))
        except TooMany as error:
            raise HTTPException(429, str(error)) from None
        return RedirectResponse("/exports", 303)

    async def _state(self, request: Request) -> Response:
        export = self._named(request)
        shown = {"state": export.state, "written": export.written, "total": export.total, "problem": export.problem}
        return answers.json(shown)

    async def _file(self, request: Request) -> Response:
        export = self._named(request)
        if export.state != "done":
            raise HTTPException(409, f"this export is {export.state}")
        return FileResponse(export.file, filename=f"turns.{export.form}")

    def _named(self, request: Request) -> Export:
        found = self._exports.find(request.path_params["export"], account(request).name)
        if found is None:
            raise HTTPException(404, "there is no such export of yours; files are removed after an hour")
        return found
