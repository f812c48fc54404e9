"""The models on a small market, against plain loops over the definitions (never against the code under test).

The market of these tests holds a session on every weekday from 2019-01-07 (a Monday) to the market date.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.ranking import RankingError, top
from hedge_master.settings import Settings
from running_dbt import Dbt

FIRST, MARKET_DATE = date(2019, 1, 7), date(2020, 6, 12)
LAST_COMPLETE = date(2020, 6, 7)  # the Sunday before the market date
WEEKDAYS = [
    FIRST + timedelta(days=n) for n in range((MARKET_DATE - FIRST).days + 1) if (FIRST + timedelta(n)).weekday() < 5
]
SPLIT_DAY = date(2020, 3, 16)
WRONG_UNIT_UNTIL = date(2019, 3, 1)  # a Friday
# Duncan's table of c4, to 4 digits, is too short for 1e-9: the definition in gamma functions.
C4 = {n: math.sqrt(2 / (n - 1)) * math.gamma(n / 2) / math.gamma((n - 1) / 2) for n in range(2, 15)}


@dataclass(frozen=True)
class Stock:
    """Closes as quoted; `split` new shares for one old on SPLIT_DAY."""

    closes: dict[date, float]
    split: float = 1.0

    def adjusted(self) -> dict[date, float]:
        return {day: close / (self.split if day < SPLIT_DAY else 1.0) for day, close in self.closes.items()}


def walk(seed: int, daily: float, days: list[date], start: float = 50.0) -> dict[date, float]:
    draw = random.Random(seed)
    price, closes = start, {}
    for day in days:
        price *= math.exp(draw.gauss(0, daily))
        closes[day] = price
    return closes


def market() -> dict[str, Stock]:
    wild = walk(1, 0.05, WEEKDAYS)
    split = walk(2, 0.02, WEEKDAYS, start=400.0)
    # The feed quoted WILD in cents at first: a hundredth on the day that it stopped, and no split.
    wild |= {day: close * 100 for day, close in wild.items() if day <= WRONG_UNIT_UNTIL}
    gone = [day for day in WEEKDAYS if not date(2019, 9, 1) <= day <= date(2020, 2, 1)]
    return {
        "WILD": Stock(wild),
        "DEAR": Stock(walk(3, 0.01, WEEKDAYS, start=5000.0)),
        "GEOMETRIC": Stock({day: 100 * 1.001**n for n, day in enumerate(WEEKDAYS)}),
        "SPLIT": Stock({day: close / (8.0 if day >= SPLIT_DAY else 1.0) for day, close in split.items()}, split=8.0),
        "YOUNG": Stock(walk(4, 0.03, [day for day in WEEKDAYS if day >= date(2020, 1, 6)])),
        "GAPPED": Stock(walk(5, 0.03, gone)),
    }


@pytest.fixture(scope="module")
def stocks() -> dict[str, Stock]:
    return market()


@pytest.fixture(scope="module")
def published(warehouse_settings: Settings, stocks: dict[str, Stock], dbt: Dbt) -> Iterator[Connection]:
    """The market of these tests, built and published; a connection of the reader's role."""
    with psycopg2.connect(warehouse_settings.required("warehouse_url")) as owner, owner.cursor() as cursor:
        cursor.execute("truncate market.symbols, market.market_dates restart identity cascade")
        for symbol, stock in stocks.items():
            cursor.execute(
                """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
                values (%s, %s, 'Equity', 'Testland', 'UTC', 'USD', %s) returning symbol_id""",
                (symbol, symbol.title(), MARKET_DATE),
            )
            (symbol_id,) = cursor.fetchone() or (None,)
            execute_values(
                cursor,
                """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date,
                batch_id, known_since) values %s""",
                [
                    (symbol_id, day, *([close] * 4), 1, close, day, 1, MARKET_DATE)
                    for day, close in stock.closes.items()
                ],
            )
            if stock.split != 1:
                cursor.execute("insert into market.splits values (%s, %s, %s)", (symbol_id, SPLIT_DAY, stock.split))
        # A session that was still open when it was asked for: in no model.
        cursor.execute(
            """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date, batch_id,
            known_since, provisional) select symbol_id, %(day)s, 1e9, 1e9, 1e9, 1e9, 1, 1e9, %(day)s, 1, %(day)s, true
            from market.symbols""",
            {"day": MARKET_DATE + timedelta(days=3)},
        )
        cursor.execute("insert into market.market_dates values ('test', %s, 'sample market')", (MARKET_DATE,))
    owner.close()
    built = dbt("build")
    assert built.returncode == 0, built.stdout[-4000:]
    assert dbt("run-operation", "publish_marts").returncode == 0
    reader = psycopg2.connect(warehouse_settings.required("warehouse_reader_url"))
    reader.autocommit = True
    yield reader
    reader.close()


def ask(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def windows_by_hand(stock: Stock) -> dict[date, tuple[int, float | None, float | None, float | None]]:
    """Window start -> days, mean, sample deviation, volatility: straight from the definitions."""
    closes = stock.adjusted()
    days = sorted(closes)
    returns: dict[date, float] = {}
    for before, day in itertools.pairwise(days):
        missed = WEEKDAYS.index(day) - WEEKDAYS.index(before) - 1
        if missed <= 5:
            returns[day] = math.log(closes[day] / closes[before])
    found = {}
    start = FIRST - timedelta(days=7)
    while start <= MARKET_DATE:
        inside = [day for day in days if start <= day < start + timedelta(days=14)]
        moves = [returns[day] for day in inside if day in returns]
        if inside:
            prices = [closes[day] for day in inside]
            volatility = statistics.stdev(moves) * math.sqrt(252) / C4[len(moves)] if len(moves) >= 7 else None
            deviation = statistics.stdev(prices) if len(prices) > 1 else None
            found[start] = (len(inside), statistics.fmean(prices), deviation, volatility)
        start += timedelta(days=7)
    return found


def test_every_window_of_every_stock_is_what_the_definitions_give(
    published: Connection, stocks: dict[str, Stock]
) -> None:
    for symbol, stock in stocks.items():
        rows = ask(
            published,
            """select window_start, days, average_price_usd, price_deviation_usd, volatility_annualised, deviation_pct
            from marts.fct_windows join marts.dim_symbols using (symbol_id) where symbol = %s""",
            symbol,
        )
        expected = windows_by_hand(stock)
        assert {row[0] for row in rows} == expected.keys()
        for start, days, mean, deviation, volatility, pct in rows:
            by_hand = expected[start]
            assert days == by_hand[0]
            assert mean == pytest.approx(by_hand[1], rel=1e-9)
            assert deviation == (None if by_hand[2] is None else pytest.approx(by_hand[2], rel=1e-9))
            assert volatility == (None if by_hand[3] is None else pytest.approx(by_hand[3], rel=1e-9, abs=1e-9))
            assert pct == (None if deviation is None else pytest.approx(deviation / mean, rel=1e-12))


def test_a_geometric_series_has_no_volatility(published: Connection) -> None:
    (row,) = ask(
        published,
        """select max(volatility_annualised) from marts.fct_windows
        join marts.dim_symbols using (symbol_id) where symbol = 'GEOMETRIC'""",
    )
    assert row[0] == pytest.approx(0, abs=1e-9)


def test_a_split_is_no_storm(published: Connection) -> None:
    """An 8-for-1 split would add one return of -208% to two windows; the widest window stays that of a 2% stock."""
    (row,) = ask(
        published,
        """select max(volatility_annualised) from marts.fct_windows
        join marts.dim_symbols using (symbol_id) where symbol = 'SPLIT'""",
    )
    assert row[0] < 0.8


def test_a_jump_without_a_split_is_flagged_and_kept(published: Connection, stocks: dict[str, Stock]) -> None:
    """WILD's closes fall to a hundredth as the unit is mended; SPLIT's eighth is a split, bars of 1e9 are provisional.

    That WILD's windows of those weeks are kept is what the test of all windows says.
    """
    closes, mended_on = stocks["WILD"].closes, WRONG_UNIT_UNTIL + timedelta(days=3)
    before, close = closes[WRONG_UNIT_UNTIL], closes[mended_on]
    rows = ask(
        published,
        """select symbol, day, flag, severity, ratio, close_before, close from marts.fct_price_flags
        where flag <> 'gap'""",
    )
    ratio = pytest.approx(close / before, rel=1e-12)
    assert rows == [("WILD", mended_on, "jump_without_split", "grave", ratio, before, close)]


def test_the_window_that_has_begun_is_shown_and_not_ranked(published: Connection) -> None:
    rows = ask(published, "select distinct window_end, is_complete from marts.fct_windows order by 1 desc limit 3")
    assert rows == [(date(2020, 6, 21), False), (date(2020, 6, 14), False), (LAST_COMPLETE, True)]


@pytest.mark.parametrize(("measure", "column"), [("volatility", 3), ("price_deviation", 2)])
def test_the_ranking_is_the_plain_mean_of_the_windows_that_end_in_the_look_back(
    published: Connection, stocks: dict[str, Stock], measure: str, column: int
) -> None:
    start = date(2019, 12, 12)  # six months before the market date
    expected = {}
    for symbol in ("WILD", "DEAR", "GEOMETRIC", "SPLIT"):
        windows = windows_by_hand(stocks[symbol])
        inside = [
            values[column]
            for first, values in windows.items()
            if start < first + timedelta(days=13) <= MARKET_DATE and values[column] is not None
        ]
        expected[symbol] = statistics.fmean(value for value in inside if value is not None)
    rows = ask(
        published,
        "select symbol, value from marts.ranking(interval '6 months', %s) where rank is not null order by rank",
        measure,
    )
    assert [symbol for symbol, _ in rows] == sorted(expected, key=lambda symbol: -expected[symbol])
    for symbol, value in rows:
        assert value == pytest.approx(expected[symbol], rel=1e-9, abs=1e-9)


def test_nobody_vanishes_the_others_carry_their_reason(published: Connection) -> None:
    """YOUNG began in January 2020, inside the look-back. GAPPED covers its start but traded in 36 of 52 windows."""
    left_out = dict(
        ask(published, "select symbol, left_out_reason from marts.ranking(interval '1 year') where rank is null")
    )
    assert left_out.keys() == {"YOUNG", "GAPPED"}
    assert left_out["YOUNG"] == "too young: prices begin on 2020-01-06"
    assert left_out["GAPPED"].startswith("only ")
    assert "of 52 windows have a value" in left_out["GAPPED"]


def test_the_past_can_be_asked(published: Connection, warehouse_settings: Settings) -> None:
    """The half year up to the last day of 2019 knows neither the YOUNG stock nor any later window."""
    rows = top(warehouse_settings.required("warehouse_reader_url"), "6m", "volatility", 10, date(2019, 12, 31))
    assert next(row.symbol for row in rows) == "WILD"
    assert "YOUNG" not in {row.symbol for row in rows}


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ({"look_back": "1 year"}, 'look-back is "1 year": not a number with d, w, m or y'),
        ({"measure": "beta"}, 'measure is "beta": not one of volatility'),
        ({"limit": 0}, "limit is 0: not 1 or more"),
        ({"as_of": date(2020, 6, 13)}, "as-of is 2020-06-13: after the market date, 2020-06-12"),
        ({"look_back": "30y"}, "no symbol has windows over the whole look-back 30y"),
    ],
)
def test_a_question_that_has_no_answer_is_told_why(
    published: Connection, warehouse_settings: Settings, question: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RankingError) as error:
        top(warehouse_settings.required("warehouse_reader_url"), **question)
    assert complaint in str(error.value)


def test_the_warehouse_itself_refuses_an_unknown_measure(published: Connection) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match='measure is "beta": not one of volatility'):
        ask(published, "select * from marts.ranking(interval '1 year', 'beta')")


def test_the_reader_sees_the_marts_and_nothing_else(published: Connection) -> None:
    for table in ("market.prices", "intermediate.int_windows", "marts_candidate.fct_windows"):
        with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedTable)):
            ask(published, f"select * from {table} limit 1")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(published, "update marts.as_of set market_date = '2000-01-01'")


def test_a_failed_test_leaves_the_published_ranking_untouched(
    published: Connection, warehouse_settings: Settings, dbt: Dbt
) -> None:
    """A close of 0 in the store (which the stream would have refused) makes no return: ln(0) fails the model."""
    before = ask(published, "select * from marts.ranking(interval '1 year') order by symbol")
    with psycopg2.connect(warehouse_settings.required("warehouse_url")) as owner, owner.cursor() as cursor:
        cursor.execute("update market.prices set close = 0 where day = %s", (MARKET_DATE,))
    owner.close()
    assert dbt("build").returncode != 0
    assert ask(published, "select * from marts.ranking(interval '1 year') order by symbol") == before


def test_publishing_once_more_does_not_bring_an_older_build_back(published: Connection, dbt: Dbt) -> None:
    before = ask(published, "select built_at from marts.as_of")
    assert dbt("run-operation", "publish_marts").returncode == 0
    assert ask(published, "select built_at from marts.as_of") == before
