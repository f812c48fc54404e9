"""How a market of these tests gets into the warehouse, and how its windows are read again."""

from __future__ import annotations

import io
from collections import defaultdict
from datetime import date
from typing import Any

from difficult_market import MARKET_DATE, Stock
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

Row = dict[str, Any]  # one of marts.fct_windows: column -> value


def load(cursor: Cursor, symbol: str, stock: Stock) -> None:
    """Stores a symbol with its bars and splits as the stream would have."""
    cursor.execute(
        """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
        values (%s, %s, 'Equity', %s, 'UTC', %s, %s) returning symbol_id""",
        (symbol, symbol.title(), stock.region, stock.currency, MARKET_DATE),
    )
    (symbol_id,) = cursor.fetchone() or (None,)
    rows = io.StringIO()
    for bar in stock.bars:
        usd, missing = ("", f"no rate for {stock.currency}") if bar.close_usd is None else (repr(bar.close_usd), "")
        prices = ",".join(repr(price) for price in (bar.open, bar.high, bar.low, bar.close))
        volume = int(bar.volume)
        rows.write(f'{symbol_id},{bar.day},{prices},{volume},{usd},"{missing}",{bar.provisional},1,{bar.day}\n')
    rows.seek(0)
    cursor.copy_expert(
        """copy market.prices (symbol_id, day, open, high, low, close, volume, close_usd, usd_missing, provisional,
        batch_id, known_since) from stdin with (format csv)""",
        rows,
    )
    for effective, factor in stock.splits.items():
        cursor.execute("insert into market.splits values (%s, %s, %s)", (symbol_id, effective, factor))


def windows_of_models(built: Connection) -> dict[str, dict[date, Row]]:
    """Symbol -> start -> the row that dbt made."""
    found: dict[str, dict[date, Row]] = defaultdict(dict)
    with built.cursor() as cursor:
        cursor.execute("select * from marts_candidate.fct_windows join marts_candidate.dim_symbols using (symbol_id)")
        names = [column.name for column in cursor.description or ()]
        for values in cursor:
            row = dict(zip(names, values, strict=True))
            found[row["symbol"]][row["window_start"]] = row
    return dict(found)
