"""Reports as pages, and as the files that are mailed."""

from datetime import UTC, datetime
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Guard
from ..data.alerts import Alerts
from ..data.database import Database
from ..data.turns import Turns
from ..reports import formats, period
from ..reports.gather import gather

_FORMATS: Final = ("page", "html", "md")


class Reports:
    """The last report of each kind; `budget_usd`: of 30 days."""

    def __init__(self, database: Database, turns: Turns, alerts: Alerts, budget_usd: float | None = None) -> None:
        self._database, self._turns, self._alerts, self._budget_usd = database, turns, alerts, budget_usd

    def routes(self, guard: Guard) -> list[Route]:
        return [
            guard.page("/reports", self._list, Role.VIEWER),
            guard.page("/reports/{kind}", self._report, Role.VIEWER),
        ]

    async def _list(self, request: Request) -> Response:
        now = datetime.now(UTC)
        periods = [period.last(kind, now) for kind in period.KINDS]
        return answers.page(request, "reports.html", periods=periods)

    async def _report(self, request: Request) -> Response:
        kind, form = request.path_params["kind"], request.query_params.get("format", "page")
        services = [each for each in request.query_params.getlist("service") if each]
        if form not in _FORMATS:
            raise HTTPException(400, f"format={form!r}: expected one of {', '.join(_FORMATS)}")
        try:
            wanted = period.last(kind, datetime.now(UTC))
        except ValueError as error:
            raise HTTPException(404, str(error)) from None
        found = await gather(self._database, self._alerts, wanted, services, self._budget_usd)
        url = str(request.base_url)
        if form == "md":
            return PlainTextResponse(formats.markdown(found, url), media_type="text/markdown")
        if form == "html":
            return HTMLResponse(formats.html(found, url))
        values = {"services": await self._turns.services(), "chosen": services, "body": formats.body(found, "")}
        return answers.page(request, "report.html", report=found, **values)
