"""Why one symbol has its place in the ranking, or none: what the warehouse's functions say of it, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date

from psycopg2.extensions import connection as Connection

from hedge_master.ranking import APPLICATION, CALL, Question, RankingError, checked
from hedge_master.warehouse.connection import connect


@dataclass(frozen=True)
class Window:
    """A row of marts.ranking_windows: a week whose window covers the look-back's start, ends in it, or has begun.

    `days` and `returns` are None where the symbol has no window, `value` where it has none or too few days.
    """

    window_start: date
    window_end: date
    covers_start: bool
    is_counted: bool
    is_complete: bool
    days: int | None
    returns: int | None
    value: float | None


@dataclass(frozen=True)
class Place:
    """The symbol's row of marts.ranking. `ranked`: how many symbols have a rank under the same question."""

    symbol: str
    name: str
    market: str
    currency: str | None
    type: str | None
    rank: int | None
    ranked: int
    value: float | None
    left_out_reason: str | None
    windows: int
    values_found: int
    windows_expected: int
    first_bar: date | None
    last_bar: date | None
    days_since_last_bar: int | None
    liquidity_tier: str
    median_turnover_usd: float | None
    price_band: str
    flags: int
    percentile_world: float | None
    percentile_market: float | None
    percentile_currency: float | None
    rank_change_1w: int | None
    rank_change_4w: int | None


@dataclass(frozen=True)
class Explained:
    """`starts_on` and `ends_on`: of the look-back, whose windows end after the first and up to the last.
    `values_needed`: how many windows must have a value.
    """

    place: Place
    starts_on: date
    ends_on: date
    values_needed: int
    windows: list[Window]


def explain(reader_url: str, question: Question, symbol: str) -> Explained:
    """What the symbol's place is made of. Raises RankingError for a value that is not allowed."""
    arguments = checked(reader_url, replace(question, percentiles=True, rank_changes=True))
    columns = ", ".join(f"listed.{field.name}" for field in fields(Place) if field.name != "first_bar")
    columns = columns.replace("listed.last_bar", "dim_symbols.first_bar, listed.last_bar")
    with connect(reader_url, APPLICATION) as connection, connection.cursor() as cursor:
        cursor.execute("select symbol from marts.dim_symbols where lower(symbol) = lower(%s)", (symbol,))
        if (row := cursor.fetchone()) is None:
            raise RankingError(f'symbol is "{symbol}": not in marts.dim_symbols')
        arguments["symbol"] = row[0]
        cursor.execute(
            f"""with listed as (select *, count(rank) over () as ranked from marts.ranking({CALL}))
            select {columns} from listed inner join marts.dim_symbols using (symbol)
            where listed.symbol = %(symbol)s""",  # noqa: S608
            arguments,
        )
        places = [Place(*row) for row in cursor.fetchall()]
        if not places:
            raise RankingError(_outside_the_filters(connection, arguments["symbol"]))
        cursor.execute(
            """select starts_on, ends_on, values_needed
            from marts.look_back_span(%(look_back)s::interval, %(as_of)s::date, 0)""",
            arguments,
        )
        ((starts_on, ends_on, values_needed),) = cursor.fetchall()
        cursor.execute(
            """select window_start, window_end, covers_start, is_counted, is_complete, days, returns, value
            from marts.ranking_windows(%(symbol)s, %(look_back)s::interval, %(measure)s, %(as_of)s::date)""",
            arguments,
        )
        windows = [Window(*row) for row in cursor.fetchall()]
    return Explained(places[0], starts_on, ends_on, values_needed, windows)


def _outside_the_filters(connection: Connection, symbol: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select market, currency, type, liquidity_tier from marts.dim_symbols where symbol = %s", (symbol,)
        )
        ((market, currency, kind, tier),) = cursor.fetchall()
    own = f"its market is {market}, currency {currency}, type {kind}, tier {tier}"
    return f'symbol is "{symbol}": outside the filters; {own}'
