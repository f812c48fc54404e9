"""GET /query as a caller meets it: sizes, forms, refusals."""

from __future__ import annotations

import csv
import json

import pytest
from sample_market_terms import OpenMarket

from hedge_master.sample_market.universe import Universe

DAILY = {"function": "TIME_SERIES_DAILY", "symbol": "SIM001.LON", "apikey": "k"}


def test_compact_is_the_last_hundred_of_full(open_market: OpenMarket) -> None:
    market = open_market()
    full = market.get("/query", params={**DAILY, "outputsize": "full"}).json()
    compact = market.get("/query", params=DAILY).json()
    bars, few = full["Time Series (Daily)"], compact["Time Series (Daily)"]
    assert list(few.items()) == list(bars.items())[:100]
    assert len(bars) > 5_000
    assert full["Meta Data"]["4. Output Size"] == "Full size"
    assert full["Meta Data"]["3. Last Refreshed"] == next(iter(bars)) == "2020-06-12"


def test_csv_and_json_tell_the_same(open_market: OpenMarket) -> None:
    market = open_market()
    bars = market.get("/query", params={**DAILY, "outputsize": "full"}).json()["Time Series (Daily)"]
    text = market.get("/query", params={**DAILY, "outputsize": "full", "datatype": "csv"}).text
    from_json = [[day, *bar.values()] for day, bar in bars.items()]
    assert list(csv.reader(text.splitlines()))[1:] == from_json


def test_full_json_is_what_json_dumps_would_write(open_market: OpenMarket) -> None:
    text = open_market().get("/query", params={**DAILY, "outputsize": "full"}).text
    assert json.dumps(json.loads(text), indent=4) == text


@pytest.mark.parametrize(
    "call",
    [
        {"function": "TIME_SERIES_DAILY", "symbol": "NOPE"},
        {"function": "TIME_SERIES_DAILY"},
        {"function": "TIME_SERIES_DAILY", "symbol": "SIM009"},
        {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "outputsize": "huge"},
        {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "datatype": "xml"},
        {"function": "SYMBOL_SEARCH"},
        {"function": "SPLITS"},
        {"function": "LISTING_STATUS", "state": "both"},
        {"function": "LISTING_STATUS", "date": "2020-06-13"},
        {"function": "LISTING_STATUS", "date": "June"},
        {"function": "MAKE_MONEY"},
        {},
    ],
)
def test_an_invalid_call_gets_the_error_message_with_200(open_market: OpenMarket, call: dict[str, str]) -> None:
    answer = open_market().get("/query", params={**call, "apikey": "k"})
    assert answer.status_code == 200
    assert list(answer.json()) == ["Error Message"]
    assert answer.json()["Error Message"].endswith(f"for {call.get('function', '')}.")


@pytest.mark.parametrize("key", [{}, {"apikey": ""}, {"apikey": "  "}])
def test_without_a_key_there_is_no_answer(open_market: OpenMarket, key: dict[str, str]) -> None:
    answer = open_market().get("/query", params={"function": "TIME_SERIES_DAILY", "symbol": "SIM000", **key})
    assert answer.json()["Error Message"].startswith("the parameter apikey is invalid or missing")


def test_every_simulated_answer_says_so(open_market: OpenMarket) -> None:
    market = open_market()
    matches = market.get("/query", params={"function": "SYMBOL_SEARCH", "keywords": "SIM", "apikey": "k"}).json()
    assert len(matches["bestMatches"]) == 10
    for match in matches["bestMatches"]:
        assert match["1. symbol"].startswith("SIM")
        assert match["2. name"].endswith("(simulated)")
        assert match["3. type"] == "Equity (simulated)"
    status = market.get("/query", params={"function": "LISTING_STATUS", "apikey": "k"}).text
    for row in csv.DictReader(status.splitlines()):
        assert "(simulated)" in row["name"] and row["assetType"] == "Stock (simulated)"
        assert "." not in row["symbol"], "LISTING_STATUS knows US symbols only"


def test_search_finds_words_of_names_after_symbols(universe: Universe, open_market: OpenMarket) -> None:
    listing = next(each for each in universe.listings if each.symbol == "SIM004.PAR")
    first, second = listing.name.split()[:2]
    call = {"function": "SYMBOL_SEARCH", "keywords": f"{second[:5]} {first}".upper(), "apikey": "k"}
    found = open_market().get("/query", params=call).json()["bestMatches"]
    assert [match["1. symbol"] for match in found] == ["SIM004.PAR"]


def test_symbols_may_be_asked_for_in_small_letters(open_market: OpenMarket) -> None:
    answer = open_market().get("/query", params={**DAILY, "symbol": "sim001.lon"}).json()
    assert answer["Meta Data"]["2. Symbol"] == "SIM001.LON"


def test_another_host_name_is_turned_away(open_market: OpenMarket) -> None:
    assert open_market().get("/health", headers={"host": "evil.example"}).status_code == 400


def test_health(open_market: OpenMarket) -> None:
    """60 numbered symbols and the seven of the fixed cast."""
    assert open_market().get("/health").json() == {
        "status": "ok",
        "market_date": "2020-06-12",
        "real_symbols": 0,
        "simulated_symbols": 67,
    }
