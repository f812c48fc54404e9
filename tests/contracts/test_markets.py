"""The product's table of markets and its copies: the sample market's own, and the currencies of the warehouse."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from hedge_master.markets.regions import UNITS, market_in, market_of
from hedge_master.sample_market import exchanges
from hedge_master.sample_market.market_status import REGIONS


def test_the_sample_market_is_made_of_markets_that_the_product_knows() -> None:
    for sample in exchanges.MARKETS:
        market = market_of(f"ANY{sample.suffix}")
        assert market is not None, sample
        assert (market.region, market.calendar, market.currency) == (sample.region, sample.calendar, sample.currency)
    for row in REGIONS:
        country, city = market_in(row.name), market_in(row.market.region)
        assert country is not None, row
        assert city is not None, row
        assert country.status_region == city.status_region == row.name


def test_units_are_those_of_the_warehouse(ingest: Connection) -> None:
    with ingest.cursor() as cursor:
        cursor.execute("select currency, major_currency, units_per_major from market.currencies")
        assert {currency: (major, units) for currency, major, units in cursor.fetchall()} == UNITS
    hundredths = {currency: major for currency, (major, units) in UNITS.items() if units == 100}
    assert exchanges.MAJOR_UNITS.items() <= hundredths.items()
