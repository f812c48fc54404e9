"""The table of markets against what Alpha Vantage was seen to answer, and against the library of calendars."""

from __future__ import annotations

import json
from pathlib import Path

import exchange_calendars
import pytest

from hedge_master.alpha_vantage.answers import matches
from hedge_master.markets.regions import MARKETS, market_in, market_of


@pytest.mark.parametrize(
    ("symbol", "region", "currency"),
    [
        ("IBM", "United States", "USD"),
        ("BRK-B", "United States", "USD"),
        ("TSCO.LON", "United Kingdom", "GBX"),
        ("TL0.DEX", "XETRA", "EUR"),
        ("TSLA34.SAO", "Brazil/Sao Paolo", "BRL"),
        ("GPV.TRV", "Toronto Venture", "CAD"),
        ("RELIANCE.BSE", "India/Bombay", "INR"),
        ("NPN.JNB", "Johannesburg", "ZAc"),
    ],
)
def test_a_symbol_without_a_region_is_known_by_its_suffix(symbol: str, region: str, currency: str) -> None:
    market = market_of(symbol)
    assert market is not None
    assert (market.region, market.currency) == (region, currency)


def test_a_region_counts_more_than_a_suffix() -> None:
    market = market_of("ODD.LON", "Frankfurt")
    assert market is not None
    assert market.region == "Frankfurt"


def test_what_nobody_has_seen_is_not_guessed() -> None:
    assert market_of("ABC.XYZ") is None
    assert market_of("ABC.LON", "Atlantis") is None


def test_every_region_of_the_recorded_answers_is_known(shared: Path) -> None:
    payloads = shared / "alpha_vantage" / "payloads"
    status = json.loads((payloads / "MARKET_STATUS.json").read_bytes())["markets"]
    countries = {row["region"] for row in status if row["market_type"] == "Equity"}
    assert len(countries) == 14
    assert [country for country in sorted(countries) if market_in(country) is None] == []
    found = matches((payloads / "SYMBOL_SEARCH_Tesla.json").read_bytes())
    assert len(found) == 5
    for match in found:
        by_suffix = market_of(match.symbol)
        assert by_suffix is not None
        assert (by_suffix.region, by_suffix.currency) == (match.region, match.currency)


def test_zones_are_those_of_the_calendars() -> None:
    zones = {market.calendar: market.zone for market in MARKETS}
    for name, zone in zones.items():
        assert str(exchange_calendars.get_calendar(name, start="2026-01-01", end="2026-02-01").tz) == zone


def test_no_market_is_declared_twice() -> None:
    suffixes = [market.suffix for market in MARKETS if market.suffix is not None]
    assert len(set(suffixes)) == len(suffixes)
    assert len({market.region for market in MARKETS}) == len(MARKETS)
