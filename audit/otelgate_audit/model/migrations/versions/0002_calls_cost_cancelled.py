"""Calls and cost are reconciled, and cancelled is no status, as 0002_calls_cost_cancelled.sql says."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
