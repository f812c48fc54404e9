"""The market that the models and the oracles are compared on: real prices, and real prices made difficult.

From prices_wiki.csv.gz 11 US stocks with 57 splits, 1962 to 2018; from the PyPI wheels 9 US and 8 Chinese stocks, 2000
to 2023 (SYMBOL.WHEEL). Made of them, in the region of the US stocks unless it says else:
- KO.EUR: quoted in euros at a rate that wanders, with days without a rate;
- GE.GAPS: stretches of 1 to 14 sessions taken out, and weeks of a single day;
- MSFT.REV: two reverse splits of 1:1000; FB.CHEAP: prices at 0.0137 of the real ones;
- FB.OPEN: every ninth bar provisional;
- NOISE: closes of a million with noise of a thousandth; FLAT: one close for 200 sessions;
- NUMACC2, NUMACC3, NUMACC4: NIST's numbers as closes of every day of the week, in a region of their own.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from hedge_master.sample_market.real_prices import load_real
from oracles.made_up_bars import flat_bar
from oracles.nist_numacc import NUM_ACC
from oracles.windows import Bar, Window, days_of, windows_of

MARKET_DATE = date(2023, 9, 21)  # a Thursday: the wheels' last day
PRICES = ("open", "high", "low", "close")
UNITED_STATES, EVERY_DAY = "United States", "Testland"


@dataclass(frozen=True)
class Stock:
    """`bars` as quoted; `splits`: effective date -> new shares for one old."""

    bars: list[Bar]
    splits: dict[date, float] = field(default_factory=dict)
    region: str = UNITED_STATES
    currency: str = "USD"


def whole_market(wiki: Path, wheels: Path) -> dict[str, Stock]:
    """Every symbol. `wiki`: prices_wiki.csv.gz; `wheels`: the folder into which the set-up puts the wheels' prices."""
    draw = random.Random(2020)
    real = wiki_stocks(wiki)
    days = [bar.day for bar in real["KO"].bars]
    return {
        **real,
        **wheel_stocks(wheels, draw),
        "KO.EUR": Stock(at_a_rate(since(real["KO"], 2009), 1.3, draw), real["KO"].splits, currency="EUR"),
        "GE.GAPS": Stock(with_gaps(since(real["GE"], 2000), draw), real["GE"].splits),
        "MSFT.REV": reverse_split(since(real["MSFT"], 2010)),
        "FB.CHEAP": Stock([at_a_share(bar, 0.0137) for bar in real["FB"].bars]),
        "FB.OPEN": Stock([replace(bar, provisional=n % 9 == 5) for n, bar in enumerate(real["FB"].bars)]),
        "NOISE": Stock([flat_bar(day, 1e6 + 1e-3 * draw.gauss(0, 1)) for day in days[:500]]),
        "FLAT": Stock([flat_bar(day, 50.123) for day in days[:200]]),
        **{name.upper(): on_every_day(NUM_ACC[name].values) for name in ("NumAcc2", "NumAcc3", "NumAcc4")},
    }


def wiki_stocks(path: Path) -> dict[str, Stock]:
    """The stocks of the file, less the five bars that the stream would refuse (a price outside low to high)."""
    stocks: dict[str, Stock] = defaultdict(lambda: Stock([]))
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            day, (opened, high, low, close) = date.fromisoformat(row["date"]), (float(row[name]) for name in PRICES)
            bar = Bar(day, opened, high, low, close, round(float(row["volume"])), close)
            if float(row["split_ratio"]) != 1:
                stocks[row["symbol"]].splits[day] = float(row["split_ratio"])
            if bar.is_consistent:
                stocks[row["symbol"]].bars.append(bar)
    return dict(stocks)


def wheel_stocks(folder: Path, draw: random.Random) -> dict[str, Stock]:
    """The wheels' stocks, the Chinese ones at a made-up rate, less the bars that the stream would refuse."""
    stocks = {}
    for listing, history in load_real(folder).items():
        days, volumes = history.days.tolist(), history.volumes.tolist()
        bars = [
            Bar(day, *prices, volume, prices[3])
            for day, prices, volume in zip(days, history.prices.tolist(), volumes, strict=True)
        ]
        bars = [bar for bar in bars if bar.is_consistent]
        currency = listing.market.currency
        stocks[f"{listing.symbol}.WHEEL"] = Stock(
            bars if currency == "USD" else at_a_rate(bars, 0.15, draw),
            {split.effective: split.factor for split in history.splits},
            listing.market.region,
            currency,
        )
    return stocks


def since(stock: Stock, year: int) -> list[Bar]:
    return [bar for bar in stock.bars if bar.day.year >= year]


def at_a_rate(bars: Iterable[Bar], rate: float, draw: random.Random) -> list[Bar]:
    """USD for a unit of the quoted currency wanders by 0.6% a day from `rate`; on one day in fifty there is none."""
    found = []
    for bar in bars:
        rate *= math.exp(draw.gauss(0, 0.006))
        found.append(replace(bar, close_usd=None if draw.random() < 0.02 else bar.close * rate))
    return found


def with_gaps(bars: list[Bar], draw: random.Random) -> list[Bar]:
    found, at = [], 0
    while at < len(bars):
        kept = draw.choice([1, 1, 2, 5, 20, 40])
        found += bars[at : at + kept]
        at += kept + draw.randint(1, 14)
    return found


def reverse_split(bars: list[Bar]) -> Stock:
    """Quoted at a millionth until the first of two 1:1000 reverse splits, at a thousandth until the second."""
    first, second = bars[len(bars) // 3].day, bars[len(bars) // 2].day
    quoted = []
    for bar in bars:
        share = 1e-6 if bar.day < first else 1e-3 if bar.day < second else 1.0
        quoted.append(at_a_share(bar, share))
    return Stock(quoted, {first: 0.001, second: 0.001})


def at_a_share(bar: Bar, share: float) -> Bar:
    """All prices of the bar times `share`, the volume as it is."""
    return replace(bar, **{name: getattr(bar, name) * share for name in (*PRICES, "close_usd")})


def on_every_day(closes: Iterable[float]) -> Stock:
    first = date(2001, 1, 1)
    return Stock([flat_bar(first + timedelta(days=n), close) for n, close in enumerate(closes)], region=EVERY_DAY)


def windows_by_symbol(stocks: Mapping[str, Stock]) -> dict[str, dict[date, Window]]:
    """What the oracles see of the market, by symbol and start. A session is a day on which any symbol of the region
    has a finished bar.
    """
    sessions: dict[str, set[date]] = defaultdict(set)
    for stock in stocks.values():
        sessions[stock.region].update(bar.day for bar in stock.bars if not bar.provisional)
    in_order = {region: sorted(days) for region, days in sessions.items()}
    found = {}
    for symbol, stock in stocks.items():
        days = days_of(stock.bars, stock.splits, in_order[stock.region], MARKET_DATE)
        found[symbol] = {window.start: window for window in windows_of(days, MARKET_DATE)}
    return found
