"""What is doubtful about real prices: looked at row by row, each is something that a reader should know.

28 stocks on 147,309 days, 1962 to 2023, crashes, takeovers and manias among them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from difficult_market import Stock
from psycopg2.extensions import connection as Connection

JUMP, GAP = "jump_without_split", "gap"
FILE_SYMBOLS = ("AAPL", "AMZN", "BA", "CAT", "DELL", "EBAY", "F", "FB", "GE", "KO", "MSFT")
# Splits that the file does not have: two for one each. The whole bar lies at half the day before's, on no more money
# than usual; CAT rose by 3.8% on the day.
MISSING_SPLITS = {
    ("KO", date(1965, 2, 19)): "grave",
    ("KO", date(1968, 6, 3)): "grave",
    ("CAT", date(1964, 7, 6)): "doubtful",
}
# Suspensions in Shenzhen, by the day of the first bar after them, and the sessions that they took. 000783's of 2007 is
# the reverse merger of docs/sample-market.md, the second within a week of trading.
SUSPENSIONS = {
    "000001": {
        date(2005, 10, 21): 12,
        date(2006, 6, 12): 10,
        date(2006, 7, 19): 7,
        date(2007, 5, 25): 9,
        date(2007, 6, 20): 13,
        date(2010, 9, 2): 46,
        date(2012, 1, 20): 8,
    },
    "000338": {date(2008, 4, 30): 34},
    "000778": {date(2005, 10, 12): 7, date(2005, 11, 10): 13, date(2015, 9, 15): 63},
    "000783": {date(2007, 2, 2): 39, date(2007, 12, 27): 214, date(2009, 11, 17): 6, date(2015, 5, 14): 8},
    "002572": {date(2015, 6, 29): 17, date(2015, 11, 12): 8},
    "300027": {date(2013, 7, 24): 32, date(2014, 11, 19): 39, date(2015, 10, 23): 56, date(2016, 12, 7): 47},
}


def test_real_prices_carry_only_flags_that_are_true(built: Connection, stocks: dict[str, Stock]) -> None:
    """Apple's halving of 2000-09-29 (2.08 times, on 9 times the money) is no split, a hole of a day in 2014 no gap."""
    real = {symbol for symbol in stocks if symbol in FILE_SYMBOLS or symbol.endswith(".WHEEL")}
    assert len(real) == 28
    found: dict[str, dict[tuple[str, date], str | int]] = defaultdict(dict)
    with built.cursor() as cursor:
        cursor.execute("select symbol, flag, day, severity, days from marts_candidate.fct_price_flags")
        for symbol, flag, day, severity, days in cursor:
            if symbol in real:
                found[flag][symbol, day] = severity if flag == JUMP else days
    gaps = {(f"{code}.SHZ.WHEEL", day): days for code, dates in SUSPENSIONS.items() for day, days in dates.items()}
    assert found == {JUMP: MISSING_SPLITS, GAP: gaps}
