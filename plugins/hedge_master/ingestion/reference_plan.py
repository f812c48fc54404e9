"""What a run of sync_splits or sync_earnings still has to ask."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

STALEST = """
select symbols.symbol
from market.symbols as symbols
left join lateral (
    select max(calls.requested_at) as at, bool_or(calls.run_id = %(run)s) as in_this_run
    from market.api_calls as calls
    where calls.symbol = symbols.symbol and calls.function = 'SPLITS' and calls.requested_at >= symbols.added_at
        and calls.outcome in ('stored', 'nothing_there')
) as asked on true
where symbols.ticker_until is null and asked.in_this_run is not true
    and case when %(symbols)s = '{}' then symbols.status = 'active' else symbols.symbol = any(%(symbols)s) end
order by asked.at nulls first, symbols.symbol
"""


def stalest_splits(warehouse: Connection, run_id: str, symbols: Sequence[str]) -> list[str]:
    """All active symbols, or those of `symbols`, never asked first, then longest ago; without those that were answered
    in this run. Raises LookupError for a symbol that is not known."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("select unnest(%s::text[]) except select symbol from market.symbols", (list(symbols),))
        strangers = sorted(symbol for (symbol,) in cursor.fetchall())
        if strangers:
            raise LookupError(f"not in market.symbols: {', '.join(strangers)}: run sync_symbols first")
        cursor.execute(STALEST, {"run": run_id, "symbols": list(symbols)})
        return [symbol for (symbol,) in cursor.fetchall()]


def answered(warehouse: Connection, run_id: str, function: str) -> int:
    """How many calls of a function have their answer in this run: a retry has so many fewer to make."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """select count(*) from market.api_calls
            where run_id = %s and function = %s and outcome in ('stored', 'nothing_there')""",
            (run_id, function),
        )
        (count,) = cursor.fetchone() or (0,)
    return int(count)
