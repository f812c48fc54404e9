"""The messages of a torture: what each symbol answers in each round, as a function of the seed alone.

New days, corrections, the same bytes again, late answers with what was believed before, impossible rows, an unknown
symbol, a text that is no JSON: each class of the accounts gets some rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random

SYMBOLS = tuple(f"SIM{number:02}" for number in range(24))
CURRENCIES = ("USD", "GBX", "XXX")  # dollars, hundredths of pounds, and one without a rate
UNKNOWN, GARBLED = "NOBODY", "GARBLED"  # a symbol that no list has, and one whose answers are no JSON
FIRST_DAY = date(2019, 1, 1)
BARS = {"compact": 20, "full": 60}
ROUND_ZERO = datetime(2020, 6, 12, 12, tzinfo=UTC)
NOT_JSON = b'{"Time Series (Daily)": {"2020-'


@dataclass(frozen=True)
class Spoken:
    """One message: `rows` it delivers, `days` of them that are possible."""

    symbol: str
    outputsize: str
    body: bytes
    requested_at: datetime
    rows: int
    days: frozenset[date]


def messages_of(seed: int, number: int) -> list[Spoken]:
    """The messages of one round, each symbol's once."""
    return [spoken(seed, number, position) for position in range(len(SYMBOLS) + 2)]


def outputsize(number: int, position: int) -> str:
    """Each symbol answers in full for two rounds of six, so that both topics tell about it in turn."""
    return "full" if (position // 4 + number // 2) % 3 == 0 else "compact"


@cache
def spoken(seed: int, number: int, position: int) -> Spoken:
    symbol = (*SYMBOLS, UNKNOWN, GARBLED)[position]
    size = outputsize(number, position)
    asked_at = ROUND_ZERO + timedelta(hours=number, seconds=position)
    if symbol == GARBLED:
        return Spoken(symbol, size, NOT_JSON, asked_at, 1, frozenset())
    kind = Random(f"{seed}/{number}/{symbol}").random()
    if kind < 0.15 and number > 1:  # late: asked for two rounds ago, read after what came meanwhile
        series = _series(seed, number - 2, symbol, size)
        asked_at -= timedelta(hours=2, minutes=-1)
    elif kind < 0.3 and number > 0:  # the same bytes again
        series = _series(seed, number - 1, symbol, size)
    else:
        series = _series(seed, number, symbol, size)
    body = json.dumps({"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": series}).encode()
    days = frozenset(date.fromisoformat(day) for day, bar in series.items() if float(bar["3. low"]) > 0)
    return Spoken(symbol, size, body, asked_at, len(series), days if symbol in SYMBOLS else frozenset())


def _series(seed: int, number: int, symbol: str, size: str) -> dict[str, dict[str, str]]:
    newest = BARS["full"] + number
    return {
        (FIRST_DAY + timedelta(days=day)).isoformat(): _bar(seed, number, symbol, day)
        for day in range(newest - BARS[size], newest)
    }


def _bar(seed: int, number: int, symbol: str, day: int) -> dict[str, str]:
    """One bar in 12 is corrected in a later round, one in 40 is impossible."""
    dice = Random(f"{seed}/{symbol}/{day}")
    close = dice.uniform(5, 500)
    if dice.random() < 1 / 12 and number >= day - BARS["full"] + dice.randint(1, 4):
        close += 1
    low = 0 if dice.random() < 1 / 40 else close - 1
    prices = (close, close + 1, low, close)
    names = ("1. open", "2. high", "3. low", "4. close")
    return {name: f"{price:.4f}" for name, price in zip(names, prices, strict=True)} | {"5. volume": str(1000 + day)}
