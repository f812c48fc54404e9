"""Made bars of the windows' benchmark: 20 years a symbol, raw as quoted, with splits; and rows of a binary COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

LAST = date(2020, 6, 12)  # a Friday: the Monday after it completes a week
WEEKS = 1_043
HOLIDAYS = ("01-01", "01-20", "02-17", "04-10", "05-25", "07-04", "09-05", "11-26", "12-25")
SEED = 2020
EPOCH = np.datetime64("2000-01-01")  # of PostgreSQL's binary dates and times
AT_ONCE = 20  # symbols whose bars are made, and copied, together: 100,000 rows
# Of so many symbols one has a split: at which share of the history, new shares for an old one.
SPLITS = ((5, 0.4, 2.0), (20, 0.6, 0.1), (7, 0.2, 4.0))

# Columns and their types in COPY's binary format.
BAR = {
    "symbol_id": ">i4",
    "day": ">i4",
    "open": ">f8",
    "high": ">f8",
    "low": ">f8",
    "close": ">f8",
    "volume": ">i8",
}
PRICE = BAR | {"known_since": ">i8", "batch_id": ">i8", "close_usd": ">f8", "fx_date": ">i4"}
COPY_HEAD, COPY_TAIL = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Records = NDArray[np.void]


def trading_days() -> Days:
    """Weekdays of WEEKS weeks up to LAST, without holidays; the same for all symbols."""
    monday = LAST - timedelta(days=LAST.weekday() + 7 * (WEEKS - 1))
    weekdays = np.arange(np.datetime64(monday), np.datetime64(LAST + timedelta(days=1)))
    closed = [f"{year}-{day}" for year in range(monday.year, LAST.year + 1) for day in HOLIDAYS]
    return weekdays[np.is_busday(weekdays, holidays=np.array(closed, "datetime64[D]"))]


def since_epoch(days: Days) -> NDArray[np.int64]:
    """PostgreSQL's number of each day."""
    return (days - EPOCH).astype(np.int64)


def splits(number: int) -> list[tuple[int, float]]:
    """Of a symbol by its number: index of the effective day among trading_days(), new shares for an old one."""
    days = len(trading_days())
    return [(int(share * days), factor) for one_of, share, factor in SPLITS if number % one_of == 0]


def in_parts(numbers: range) -> Iterator[range]:
    return (numbers[first : first + AT_ONCE] for first in range(0, len(numbers), AT_ONCE))


def bars(numbers: range, symbol_ids: Sequence[int], columns: dict[str, str]) -> Records:
    """The bars of symbols by day, four decimals as the API prints them; columns that BAR does not have are left empty.

    Closes are random walks of 0.5% to 3% a day, each of a symbol's own seed.
    """
    days = trading_days()
    moves = np.stack([_normal(number, len(days)) for number in numbers])
    widths = np.array([0.005 + 0.001 * (number % 26) for number in numbers])[:, None]
    close = 30 * np.exp(np.cumsum(moves[..., 0] * widths, axis=1))
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    quoted = _shares_before_splits(numbers, len(days))
    opened = before * np.exp(0.3 * widths * moves[..., 1])
    made = records(columns, close.size)
    made["symbol_id"] = np.repeat(symbol_ids, len(days))
    made["day"] = np.tile(since_epoch(days), len(numbers))
    for name, price in {
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(widths * np.abs(moves[..., 2])),
        "low": np.minimum(opened, close) * np.exp(-widths * np.abs(moves[..., 3])),
        "close": close,
    }.items():
        made[name] = np.maximum(np.round(price * quoted, 4), 0.0001).ravel()
    made["volume"] = (1e6 * (1 + np.abs(moves[..., 1]))).astype(np.int64).ravel()
    return made


def copied(rows: Records) -> bytes:
    """What a binary COPY of the rows sends."""
    return COPY_HEAD + rows.tobytes() + COPY_TAIL


def records(columns: dict[str, str], rows: int) -> Records:
    """Rows of a binary COPY, with their counts of fields and the lengths of these filled in."""
    fields = [("fields", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name} length", ">i4"), (name, kind)]
    made = np.zeros(rows, np.dtype(fields))
    made["fields"] = len(columns)
    for name, kind in columns.items():
        made[f"{name} length"] = np.dtype(kind).itemsize
    return made


def _normal(number: int, days: int) -> Floats:
    return np.random.default_rng((SEED, number)).standard_normal((days, 4))


def _shares_before_splits(numbers: range, days: int) -> Floats:
    """What a price in today's share is multiplied by to be as quoted on its day."""
    factors = np.ones((len(numbers), days))
    for row, number in enumerate(numbers):
        for place, factor in splits(number):
            factors[row, :place] *= factor
    return factors
