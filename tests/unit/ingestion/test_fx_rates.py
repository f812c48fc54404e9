"""ECB rates are units per euro; the warehouse holds US dollars per unit."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest

from hedge_master.ingestion.fx_rates import RatesUnavailable, fetch_ecb_history, usd_rates
from scripted_server import Line, Serve

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


def test_the_banks_file_is_asked_for_again_where_it_stumbles(pauses: list[float], serve: Serve) -> None:
    file = zipped(FILE)  # once: a zip file holds the time at which it was made
    bank = serve(Line(status=503), file)
    assert fetch_ecb_history(f"{bank.url}/eurofxref-hist.zip") == file
    assert len(pauses) == 1


def test_a_page_in_the_place_of_the_file_is_named(pauses: list[float], serve: Serve) -> None:
    with pytest.raises(
        RatesUnavailable, match=r"HM_ECB_RATES_URL http://\S+/eurofxref-hist.zip: 6 bytes that are no zip"
    ):
        fetch_ecb_history(f"{serve(b'<html>').url}/eurofxref-hist.zip")
