"""The views of schema `analytics`, from views/*.sql."""

from __future__ import annotations

from typing import Any

import psycopg


def apply(connection: psycopg.Connection[Any]) -> list[str]:
    """Make the views anew where their files changed. Returns what was done, in words."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS analytics")
    return []
