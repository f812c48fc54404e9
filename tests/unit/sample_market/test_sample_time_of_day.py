"""Inside a day: the clock's time, the Date header, and bars of sessions that are still open."""

from __future__ import annotations

import csv
from datetime import date, time
from email.utils import parsedate_to_datetime
from pathlib import Path

import numpy as np
import pytest
from sample_market_terms import OpenMarket

from hedge_master.sample_market.blemish import ALL_BLEMISHES, Blemish
from hedge_master.sample_market.clock import ClockRefused, MarketClock
from hedge_master.sample_market.half_finished import half_finished
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World

MONDAY = date(2020, 6, 15)


def newest(open_market: OpenMarket, symbol: str, at: time | None, day: date = MONDAY) -> list[str]:
    """The newest row: day, open, high, low, close, volume; the error's key when there is none."""
    call = {"function": "TIME_SERIES_DAILY", "symbol": symbol, "datatype": "csv", "apikey": "k"}
    answer = open_market(day=day, at=at).get("/query", params=call)
    if answer.text.startswith("{"):
        return list(answer.json())
    return list(csv.reader(answer.text.splitlines()))[1]


def test_the_clock_moves_through_a_day_and_on(sessions: dict[str, Days], tmp_path: Path) -> None:
    clock = MarketClock(tmp_path / "clock.json", date(2020, 6, 12), [sessions["XNYS"]])
    assert clock.moment == Moment(date(2020, 6, 12))
    clock.set_to(MONDAY, time(9, 30))
    clock.set_to(MONDAY, time(15, 0))
    assert MarketClock(tmp_path / "clock.json", MONDAY, [sessions["XNYS"]]).moment == Moment(MONDAY, time(15, 0))
    with pytest.raises(ClockRefused, match="stands at 2020-06-15 15:00 UTC and only moves forward: 2020-06-15 14:59"):
        clock.set_to(MONDAY, time(14, 59))
    with pytest.raises(ClockRefused, match="2020-06-12 is before it"):
        clock.set_to(date(2020, 6, 12))
    assert clock.set_to(MONDAY) == Moment(MONDAY), "the date alone is the day's end"
    with pytest.raises(ClockRefused, match="stands at 2020-06-15 and only moves forward: 2020-06-15 23:59 UTC is bef"):
        clock.set_to(MONDAY, time(23, 59))
    clock.set_to(date(2020, 6, 16), time(15, 0))
    assert clock.advance(1) == Moment(date(2020, 6, 17)), "to the end of the next trading day"


def test_a_clock_file_of_older_days_stands_at_the_end_of_its_day(sessions: dict[str, Days], tmp_path: Path) -> None:
    kept = tmp_path / "clock.json"
    kept.write_text('{"market_date": "2020-06-15"}')
    assert MarketClock(kept, date(2020, 6, 12), [sessions["XNYS"]]).moment == Moment(MONDAY)


def test_the_time_over_http(open_market: OpenMarket) -> None:
    market = open_market()
    assert market.get("/clock").json()["market_time"] is None
    moved = market.post("/clock", json={"market_date": "2020-06-15", "market_time": "15:00"}).json()
    assert (moved["market_date"], moved["market_time"], moved["next_trading_day"]) == (
        "2020-06-15",
        "15:00",
        "2020-06-16",
    )
    back = market.post("/clock", json={"market_date": "2020-06-15", "market_time": "14:00"})
    assert back.status_code == 409 and "only moves forward" in back.json()["detail"]
    assert market.post("/clock", json={"advance_trading_days": 1}).json()["market_time"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"market_time": "15:00"},
        {"advance_trading_days": 1, "market_time": "15:00"},
        {"market_date": "2020-06-15", "market_time": "24:00"},
        {"market_date": "2020-06-15", "market_time": "3 pm"},
    ],
)
def test_a_time_that_makes_no_sense_is_refused(open_market: OpenMarket, body: dict[str, object]) -> None:
    refused = open_market().post("/clock", json=body)
    assert refused.status_code == 422
    assert "market_time" in refused.json()["detail"]


def test_every_response_is_dated_by_the_market_clock(open_market: OpenMarket) -> None:
    """The form of RFC 9110: the end of a day is its last second."""
    market = open_market()
    assert market.get("/health").headers["date"] == "Fri, 12 Jun 2020 23:59:59 GMT"
    moved = market.post("/clock", json={"market_date": "2020-06-15", "market_time": "15:04"})
    assert moved.headers["date"] == "Mon, 15 Jun 2020 15:04:00 GMT", "the moment after the move"
    answers = [
        market.get("/query", params={"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "apikey": "k"}),
        market.get("/query"),
        market.get("/stats/eurofxref/eurofxref.zip"),
        market.post("/clock", json={}),
        market.get("/nowhere"),
        market.get("/health", headers={"host": "evil.example"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 404, 400]
    assert {answer.headers["date"] for answer in answers} == {"Mon, 15 Jun 2020 15:04:00 GMT"}
    assert parsedate_to_datetime(answers[0].headers["date"]).tzinfo is not None


@pytest.mark.parametrize(
    ("symbol", "opening", "closing"),
    [
        # 09:30 to 16:00 at UTC-04; 08:00 to 16:30 at UTC+01; 10:00 to 16:00 at UTC+10; 09:15 to 15:30 at UTC+5.5.
        ("SIM000", (13, 30), (20, 0)),
        ("SIM001.LON", (7, 0), (15, 30)),
        ("SIM007.ASX", (0, 0), (6, 0)),
        ("SIM012.BSE", (3, 45), (10, 0)),
    ],
)
def test_a_bar_grows_from_the_opening_to_the_close(
    open_market: OpenMarket, symbol: str, opening: tuple[int, int], closing: tuple[int, int]
) -> None:
    opens, closes = (hour * 60 + minute for hour, minute in (opening, closing))
    whole = newest(open_market, symbol, None)
    assert whole[0] == "2020-06-15"
    if opens > 0:
        assert newest(open_market, symbol, time(*divmod(opens - 1, 60)))[0] == "2020-06-12"
    at_the_bell = newest(open_market, symbol, time(*opening))
    assert at_the_bell == ["2020-06-15", *[whole[1]] * 4, "0"], "all prices are the open, nothing has traded"

    highest, lowest, traded = float(whole[1]), float(whole[1]), 0
    for minute in range(opens + 1, closes, 30):
        day, *texts = newest(open_market, symbol, time(*divmod(minute, 60)))
        opened, high, low, last = map(float, texts[:4])
        assert day == "2020-06-15" and texts[0] == whole[1]
        assert low <= min(opened, last) and max(opened, last) <= high
        assert highest <= high <= float(whole[2]) and float(whole[3]) <= low <= lowest
        assert traded < int(texts[4]) < int(whole[5])
        highest, lowest, traded = high, low, int(texts[4])

    minute_before = newest(open_market, symbol, time(*divmod(closes - 1, 60)))
    assert minute_before[2:4] == whole[2:4], "both extremes have been seen"
    assert [float(text) for text in minute_before[1:]] == pytest.approx([float(text) for text in whole[1:]], rel=0.01)
    assert newest(open_market, symbol, time(*closing)) == whole


def test_half_of_a_day_by_hand() -> None:
    """Open 100, high 110, low 95, close 105. The luck puts the low first, at 5% of the session, and the high at its
    middle. After a quarter the price has climbed for 20 of 45 hundredths from 95 to 110: 101.67."""
    bar, luck = np.array([100.0, 110.0, 95.0, 105.0]), (0.5, 0.0, 0.7)
    prices, volume = half_finished(bar, 1_000, 0.25, luck)
    assert prices == pytest.approx([100.0, 101.6667, 95.0, 101.6667], abs=1e-4)
    assert volume == 250
    prices, _ = half_finished(bar, 1_000, 0.75, luck)
    assert prices == pytest.approx([100.0, 110.0, 95.0, 107.5])
    prices, volume = half_finished(bar, 1_000, 1.0, luck)
    assert (prices.tolist(), volume) == (bar.tolist(), 1_000)


def test_without_half_finished_bars_the_day_is_there_after_the_close(world: World, open_market: OpenMarket) -> None:
    patient = Universe({}, world, 2, ALL_BLEMISHES - {Blemish.HALF_FINISHED_BAR})
    call = {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "datatype": "csv", "apikey": "k"}

    def last_day(at: time) -> str:
        return open_market(day=MONDAY, at=at, of=patient).get("/query", params=call).text.splitlines()[1][:10]

    assert [last_day(time(19, 59)), last_day(time(20, 0))] == ["2020-06-12", "2020-06-15"]


def test_real_bars_are_never_half_finished(real: dict[Listing, History], world: World) -> None:
    universe = Universe(real, world, 1)

    def last_day(at: time) -> str:
        moment = Moment(MONDAY, at)
        apple = universe.find("AAPL", moment)
        assert apple is not None
        return str(universe.history(apple, moment).days[-1])

    assert [last_day(time(19, 59)), last_day(time(20, 0))] == ["2020-06-12", "2020-06-15"]


def test_zeros_come_when_the_holiday_would_have_closed(open_market: OpenMarket) -> None:
    """Johannesburg closes at 17:00, UTC+02."""
    youth_day = date(2020, 6, 16)
    assert newest(open_market, "SIMX7.JNB", time(12, 0), youth_day)[0] == "2020-06-15"
    assert newest(open_market, "SIMX7.JNB", time(14, 59), youth_day)[0] == "2020-06-15"
    assert newest(open_market, "SIMX7.JNB", time(15, 0), youth_day)[0] == "2020-06-16"


def test_a_new_share_is_unknown_until_its_first_bell(open_market: OpenMarket) -> None:
    first = date(2020, 6, 16)
    assert newest(open_market, "SIMX1", time(13, 29), first) == ["Error Message"]
    assert newest(open_market, "SIMX1", time(13, 30), first)[0] == "2020-06-16"


def test_a_late_bar_is_not_there_half_finished_either(open_market: OpenMarket) -> None:
    assert newest(open_market, "SIMX6.LON", time(12, 0), date(2020, 6, 17))[0] == "2020-06-16"
    assert newest(open_market, "SIMX6.LON", time(12, 0), date(2020, 6, 18))[0] == "2020-06-18"


def test_a_split_is_told_with_the_first_price_after_it(open_market: OpenMarket) -> None:
    def splits(at: time) -> int:
        call = {"function": "SPLITS", "symbol": "SIMX3", "apikey": "k"}
        return len(open_market(day=date(2020, 6, 17), at=at).get("/query", params=call).json()["data"])

    assert [splits(time(13, 29)), splits(time(13, 30))] == [1, 2]
    assert float(newest(open_market, "SIMX3", time(13, 30), date(2020, 6, 17))[4]) > 20
