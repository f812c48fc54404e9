"""ECB rates are units per euro; the warehouse holds US dollars per unit."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest

from hedge_master.ingestion.fx_rates import (
    RatesUnavailable,
    continues,
    fetch_ecb_daily,
    fetch_ecb_history,
    newest_day,
    usd_rates,
)
from hedge_master.settings import load_settings
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


DAILY = "Date, USD, JPY, GBP, \n12 June 2020, 1.1304, 121.26, 0.8958, \n"


def test_the_file_of_the_newest_day_writes_its_date_and_its_columns_differently() -> None:
    small, history = zipped(DAILY), zipped(FILE)
    assert newest_day(small) == date(2020, 6, 12)
    without_reais = {rate for rate in usd_rates(history, until=date(2020, 6, 12)) if rate[0] != "BRL"}
    assert set(usd_rates(small, until=date(2020, 6, 12))) == without_reais
    assert list(usd_rates(small, until=date(2020, 6, 11))) == []


def test_a_zip_file_of_something_else_is_named(pauses: list[float], serve: Serve) -> None:
    with pytest.raises(RatesUnavailable, match=r"HM_ECB_DAILY_RATES_URL http://\S+ a zip file of \d+ bytes without"):
        fetch_ecb_daily(serve(zipped("Day,Dollars\n2020-06-12,1.13\n")).url)


@pytest.mark.parametrize(
    ("known", "newest", "until", "enough", "why"),
    [
        ("2020-06-10", "2020-06-11", "2020-06-11", True, "the day after"),
        ("2020-06-11", "2020-06-11", "2020-06-12", True, "nothing new yet"),
        ("2020-06-12", "2020-06-12", "2020-06-14", True, "a weekend"),
        ("2020-06-09", "2020-06-11", "2020-06-11", False, "a day between, which may have rates"),
        ("2020-06-12", "2020-06-15", "2020-06-15", False, "a week begins: the history also tells corrections"),
        ("2020-06-11", "2020-06-12", "2020-06-11", False, "the bank is further than the market date"),
        ("2020-06-12", "2020-06-11", "2020-06-12", False, "the small file is older than what is stored"),
        ("2020-06-12", "2020-06-12", "2020-06-17", False, "the small file has stopped moving"),
    ],
)
def test_the_small_file_is_enough_where_nothing_can_lie_between(
    known: str, newest: str, until: str, enough: bool, why: str
) -> None:
    assert continues(*(date.fromisoformat(day) for day in (known, newest, until))) is enough, why


def test_the_banks_two_files_come_from_the_sample_market_or_the_bank_or_where_one_says() -> None:
    folder = "/stats/eurofxref"
    sample = load_settings({"HM_SAMPLE_MARKET_PORT": "18111"})
    assert sample.ecb_daily_rates_address == f"http://127.0.0.1:18111{folder}/eurofxref.zip"
    real = {"HM_ALPHA_VANTAGE_BASE_URL": "https://www.example.org", "HM_ALPHA_VANTAGE_API_KEY": "k"}
    bank = load_settings(real)
    assert bank.ecb_daily_rates_address == f"https://www.ecb.europa.eu{folder}/eurofxref.zip"
    assert bank.ecb_rates_address == f"https://www.ecb.europa.eu{folder}/eurofxref-hist.zip"
    mirror = load_settings(real | {"HM_ECB_DAILY_RATES_URL": "https://mirror.example.org/day.zip"})
    assert mirror.ecb_daily_rates_address == "https://mirror.example.org/day.zip"
