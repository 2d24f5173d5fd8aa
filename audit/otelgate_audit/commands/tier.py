"""`otelgate-audit tier`: the monthly price of a subscription, which the views of revenue use."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

import click
import psycopg

from .. import command_line
from ..model import database
from ..settings import Settings

OPTIONS: Final = [
    click.Option(["--service"], help="the application, its service.name"),
    click.Option(["--tier"], help="the tier, as otelgate.tier has it"),
    click.Option(
        ["--monthly-usd"], type=command_line.price, metavar="USD", help="set its price, in US dollars a month"
    ),
    command_line.flag("--remove", text="forget its price"),
    command_line.as_json(),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Change one price, or list those of a service or all. 1: the price to remove does not exist."""
    changes = options.remove or options.monthly_usd is not None
    if changes and not (options.service and options.tier):
        print("a price belongs to a tier of a service: expected --service and --tier", file=sys.stderr)
        return 2
    password = settings.database_password
    with database.connect(settings.database_url, name="tier", password=password) as connection:
        database.require_schema(connection)
        if options.monthly_usd is not None:
            set_price(connection, options.service, options.tier, options.monthly_usd)
        elif options.remove and not remove(connection, options.service, options.tier):
            print(f"{options.service} {options.tier}: no price is set", file=sys.stderr)
            return 1
        found = prices(connection, options.service, options.tier)
    if options.as_json:
        rows = [{"service": service, "tier": tier, "monthly_usd": str(monthly)} for service, tier, monthly in found]
        print(json.dumps(rows))
        return 0
    for service, tier, monthly in found:
        print(f"{service} {tier} {monthly}")
    return 0


def set_price(connection: psycopg.Connection[Any], service: str, tier: str, monthly_usd: Decimal) -> None:
    connection.execute(
        "INSERT INTO audit.tiers (service, tier, monthly_usd) VALUES (%s, %s, %s)"
        " ON CONFLICT (service, tier) DO UPDATE SET monthly_usd = excluded.monthly_usd",
        [service, tier, monthly_usd],
    )


def remove(connection: psycopg.Connection[Any], service: str, tier: str) -> bool:
    found = connection.execute("DELETE FROM audit.tiers WHERE service = %s AND tier = %s", [service, tier])
    return found.rowcount > 0


def prices(
    connection: psycopg.Connection[Any], service: str | None, tier: str | None = None
) -> list[tuple[str, str, Decimal]]:
    """(service, tier, USD a month), of one service or tier where named."""
    return connection.execute(
        "SELECT service, tier, monthly_usd FROM audit.tiers"
        " WHERE service = coalesce(%s, service) AND tier = coalesce(%s, tier) ORDER BY 1, 2",
        [service, tier],
    ).fetchall()
