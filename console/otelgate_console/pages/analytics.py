"""Users, cost and feedback: pages of tables from the audit store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import answers
from ..access.accounts import Role
from ..access.guard import Endpoint, Guard, account
from ..access.readings import Recorder
from ..asking import window
from ..data.analytics import Found, Table, read
from ..data.database import Database
from ..data.turns import Turns

PERIODS: Final = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}


@dataclass(frozen=True)
class Page:
    """A page of tables. `period`: the range when it opens."""

    name: str
    title: str
    period: str
    tables: tuple[Table, ...]


PAGES: Final = (
    Page(
        "costs",
        "Cost",
        "30d",
        (
            Table("Cost over time", "cost_over_time", "Cost of model calls by day.", chart="bars"),
            Table(
                "By model", "cost_by_model", "Calls, tokens and cost of each model; unpriced: calls without a price."
            ),
            Table("By agent", "cost_by", "The agent that answered.", {"dimension": "agent"}),
            Table("By service", "cost_by", "The application.", {"dimension": "service"}),
            Table("By tier", "cost_by", "The users' tier at the time of the turn.", {"dimension": "tier"}),
            Table("By feature", "cost_by", "The feature that asked.", {"dimension": "feature"}),
            Table("By tool", "cost_by_tool", "A turn's cost, divided over its tool calls."),
            Table("Most expensive turns", "expensive_turns", "The turns that cost most."),
            Table("Forecast", "projected_cost", "30 days at the rate of the last 7.", view=True),
        ),
    ),
    Page(
        "users",
        "Users",
        "30d",
        (
            Table(
                "Active users",
                "active_users",
                "Daily, weekly and monthly active users, and their ratio.",
                chart="lines",
            ),
            Table(
                "Cohorts",
                "retention",
                "Users by the week of their first turn: the share active in each week after.",
                chart="cohorts",
            ),
            Table("Spend per user", "top_users", "The users who cost most.", {"by_what": "cost", "top": 50}),
            Table("Most active users", "top_users", "The users with most turns.", {"by_what": "activity", "top": 50}),
            Table("Churn", "churn", "Users of a week who did not return in the next."),
            Table("Segments", "segments", "How many users each segment has.", view=True),
        ),
    ),
    Page(
        "feedback",
        "Feedback",
        "7d",
        (
            Table("Satisfaction", "satisfaction", "The share of positive votes.", chart="lines"),
            Table("Low ratings", "negatives", "Turns that were rated negative, the newest first."),
            Table(
                "What users said",
                "content.negatives",
                "Question, reply and comment of turns rated negative.",
                {"top": 50},
            ),
            Table("Tools", "tools", "Tools by popularity, with the flags slow, failing and disliked."),
        ),
    ),
)


class Analytics:
    """Makes a route for each page."""

    def __init__(self, database: Database, turns: Turns, readings: Recorder) -> None:
        self._database, self._turns, self._readings = database, turns, readings

    def routes(self, guard: Guard) -> list[Route]:
        return [guard.page(f"/{page.name}", self._endpoint(page), Role.VIEWER) for page in PAGES]

    def _endpoint(self, page: Page) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            start, end, period, services = _asked(request, page)
            shown, refused = await self._shown(request, page)
            found, known = await asyncio.gather(
                asyncio.gather(*(self._read(table, start, end, services) for table in shown)), self._turns.services()
            )
            return answers.page(
                request,
                "analytics.html",
                page=page,
                found=found,
                refused=refused,
                services=known,
                chosen=services,
                period=period,
                periods=PERIODS,
            )

        return endpoint

    async def _shown(self, request: Request, page: Page) -> tuple[list[Table], str]:
        """The tables for this reader; those with content only after the reading is recorded."""
        plain = [table for table in page.tables if not table.content]
        if len(plain) == len(page.tables) or account(request).role < Role.AUDITOR:
            return plain, ""
        if not await self._readings.record(account(request), "feedback", page.name):
            return plain, "Comments are not shown, because this reading could not be recorded."
        return list(page.tables), ""

    async def _read(self, table: Table, start: datetime, end: datetime, services: Sequence[str]) -> Found | str:
        try:
            return await read(self._database, table, start, end, services)
        except psycopg.Error as error:
            return f"{table.title}: {str(error).splitlines()[0]}"


def _asked(request: Request, page: Page) -> tuple[datetime, datetime, str, list[str]]:
    """Range and services of a link. Raises HTTPException (400)."""
    period = request.query_params.get("period") or page.period
    services = [each for each in request.query_params.getlist("service") if each]
    try:
        seconds = window.duration(period)
        end = datetime.now(UTC)
        return end - timedelta(seconds=seconds), end, period, services
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"period: {error}") from None
