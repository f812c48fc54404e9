"""Reads the published ranking. The rule itself stands in the warehouse: `marts.ranking(look_back, measure, as_of)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import psycopg2.errors

from hedge_master.warehouse.connection import connect

APPLICATION = "hedge_master ranking"
LOOK_BACK = re.compile(r"(?P<number>[1-9][0-9]{0,4})(?P<unit>[dwmy])")
UNITS = {"d": "days", "w": "weeks", "m": "months", "y": "years"}
LONGEST = {"d": 36_500, "w": 5_200, "m": 1_200, "y": 100}  # a century, more than any market feed holds


class Measure(StrEnum):
    """What a ranking can be made of; the mean over the windows of the look-back."""

    VOLATILITY = "volatility"
    VOLATILITY_USD = "volatility_usd"
    DEVIATION_PCT = "deviation_pct"
    PRICE_DEVIATION = "price_deviation"


class RankingError(ValueError):
    """The question cannot be answered; the text names the value and what is allowed."""


@dataclass(frozen=True)
class Ranked:
    """One line of the ranking.

    `value` is the mean of the measure: volatilities a year (0.4 is 40%), deviation_pct of the price, price_deviation in
    USD. `price_deviation_usd` stands beside it: the measure of 2020, None where there is no exchange rate.
    """

    rank: int
    symbol: str
    name: str
    market: str
    currency: str | None
    value: float
    price_deviation_usd: float | None


@dataclass(frozen=True)
class AsOf:
    """The date that all figures are measured from, the last complete window, and the newest stored bar."""

    market_date: date
    last_window_end: date
    newest_bar: date


def look_back_interval(text: str) -> str:
    """`1y` -> `1 years`, for Postgres. Raises RankingError."""
    found = LOOK_BACK.fullmatch(text)
    if found is None:
        raise RankingError(f'look-back is "{text}": not a number with d, w, m or y (such as 30d, 8w, 6m, 1y)')
    number, unit = int(found["number"]), found["unit"]
    if number > LONGEST[unit]:
        raise RankingError(f'look-back is "{text}": longer than {LONGEST[unit]}{unit}')
    return f"{number} {UNITS[unit]}"


def measure_named(text: str) -> Measure:
    """The measure of that name. Raises RankingError."""
    try:
        return Measure(text)
    except ValueError:
        raise RankingError(f'measure is "{text}": not one of {", ".join(Measure)}') from None


def published_as_of(reader_url: str) -> AsOf:
    """What the published ranking speaks for. Raises RankingError where nothing was published yet."""
    with connect(reader_url, APPLICATION) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("select market_date, last_window_end, newest_bar from marts.as_of")
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
            raise RankingError("no ranking was published yet: run `make demo`, or the DAG build_volatility") from None
        row = cursor.fetchone()
    if row is None or row[1] is None:
        raise RankingError("the published ranking is empty: no window was complete when it was built")
    return AsOf(*row)


def top(
    reader_url: str,
    look_back: str = "1y",
    measure: str = Measure.VOLATILITY,
    limit: int = 10,
    as_of: date | None = None,
) -> list[Ranked]:
    """The first `limit` symbols. `as_of`: where the look-back ends, at most the published market date (the default).

    Raises RankingError for a value that is not allowed, and where no symbol ranks.
    """
    interval = look_back_interval(look_back)
    chosen = measure_named(measure)
    if limit < 1:
        raise RankingError(f"limit is {limit}: not 1 or more")
    published = published_as_of(reader_url)
    if as_of is not None and as_of > published.market_date:
        raise RankingError(f"as-of is {as_of}: after the market date, {published.market_date}")
    with connect(reader_url, APPLICATION) as connection, connection.cursor() as cursor:
        cursor.execute(
            """select rank, symbol, name, market, currency, value, price_deviation_usd
            from marts.ranking(%s::interval, %s, %s::date) where rank <= %s order by rank""",
            (interval, chosen.value, as_of, limit),
        )
        rows = [Ranked(*row) for row in cursor.fetchall()]
    if not rows:
        end = as_of or published.market_date
        raise RankingError(
            f"no symbol has windows over the whole look-back {look_back} up to {end}: take a shorter one or a later end"
        )
    return rows
