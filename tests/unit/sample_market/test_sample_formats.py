"""The sample market's answers have the keys, order, spaces and decimals of the recorded answers of the real API."""

from __future__ import annotations

import csv
import gzip
import json
import re
from datetime import date
from pathlib import Path

import pytest
from sample_market_terms import OpenMarket

from hedge_master.sample_market import answers, notices
from hedge_master.sample_market.exchanges import UNITED_STATES
from hedge_master.sample_market.listing import Listing, Split
from hedge_master.sample_market.universe import match_score

DAILY = {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "apikey": "k"}


def skeleton(text: str) -> set[str]:
    """The distinct lines of an answer, numbers as N and the symbol as S."""
    return set(re.sub(r"\d+", "N", re.sub(r'"(VZ|TSLA|SIM000)"', '"S"', text)).splitlines())


@pytest.mark.parametrize("name", ["TIME_SERIES_DAILY_VZ_compact.json", "TIME_SERIES_DAILY_TSLA_compact.json"])
def test_daily_json_is_laid_out_as_recorded(recorded: Path, open_market: OpenMarket, name: str) -> None:
    real = (recorded / "payloads" / name).read_text()
    ours = open_market().get("/query", params=DAILY).text
    assert skeleton(ours) == skeleton(real)
    assert len(ours.splitlines()) == len(real.splitlines())
    real_bars, our_bars = (json.loads(text)["Time Series (Daily)"] for text in (real, ours))
    assert list(our_bars) == sorted(our_bars, reverse=True)
    assert list(real_bars) == sorted(real_bars, reverse=True)
    assert len(our_bars) == len(real_bars) == 100


def test_daily_csv_is_laid_out_as_recorded(recorded: Path, open_market: OpenMarket) -> None:
    real = (recorded / "payloads" / "TIME_SERIES_DAILY_IBM.csv").read_text()
    ours = open_market().get("/query", params={**DAILY, "datatype": "csv"}).text
    assert skeleton(ours) == skeleton(real)
    assert ours.count("\n") == real.count("\n") == 101


def test_splits_csv_of_ibm_is_the_recorded_text(recorded: Path) -> None:
    splits = (Split(date(1999, 5, 27), 2.0), Split(date(2021, 11, 4), 1.046))
    assert answers.splits_csv(splits) == (recorded / "payloads" / "SPLITS_IBM.csv").read_text()


def test_search_has_the_recorded_keys(recorded: Path, open_market: OpenMarket) -> None:
    real = json.loads((recorded / "payloads" / "SYMBOL_SEARCH_Tesla.json").read_text())["bestMatches"]
    ours = open_market().get("/query", params={"function": "SYMBOL_SEARCH", "keywords": "SIM000", "apikey": "k"})
    (match,) = ours.json()["bestMatches"]
    assert list(match) == list(real[0])
    american = real[0]
    shared = ("4. region", "5. marketOpen", "6. marketClose", "7. timezone", "8. currency")
    assert [match[key] for key in shared] == [american[key] for key in shared]
    assert match["9. matchScore"] == "1.0000"


def test_match_scores_are_those_of_the_recorded_answer(recorded: Path) -> None:
    day = date(2020, 1, 1)
    for match in json.loads((recorded / "payloads" / "SYMBOL_SEARCH_Tesla.json").read_text())["bestMatches"]:
        listing = Listing(match["1. symbol"], match["2. name"], UNITED_STATES, "", day, day, None)
        assert f"{match_score('Tesla', listing):.4f}" == match["9. matchScore"]


def test_listing_status_has_the_recorded_columns(recorded: Path, open_market: OpenMarket) -> None:
    real = gzip.decompress((recorded / "payloads" / "LISTING_STATUS.csv.gz").read_bytes()).decode().splitlines()
    text = open_market().get("/query", params={"function": "LISTING_STATUS", "apikey": "k"}).text
    ours = text.splitlines()
    assert ours[0] == real[0]
    assert {(row[5], row[6]) for row in csv.reader(ours[1:])} == {(row[5], row[6]) for row in csv.reader(real[1:])}
    assert text.endswith("Active\n")


def test_notices_are_word_for_word_the_recorded_ones(recorded: Path) -> None:
    shapes = json.loads((recorded / "error-shapes.json").read_text())
    assert notices.daily_cap("<KEY>", 25) == shapes["information_daily_cap_with_key_2025"]
    assert notices.burst(1, "second", 25) == shapes["information_burst_2025"]
    assert notices.invalid_call("TIME_SERIES_DAILY") == shapes["error_invalid_symbol_or_call"]
    assert notices.missing_key() == shapes["error_apikey"]


def test_nothing_there_is_answered_as_recorded(recorded: Path, open_market: OpenMarket) -> None:
    shapes = json.loads((recorded / "error-shapes.json").read_text())
    market = open_market()
    found = market.get("/query", params={"function": "SYMBOL_SEARCH", "keywords": "zzzzz", "apikey": "k"})
    assert found.json() == shapes["search_no_match"]
    unknown = {"function": "SPLITS", "symbol": "NOPE", "datatype": "csv", "apikey": "k"}
    assert market.get("/query", params=unknown).text == json.dumps(shapes["empty_object"])
