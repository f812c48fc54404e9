"""Listings and bars as tests put them into a warehouse, and a way to read what became of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.answers import Listing

FRIDAY, MONDAY = date(2020, 6, 12), date(2020, 6, 15)


def listing(symbol: str, currency: str | None = "USD", **changed: Any) -> Listing:
    given = {
        "name": symbol.title(),
        "type": "Equity",
        "region": "Testland",
        "timezone": "UTC",
        "closes": None,
        "exchange": None,
        "status": "active",
        "listed_on": None,
        "delisted_on": None,
    }
    return Listing(symbol=symbol, currency=currency, **(given | changed))


def all_of(warehouse: Connection, query: str) -> list[tuple[Any, ...]]:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def add_bar(warehouse: Connection, symbol: str, day: date, close: float, missing: str = "no rate") -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, usd_missing,
            batch_id, known_since) select symbol_id, %s, %s, %s, %s, %s, 1, %s, %s, 0, now()
            from market.symbols where symbol = %s""",
            (day, close, close, close, close, None if missing else close, missing, symbol),
        )


def weeks_of(warehouse: Connection, symbol: str) -> list[date]:
    found = all_of(
        warehouse,
        f"""select week_start from market.changed_weeks join market.symbols using (symbol_id)
        where symbol = '{symbol}' order by 1""",
    )
    return [week for (week,) in found]


def forget_marks(warehouse: Connection) -> None:
    all_of(warehouse, "delete from market.changed_spans returning 1")
