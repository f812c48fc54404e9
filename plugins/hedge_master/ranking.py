"""Reads the published ranking. The rule itself stands in the warehouse: the SQL function `marts.ranking`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

import psycopg2.errors
from psycopg2.extensions import connection as Connection

from hedge_master.warehouse.connection import connect

APPLICATION = "hedge_master ranking"
LOOK_BACK = re.compile(r"(?P<number>[1-9][0-9]{0,4})(?P<unit>[dwmy])")
UNITS = {"d": "days", "w": "weeks", "m": "months", "y": "years"}
LONGEST = {"d": 36_500, "w": 5_200, "m": 1_200, "y": 100}  # a century, more than any market feed holds
UNTRADABLE = "untradable"  # the liquidity tier, and how the reason of what nobody can trade begins
FLAGGED = "flagged"  # how the reason of what has gravely doubtful prices begins
SUFFIXES = ("_usd", "_local")  # of a measure whose name without one is the other of the two
FILTERED = ("markets", "currencies", "types", "tiers")
CALL = """look_back => %(look_back)s::interval, measure => %(measure)s, as_of => %(as_of)s::date,
    markets => %(markets)s::text[], currencies => %(currencies)s::text[], types => %(types)s::text[],
    tiers => %(tiers)s::text[], with_untradable => %(with_untradable)s, with_percentiles => %(percentiles)s,
    with_rank_changes => %(rank_changes)s, with_flagged => %(with_flagged)s"""


class Measure(StrEnum):
    """What a ranking can be made of; the mean over the windows of the look-back."""

    VOLATILITY = "volatility"
    VOLATILITY_USD = "volatility_usd"
    DEVIATION_PCT = "deviation_pct"
    PRICE_DEVIATION = "price_deviation"
    DEVIATION_PCT_LOCAL = "deviation_pct_local"
    PRICE_DEVIATION_LOCAL = "price_deviation_local"
    PARKINSON = "parkinson"
    GARMAN_KLASS = "garman_klass"
    ROGERS_SATCHELL = "rogers_satchell"
    YANG_ZHANG = "yang_zhang"
    GREATEST_ABSOLUTE_MOVE = "greatest_absolute_move"

    @property
    def is_a_price(self) -> bool:
        """Whether it is an amount of money; the others are shares of the price, a year or not."""
        return self.startswith("price_deviation")


class RankingError(ValueError):
    """The question cannot be answered; the text names the value and what is allowed."""


@dataclass(frozen=True)
class Filters:
    """Which symbols are ranked; an empty tuple lets all through.

    What nobody can trade is there if asked for, or chosen by its tier; what has gravely doubtful prices if asked for.
    """

    markets: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    with_untradable: bool = False
    with_flagged: bool = False


@dataclass(frozen=True)
class LeftOut:
    """How many symbols fulfil the rules of a ranking, and are left out all the same unless they are asked for."""

    untradable: int = 0
    flagged: int = 0

    def __str__(self) -> str:
        """A line for each; empty if nobody is left out."""
        lines = []
        if self.untradable:
            lines.append(f"{self.untradable:,} more would rank but cannot be traded; --with-untradable shows them.")
        if self.flagged:
            lines.append(f"{self.flagged:,} more would rank by gravely doubtful prices; --with-flagged shows them.")
        return "\n".join(lines)


@dataclass(frozen=True)
class Question:
    """What is asked: `look_back` as `1y` or `30d`, `as_of` where it ends (None: the market date).

    With `percentiles` or `rank_changes` the answer holds them; they cost about as much as all the rest each.
    """

    look_back: str = "1y"
    measure: str = Measure.VOLATILITY
    as_of: date | None = None
    filters: Filters = Filters()
    percentiles: bool = False
    rank_changes: bool = False


@dataclass(frozen=True)
class Ranked:
    """One line of the ranking: columns of marts.ranking, whose units stand in ranking_function.yml.

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
    type: str | None
    liquidity_tier: str
    median_turnover_usd: float | None
    price_band: str
    last_bar: date
    days_since_last_bar: int
    values_found: int
    windows_expected: int
    flags: int
    percentile_world: float | None
    percentile_market: float | None
    percentile_currency: float | None
    rank_change_1w: int | None
    rank_change_4w: int | None


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


def measure_named(text: str, unit: str | None = None) -> Measure:
    """The measure of that name; with `unit`, `local` or `usd`, its like in the quoted currency or in dollars.

    A measure whose like is named with `_usd` is itself local, one whose like is named with `_local` is in dollars, one
    without a like is local. Raises RankingError.
    """
    try:
        measure = Measure(text)
    except ValueError:
        raise RankingError(f'measure is "{text}": not one of {", ".join(Measure)}') from None
    if unit is None:
        return measure
    if unit not in ("local", "usd"):
        raise RankingError(f'in is "{unit}": not local or usd')
    family = _family(measure)
    for other in ("usd", "local"):
        if f"{family}_{other}" in list(Measure):
            return Measure(f"{family}_{other}" if unit == other else family)
    if unit == "usd":
        both = ", ".join(dict.fromkeys(_family(each) for each in Measure if each.endswith(SUFFIXES)))
        raise RankingError(f'in is "usd": {measure} is in the quoted currency only; in both are {both}')
    return measure


def _family(measure: Measure) -> str:
    """`volatility` of `volatility_usd`."""
    return measure.removesuffix(SUFFIXES[0]).removesuffix(SUFFIXES[1])


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


def top(reader_url: str, question: Question, limit: int = 10) -> list[Ranked]:
    """The first `limit` symbols. Raises RankingError for a value that is not allowed, and where no symbol ranks."""
    if limit < 1:
        raise RankingError(f"limit is {limit}: not 1 or more")
    arguments = checked(reader_url, question)
    columns = ", ".join(field.name for field in fields(Ranked))
    with connect(reader_url, APPLICATION) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select {columns} from marts.ranking({CALL}, top => %(top)s) order by rank",  # noqa: S608
            arguments | {"top": limit},
        )
        rows = [Ranked(*row) for row in cursor.fetchall()]
        if not rows:
            raise RankingError(_why_nobody_ranks(connection, question, arguments))
    return rows


def left_out(reader_url: str, question: Question) -> LeftOut:
    """Who would rank if somebody could trade it, or its prices were not in doubt. Raises RankingError."""
    arguments = checked(reader_url, question) | {"percentiles": False, "rank_changes": False}
    with connect(reader_url, APPLICATION) as connection:
        return _left_out(connection, arguments)


def _left_out(connection: Connection, arguments: dict[str, Any]) -> LeftOut:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select
                count(*) filter (where left_out_reason like %(untradable)s),
                count(*) filter (where left_out_reason like %(flagged)s)
            from marts.ranking({CALL})""",  # noqa: S608
            arguments | {"untradable": f"{UNTRADABLE}%", "flagged": f"{FLAGGED}%"},
        )
        ((unable, doubtful),) = cursor.fetchall()
    return LeftOut(int(unable), int(doubtful))


def checked(reader_url: str, question: Question) -> dict[str, Any]:
    """The question as the values of CALL. Raises RankingError for one that is not allowed."""
    interval = look_back_interval(question.look_back)
    measure = measure_named(question.measure)
    published = published_as_of(reader_url)
    if question.as_of is not None and question.as_of > published.market_date:
        raise RankingError(f"as-of is {question.as_of}: after the market date, {published.market_date}")
    filters = question.filters
    with connect(reader_url, APPLICATION) as connection:
        chosen = {
            "markets": _chosen(connection, "market", filters.markets),
            "currencies": _chosen(connection, "currency", filters.currencies),
            "types": _chosen(connection, "type", filters.types),
            "tiers": _chosen(connection, "liquidity_tier", filters.tiers),
        }
    return {
        "look_back": interval,
        "measure": measure.value,
        "as_of": question.as_of,
        **chosen,
        "with_untradable": filters.with_untradable or UNTRADABLE in (chosen["tiers"] or []),
        "with_flagged": filters.with_flagged,
        "percentiles": question.percentiles,
        "rank_changes": question.rank_changes,
    }


def _chosen(connection: Connection, column: str, values: Sequence[str]) -> list[str] | None:
    """The values as the symbols have them, whatever their case; None for no filter."""
    if not values:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"select distinct {column} from marts.dim_symbols where {column} is not null order by 1")  # noqa: S608
        known = {str(value).casefold(): str(value) for (value,) in cursor.fetchall()}
    for value in values:
        if value.casefold() not in known:
            name = column.removeprefix("liquidity_")
            raise RankingError(f'{name} is "{value}": not one of {", ".join(known.values())}')
    return [known[value.casefold()] for value in values]


def _why_nobody_ranks(connection: Connection, question: Question, arguments: dict[str, Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            """select starts_on, ends_on, windows_expected, (select min(first_bar) from marts.dim_symbols)
            from marts.look_back_span(%(look_back)s::interval, %(as_of)s::date, 0)""",
            arguments,
        )
        ((starts_on, ends_on, windows, first_bar),) = cursor.fetchall()
    asked = f'look-back is "{question.look_back}"'
    if starts_on < first_bar:
        return f"{asked}: it starts on {starts_on}, and the prices on {first_bar}; take a shorter one or a later end"
    if windows == 0:
        return f"{asked}: no week ends in it up to {ends_on}; take 7d or more"
    shown = [f"{name} {', '.join(arguments[name])}" for name in FILTERED if arguments[name]]
    field = f" of {'; '.join(shown)}" if shown else ""
    others = str(_left_out(connection, arguments)).replace("\n", " ")
    why = others or "--explain SYMBOL says why"
    return f"no symbol{field} ranks over {question.look_back} up to {ends_on}: {why}"
