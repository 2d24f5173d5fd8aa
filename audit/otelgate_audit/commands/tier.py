"""`otelgate-audit tier`: the monthly price of a subscription, which the views of revenue use."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg

from ..model import database
from ..settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--service", help="the application, its service.name")
    parser.add_argument("--tier", help="the tier, as otelgate.tier has it")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--monthly-usd", type=price, metavar="USD", help="set its price, in US dollars a month")
    change.add_argument("--remove", action="store_true", help="forget its price")


def run(settings: Settings, options: argparse.Namespace) -> int:
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
        for service, tier, monthly in prices(connection, options.service, options.tier):
            print(f"{service} {tier} {monthly}")
    return 0


def price(text: str) -> Decimal:
    """A price in USD. Raises argparse.ArgumentTypeError."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a price of 0 or more, such as 49 or 9.90")
    return value


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
