"""Which symbols a run asks for."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

CHUNK_SYMBOLS = 500


def without_history(warehouse: Connection, only: Sequence[str] = (), refresh: bool = False) -> list[str]:
    """Symbols whose full history was never published, or all when `refresh`; `only` narrows to the named ones.

    Raises LookupError for a named symbol that is unknown. A call whose message the broker confirmed is not bought
    again, even if the stream has not read it yet. A former company, whose ticker is another's now, cannot be asked for.
    """
    with warehouse.cursor() as cursor:
        if only:
            cursor.execute(
                "select name from unnest(%s) as asked (name) where not exists "
                "(select from market.symbols where symbol = name)",
                (list(only),),
            )
            unknown = [name for (name,) in cursor.fetchall()]
            if unknown:
                raise LookupError(f"symbols {', '.join(unknown)}: not in market.symbols; run sync_symbols first")
        cursor.execute(
            """select symbols.symbol from market.symbols
            where ticker_until is null and (%(refresh)s or not exists (
                select from market.api_calls as calls
                where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY'
                    and calls.outputsize = 'full' and calls.outcome in ('published', 'nothing_there')
                    and calls.requested_at >= symbols.added_at))
                and (%(only)s = '{}' or symbols.symbol = any(%(only)s))
            order by symbols.symbol""",
            {"refresh": refresh, "only": list(only)},
        )
        return [symbol for (symbol,) in cursor.fetchall()]


def traded(warehouse: Connection) -> list[str]:
    """Active symbols, those with the oldest last bar first: where a day's calls do not reach all, they go first.

    A symbol that was delisted is asked for once more: its last bar may have been missed, or seen half finished.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select symbols.symbol from market.symbols
            left join lateral (
                select max(prices.day) as last_bar from market.prices where prices.symbol_id = symbols.symbol_id
            ) as newest on true
            where symbols.status = 'active' or (
                symbols.ticker_until is null and newest.last_bar is not null and not exists (
                    select from market.api_calls as calls
                    where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY'
                        and calls.outcome in ('published', 'nothing_there')
                        and calls.requested_at >= symbols.updated_at))
            order by newest.last_bar nulls first, symbols.symbol"""
        )
        return [symbol for (symbol,) in cursor.fetchall()]


def chunks(symbols: Sequence[str]) -> list[list[str]]:
    """The symbols in lists of at most CHUNK_SYMBOLS: what one task asks for before the stream may start."""
    return [list(symbols[start : start + CHUNK_SYMBOLS]) for start in range(0, len(symbols), CHUNK_SYMBOLS)]
