"""The fixed cast: each rare event on the day that the docs name."""

from __future__ import annotations

import csv
from datetime import date

import numpy as np
import pytest
from sample_market_terms import OpenMarket

from hedge_master.sample_market.blemish import ALL_BLEMISHES, Blemish
from hedge_master.sample_market.cast import CAST
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.simulated import collapsing
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World

LAST = Moment(date(2023, 9, 21))


def bars(open_market: OpenMarket, symbol: str, day: str) -> dict[str, list[str]]:
    call = {"function": "TIME_SERIES_DAILY", "symbol": symbol, "datatype": "csv", "outputsize": "full", "apikey": "k"}
    text = open_market(day=date.fromisoformat(day)).get("/query", params=call).text
    return {row[0]: row[1:] for row in list(csv.reader(text.splitlines()))[1:]}


def closes(open_market: OpenMarket, symbol: str, day: str) -> dict[str, float]:
    return {bar: float(row[3]) for bar, row in bars(open_market, symbol, day).items()}


def listed(open_market: OpenMarket, state: str, day: str) -> dict[str, dict[str, str]]:
    call = {"function": "LISTING_STATUS", "state": state, "apikey": "k"}
    text = open_market(day=date.fromisoformat(day)).get("/query", params=call).text
    return {row["symbol"]: row for row in csv.DictReader(text.splitlines())}


def test_the_whole_cast_is_one_search_away_and_says_that_it_is_simulated(open_market: OpenMarket) -> None:
    call = {"function": "SYMBOL_SEARCH", "keywords": "SIMX", "apikey": "k"}
    found = open_market(day=date(2020, 6, 16)).get("/query", params=call).json()["bestMatches"]
    # SIMX4's first company is gone and its second is not there yet.
    assert [match["1. symbol"] for match in found] == [
        "SIMX1",
        "SIMX2",
        "SIMX3",
        "SIMX5.TAI",
        "SIMX6.LON",
        "SIMX7.JNB",
    ]
    assert all(match["2. name"].endswith("(simulated)") for match in found)
    assert [match["8. currency"] for match in found[3:]] == ["TWD", "GBX", "ZAc"]
    assert (found[3]["5. marketOpen"], found[3]["6. marketClose"], found[3]["7. timezone"]) == (
        "09:00",
        "13:30",
        "UTC+08",
    )


@pytest.mark.parametrize("member", CAST, ids=lambda member: member.identity)
def test_a_member_exists_while_a_blemish_that_it_plays_is_on(world: World, member: object) -> None:
    plays: frozenset[Blemish] = member.plays  # type: ignore[attr-defined]
    symbol: str = member.symbol  # type: ignore[attr-defined]
    for blemish in plays:
        assert Universe({}, world, 1, frozenset({blemish})).find(symbol, LAST) is not None
    assert Universe({}, world, 1, ALL_BLEMISHES - plays).find(symbol, LAST) is None


def test_simx1_comes_on_the_day_of_its_ipo(open_market: OpenMarket) -> None:
    assert "SIMX1" not in listed(open_market, "active", "2020-06-15")
    assert listed(open_market, "active", "2020-06-16")["SIMX1"]["ipoDate"] == "2020-06-16"
    assert list(bars(open_market, "SIMX1", "2020-06-17")) == ["2020-06-17", "2020-06-16"]


def test_simx2_has_its_last_bar_on_2020_06_18(open_market: OpenMarket) -> None:
    assert "SIMX2" in listed(open_market, "active", "2020-06-18")
    assert "SIMX2" not in listed(open_market, "active", "2020-06-19")
    assert listed(open_market, "delisted", "2020-06-19")["SIMX2"]["delistingDate"] == "2020-06-18"
    assert max(bars(open_market, "SIMX2", "2020-07-01")) == "2020-06-18"


def test_simx3_is_merged_a_thousand_to_one_twice(open_market: OpenMarket) -> None:
    """Three cents on the eve, about 30 dollars on the day; a holder's 1,000 shares become one."""
    answer = open_market(day=date(2020, 6, 17)).get(
        "/query", params={"function": "SPLITS", "symbol": "SIMX3", "datatype": "csv", "apikey": "k"}
    )
    assert answer.text == "effective_date,split_factor\n2020-06-17,0.0010\n2018-05-03,0.0010\n"
    series = closes(open_market, "SIMX3", "2020-06-17")
    for eve, day in (("2018-05-02", "2018-05-03"), ("2020-06-16", "2020-06-17")):
        assert series[eve] == pytest.approx(0.03, abs=0.0005)
        assert 20 < series[day] < 45


def test_a_collapse_by_hand() -> None:
    """A flat path that falls by 5 log points on the second day only, from 40 dollars to a merger before the fourth day.
    Bent, it would be at sqrt(40 * 0.03) * e^-5 = 0.7 cents on the second: it is held at 2. After the merger of 1,000
    shares into one, 3 cents are 30 dollars."""
    days = np.arange("2020-06-15", "2020-06-20", dtype="datetime64[D]")
    shares = np.array([1.0, 1.0, 1.0, 0.001, 0.001])
    path = collapsing(np.array([0.0, -5.0, 0.0, 0.0, 0.1]), days, shares, 40.0)
    assert 40.0 * np.exp(path) / shares == pytest.approx([40.0, 0.02, 0.03, 30.0, 30.0 * np.exp(0.1)])


@pytest.mark.parametrize("seed", [2020, 1, 2, 3, 77])
def test_simx3_keeps_three_digits_and_shares_to_trade(sessions: dict[str, Days], seed: int) -> None:
    """A quote of one cent is 0.0100: with 4 decimals, 3 digits."""
    universe = Universe({}, World(seed, sessions), 1)
    listing = universe.find("SIMX3", LAST)
    assert listing is not None
    history = universe.history(listing, LAST)
    opened, high, low, close = history.prices.T
    assert low.min() >= 0.01
    assert (low <= np.minimum(opened, close)).all() and (high >= np.maximum(opened, close)).all()
    assert history.volumes.min() > 1_000


def test_simx4_is_another_company_when_it_comes_back(open_market: OpenMarket) -> None:
    old, new = "Oldtick Textiles Corp (simulated)", "Newtick Robotics Inc (simulated)"
    before = bars(open_market, "SIMX4", "2020-07-07")
    assert max(before) == "2019-11-29" and min(before) == "1999-01-04"
    assert list(bars(open_market, "SIMX4", "2020-07-08")) == ["2020-07-08"]

    assert listed(open_market, "active", "2019-11-29")["SIMX4"]["name"] == old
    assert "SIMX4" not in listed(open_market, "active", "2020-07-07")
    gone = listed(open_market, "delisted", "2020-07-08")["SIMX4"]
    there = listed(open_market, "active", "2020-07-08")["SIMX4"]
    assert (gone["name"], gone["ipoDate"], gone["delistingDate"]) == (old, "1999-01-04", "2019-11-29")
    assert (there["name"], there["ipoDate"], there["delistingDate"]) == (new, "2020-07-08", "null")

    call = {"function": "EARNINGS", "symbol": "SIMX4", "apikey": "k"}
    reported = open_market(day=date(2020, 12, 31)).get("/query", params=call).json()["quarterlyEarnings"]
    assert [row["fiscalDateEnding"] for row in reported] == ["2020-09-30", "2020-06-30"]


def test_simx5_trades_on_taiwans_days(open_market: OpenMarket) -> None:
    """The Dragon Boat Festival shut Taipei on 2020-06-25 and 26."""
    series = bars(open_market, "SIMX5.TAI", "2020-06-29")
    assert list(series)[:3] == ["2020-06-29", "2020-06-24", "2020-06-23"]


def test_simx6_is_served_wrong_and_then_right(open_market: OpenMarket) -> None:
    """The bar of Monday 2020-06-15 is mended on Thursday; all other bars stay as they were."""
    on = {day: bars(open_market, "SIMX6.LON", day) for day in ("2020-06-15", "2020-06-17", "2020-06-18", "2020-06-22")}
    wrong, right = on["2020-06-15"]["2020-06-15"], on["2020-06-22"]["2020-06-15"]
    assert on["2020-06-17"]["2020-06-15"] == wrong
    assert on["2020-06-18"]["2020-06-15"] == right
    assert wrong[0] == right[0] and wrong[4] == right[4], "open and volume were right"
    assert 0.0199 < abs(float(wrong[3]) / float(right[3]) - 1) < 0.0601
    opened, high, low, close = map(float, wrong[:4])
    assert low <= min(opened, close) and max(opened, close) <= high
    for bar in on["2020-06-15"].keys() - {"2020-06-15"}:
        assert on["2020-06-15"][bar] == on["2020-06-22"][bar]


def test_simx6_misses_a_day_that_comes_two_days_later(open_market: OpenMarket) -> None:
    newest = {day: list(bars(open_market, "SIMX6.LON", day))[:3] for day in ("2020-06-17", "2020-06-18", "2020-06-19")}
    assert newest["2020-06-17"] == ["2020-06-16", "2020-06-15", "2020-06-12"], "the series ends a day earlier"
    assert newest["2020-06-18"] == ["2020-06-18", "2020-06-16", "2020-06-15"]
    assert newest["2020-06-19"] == ["2020-06-19", "2020-06-18", "2020-06-17"]


def test_simx6_plays_each_of_its_two_parts_alone(world: World) -> None:
    day = Moment(date(2020, 6, 17))
    only = {
        blemish: Universe({}, world, 1, frozenset({blemish})) for blemish in (Blemish.CORRECTION, Blemish.MISSING_DAY)
    }
    ends = {}
    for blemish, universe in only.items():
        listing = universe.find("SIMX6.LON", day)
        assert listing is not None
        history = universe.history(listing, day)
        ends[blemish] = str(history.days[-1]), dict(zip(history.days.tolist(), history.prices[:, 3], strict=True))
    (late_end, right), (wrong_end, wrong) = ends[Blemish.MISSING_DAY], ends[Blemish.CORRECTION]
    assert (late_end, wrong_end) == ("2020-06-16", "2020-06-17")
    assert right[date(2020, 6, 15)] != wrong[date(2020, 6, 15)]


def test_simx7_has_zeros_on_youth_day(open_market: OpenMarket) -> None:
    series = bars(open_market, "SIMX7.JNB", "2020-06-17")
    assert series["2020-06-16"] == ["0.0000", "0.0000", "0.0000", "0.0000", "0"]
    assert float(series["2020-06-15"][3]) > 0 < float(series["2020-06-17"][3])
