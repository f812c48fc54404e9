"""ECB rates are units per euro; the warehouse holds US dollars per unit."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest

from hedge_master.ingestion.fx_rates import ecb_history, usd_rates

FILE = """Date,USD,JPY,GBP,BRL,
2020-06-15,1.1300,121.00,0.9000,N/A,
2020-06-12,1.1304,121.26,0.8958,5.7154,
"""


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("eurofxref-hist.csv", text)
    return buffer.getvalue()


def test_one_pound_is_the_dollars_of_a_euro_over_the_pounds_of_a_euro() -> None:
    """1.1304 / 0.8958 = 1.261889..., 1.1304 / 121.26 = 0.009322...; a rate after the market date is not known yet."""
    rates = {(currency, day): rate for currency, day, rate in usd_rates(zipped(FILE), until=date(2020, 6, 12))}
    assert rates.keys() == {(currency, date(2020, 6, 12)) for currency in ("EUR", "JPY", "GBP", "BRL")}
    assert rates["EUR", date(2020, 6, 12)] == 1.1304
    assert rates["GBP", date(2020, 6, 12)] == pytest.approx(1.2618888, abs=1e-6)
    assert rates["JPY", date(2020, 6, 12)] == pytest.approx(0.0093221, abs=1e-6)


def test_a_currency_that_is_not_available_has_no_rate() -> None:
    rates = {(currency, day) for currency, day, _ in usd_rates(zipped(FILE), until=date(2020, 6, 15))}
    assert ("BRL", date(2020, 6, 15)) not in rates


def test_the_wheel_ships_the_history_from_1999() -> None:
    """On 1999-01-04 a euro cost 1.1789 dollars: the ECB's first reference rate."""
    first = {currency: rate for currency, day, rate in usd_rates(ecb_history(), until=date(1999, 1, 4))}
    assert first["EUR"] == 1.1789
