"""What the plans ask for, as lists of symbols."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.daily_plan import plan_daily
from hedge_master.ingestion.history_plan import Choice, plan_history


def daily_symbols(warehouse: Connection) -> list[str]:
    """What the daily run asks for where no calendar tells which markets were open: every symbol that trades."""
    return [call.symbol for call in plan_daily(warehouse, {}, full=False)]


def missing_histories(warehouse: Connection) -> list[str]:
    """What a backfill asks for without a word from its form."""
    return [call.symbol for call in plan_history(warehouse, Choice())]
