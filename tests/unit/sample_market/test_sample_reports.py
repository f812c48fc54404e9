"""EARNINGS, EARNINGS_CALENDAR and MARKET_STATUS."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, time
from pathlib import Path

import numpy as np
import pytest
from sample_market_terms import START, OpenMarket

from hedge_master.sample_market.blemish import ALL_BLEMISHES, Blemish
from hedge_master.sample_market.earnings import earnings_json
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.reports import Report
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World

LAST = Moment(date(2023, 9, 21))
QUARTER_KEYS = [
    "fiscalDateEnding",
    "reportedDate",
    "reportedEPS",
    "estimatedEPS",
    "surprise",
    "surprisePercentage",
    "reportTime",
]


def quarters(open_market: OpenMarket, symbol: str, day: date, at: time | None = None) -> list[dict[str, str]]:
    call = {"function": "EARNINGS", "symbol": symbol, "apikey": "k"}
    rows: list[dict[str, str]] = open_market(day=day, at=at).get("/query", params=call).json()["quarterlyEarnings"]
    return rows


def calendar(open_market: OpenMarket, day: date, at: time | None = None, **call: str) -> list[dict[str, str]]:
    answer = open_market(day=day, at=at).get("/query", params={"function": "EARNINGS_CALENDAR", "apikey": "k", **call})
    assert answer.headers["content-type"] == "application/x-download"
    return list(csv.DictReader(answer.text.splitlines()))


def test_earnings_by_hand() -> None:
    """1.10 where 1.00 was awaited is a surprise of 10%. The year 2020 is half told: 1.10 + 0.90."""
    told = [
        Report(date(2019, 12, 31), date(2020, 1, 28), True, 2.0, 3.0, 3.0),
        Report(date(2020, 3, 31), date(2020, 4, 28), True, 2.0, 1.1, 1.0),
        Report(date(2020, 6, 30), date(2020, 7, 28), True, 2.0, 0.9, 1.2),
    ]
    answer = json.loads(earnings_json("SIM", told))
    assert list(answer) == ["symbol", "annualEarnings", "quarterlyEarnings"]
    assert answer["annualEarnings"] == [
        {"fiscalDateEnding": "2020-06-30", "reportedEPS": "2"},
        {"fiscalDateEnding": "2019-12-31", "reportedEPS": "3"},
    ]
    newest, middle, oldest = answer["quarterlyEarnings"]
    assert list(middle.items()) == list(
        zip(QUARTER_KEYS, ["2020-03-31", "2020-04-28", "1.1", "1", "0.1", "10", "pre-market"], strict=True)
    )
    assert (newest["surprise"], newest["surprisePercentage"]) == ("-0.3", "-25")
    assert (oldest["surprise"], oldest["surprisePercentage"]) == ("0", "0")


def test_reports_fall_between_the_16th_and_the_15th_on_sessions(
    universe: Universe, sessions: dict[str, np.ndarray]
) -> None:
    for listing in universe.listings[:20]:
        told = universe.reports.reports(listing, date(1999, 1, 1), LAST.day)
        assert len({report.pre_market for report in told}) == 1, "a trait of the company"
        for report in told:
            month, day = (report.day.month - 1) % 3, report.day.day
            assert (month == 0 and day >= 16) or (month == 1 and day <= 15), report
            assert np.datetime64(report.day) in sessions[listing.market.calendar]
            # The quarter that is reported on ended on the last day of the month before the season.
            assert (report.day - report.fiscal_end).days in range(16, 47)
    habits = {universe.reports.habits(listing).pre_market for listing in universe.listings}
    assert habits == {True, False}


def test_the_loud_day_is_the_reports_or_the_next_session(universe: Universe, world: World) -> None:
    """Before the bell: its own session. After it: the next one."""
    seen = set()
    for listing in universe.listings[:12]:
        days = world.sessions(listing.market)
        days = days[days >= np.datetime64(listing.first_bar)]
        loudness = universe.reports.loudness(listing, days)
        told = universe.reports.reports(listing, listing.first_bar, days[-2].item())
        for report in told:
            at = days.tolist().index(report.day)
            expected = at if report.pre_market else at + 1
            assert loudness[expected] == report.loudness > 1.4, report
            seen.add(report.pre_market)
        assert (loudness != 1).sum() == len(told)
    assert seen == {True, False}


def test_earnings_tell_nothing_that_is_still_to_come(universe: Universe, open_market: OpenMarket) -> None:
    """New York opens at 13:30 UTC and closes at 20:00."""
    by_habit = {
        universe.reports.habits(listing).pre_market: listing
        for listing in universe.listings
        if listing.market.suffix == "" and listing.last_bar is None and listing.first_bar < date(2010, 1, 1)
    }
    for pre_market, (before, out) in {
        True: (time(13, 29), time(13, 30)),
        False: (time(19, 59), time(20, 0)),
    }.items():
        listing = by_habit[pre_market]
        report = universe.reports.reports(listing, date(2020, 6, 1), date(2020, 8, 31))[0]
        for at, told in ((before, False), (out, True), (None, True)):
            newest = quarters(open_market, listing.symbol, report.day, at)[0]
            assert (newest["reportedDate"] == report.day.isoformat()) is told
            ahead = calendar(open_market, report.day, at, symbol=listing.symbol)
            assert (ahead[0]["reportDate"] == report.day.isoformat()) is not told


def test_what_the_calendar_announces_is_what_is_reported(universe: Universe, open_market: OpenMarket) -> None:
    """Announced on 2020-06-12 for three months; on 2020-09-12 EARNINGS tells the same days, quarters and estimates, but
    for the companies that were gone by their day."""
    announced = calendar(open_market, START)
    gone = {each.symbol for each in universe.listings if each.delisted(date(2020, 9, 12))}
    order = [(row["reportDate"], row["symbol"]) for row in announced]
    assert order == sorted(order)
    assert order[0][0] >= "2020-06-12" and order[-1][0] <= "2020-09-12"
    there = [row for row in announced if row["symbol"] not in gone]
    assert len(there) >= 8
    for row in there:
        told = quarters(open_market, row["symbol"], date(2020, 9, 12))[0]
        assert (told["reportedDate"], told["fiscalDateEnding"], told["estimatedEPS"], told["reportTime"]) == (
            row["reportDate"],
            row["fiscalDateEnding"],
            row["estimate"],
            row["timeOfTheDay"],
        )


def test_the_horizon_is_three_six_or_twelve_months(open_market: OpenMarket) -> None:
    ends = {
        horizon: [row["reportDate"] for row in calendar(open_market, START, symbol="SIM001.LON", horizon=horizon)]
        for horizon in ("3month", "6month", "12month")
    }
    assert [len(days) for days in ends.values()] == [1, 2, 4]
    refused = open_market().get("/query", params={"function": "EARNINGS_CALENDAR", "horizon": "2month", "apikey": "k"})
    assert refused.json()["Error Message"].endswith("for EARNINGS_CALENDAR.")


def test_the_calendar_looks_past_the_last_market_date(open_market: OpenMarket) -> None:
    days = [row["reportDate"] for row in calendar(open_market, LAST.day, symbol="SIM000", horizon="12month")]
    assert len(days) == 4 and days[0] >= "2023-10-16" and "2024-07-16" <= days[-1] <= "2024-08-15"


def test_the_calendar_has_the_recorded_columns_and_only_us_symbols(recorded: Path, open_market: OpenMarket) -> None:
    real = gzip.decompress((recorded / "payloads" / "EARNINGS_CALENDAR.csv.gz").read_bytes()).decode().splitlines()
    text = open_market().get("/query", params={"function": "EARNINGS_CALENDAR", "apikey": "k"}).text
    assert text.splitlines()[0] == real[0]
    assert text.endswith("\n")
    real_rows, our_rows = (list(csv.DictReader(lines)) for lines in (real, text.splitlines()))
    assert {row["timeOfTheDay"] for row in our_rows} <= {row["timeOfTheDay"] for row in real_rows}
    assert {row["currency"] for row in our_rows} == {"USD"}
    assert not any("." in row["symbol"] for row in our_rows)


def test_a_british_company_reports_in_pounds(open_market: OpenMarket) -> None:
    (row,) = calendar(open_market, START, symbol="sim001.lon")
    assert (row["symbol"], row["currency"]) == ("SIM001.LON", "GBP")
    assert 0 < float(row["estimate"]) < 1, "shares of some 4 pounds"


def test_a_company_that_will_be_gone_is_in_the_calendar_until_then(open_market: OpenMarket) -> None:
    """SIMX2's last bar is on 2020-06-18: before, nobody knows; after, there is nothing to come."""
    assert len(calendar(open_market, date(2020, 6, 18), symbol="SIMX2")) == 1
    assert calendar(open_market, date(2020, 6, 19), symbol="SIMX2") == []
    assert quarters(open_market, "SIMX2", date(2020, 12, 31))[0]["reportedDate"] < "2020-06-18"


def test_symbols_without_reports(
    real: dict[Listing, History], world: World, universe: Universe, open_market: OpenMarket
) -> None:
    """Real symbols have none here, nor has anyone while the blemish is off."""
    earnings = {"function": "EARNINGS", "symbol": "AAPL", "apikey": "k"}
    market = open_market(of=Universe(real, world, 10))
    assert market.get("/query", params=earnings).text == "{}"
    assert market.get("/query", params={**earnings, "symbol": "NOPE"}).text == "{}"
    assert "Error Message" in market.get("/query", params={**earnings, "symbol": ""}).json()
    header = "symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay\n"
    ahead = {"function": "EARNINGS_CALENDAR", "apikey": "k"}
    assert market.get("/query", params={**ahead, "symbol": "AAPL"}).text == header
    assert "AAPL" not in market.get("/query", params=ahead).text
    quiet = open_market(of=Universe({}, world, 10, ALL_BLEMISHES - {Blemish.EARNINGS_MOVES}))
    assert quiet.get("/query", params={**earnings, "symbol": "SIM000"}).text == "{}"
    assert quiet.get("/query", params=ahead).text == header


def status(open_market: OpenMarket, day: date, at: time | None) -> dict[str, str]:
    answer = open_market(day=day, at=at).get("/query", params={"function": "MARKET_STATUS", "apikey": "k"}).json()
    return {row["region"]: row["current_status"] for row in answer["markets"]}


def test_market_status_has_the_recorded_rows(recorded: Path, open_market: OpenMarket) -> None:
    """The regions that both know are told alike, in the recorded order; only the status may differ."""
    real = json.loads((recorded / "payloads" / "MARKET_STATUS.json").read_text())
    text = open_market().get("/query", params={"function": "MARKET_STATUS", "apikey": "k"}).text
    ours = json.loads(text)
    assert text == json.dumps(ours, indent=4)
    assert list(ours) == list(real) and ours["endpoint"] == real["endpoint"]
    theirs = {(row["market_type"], row["region"]): row for row in real["markets"]}
    shared = [row for row in ours["markets"] if (row["market_type"], row["region"]) in theirs]
    assert len(shared) == 13
    for row in shared:
        wanted = theirs[row["market_type"], row["region"]]
        assert list(row) == list(wanted)
        assert {**row, "current_status": ""} == {**wanted, "current_status": ""}


@pytest.mark.parametrize(
    ("at", "is_open", "is_closed"),
    [
        # Sydney trades from 00:00 to 06:00 UTC, Taipei from 01:00 to 05:30.
        (time(5, 29), {"Australia", "Taiwan", "Japan", "Hong Kong"}, {"United Kingdom", "Poland", "United States"}),
        (time(5, 30), {"Australia", "Japan", "Hong Kong"}, {"Taiwan", "United Kingdom"}),
        # Warsaw and Johannesburg close at 15:00 UTC, London at 15:30; New York opens at 13:30.
        (time(15, 0), {"United Kingdom", "United States", "Canada", "Brazil"}, {"Poland", "South Africa", "Japan"}),
        # New York's printed close is 16:15, as recorded: 20:15 UTC. Toronto closes at 20:00.
        (time(20, 14), {"United States", "Brazil", "Mexico"}, {"Canada", "United Kingdom"}),
        (time(20, 15), {"Brazil", "Mexico"}, {"United States"}),
    ],
)
def test_markets_are_open_in_their_hours(
    open_market: OpenMarket, at: time, is_open: set[str], is_closed: set[str]
) -> None:
    statuses = status(open_market, date(2020, 6, 15), at)
    assert {statuses[region] for region in is_open | {"Global"}} == {"open"}
    assert {statuses[region] for region in is_closed} == {"closed"}


def test_a_holiday_a_weekend_and_the_days_end_are_closed(open_market: OpenMarket) -> None:
    """Youth Day in Johannesburg; a Saturday; the end of a Monday. Forex rests from Friday 21:00 to Sunday 22:00 UTC."""
    youth_day = status(open_market, date(2020, 6, 16), time(10, 0))
    assert (youth_day["South Africa"], youth_day["United Kingdom"]) == ("closed", "open")
    assert set(status(open_market, date(2020, 6, 13), time(15, 0)).values()) == {"closed"}
    at_night = status(open_market, date(2020, 6, 15), None)
    assert {region for region, each in at_night.items() if each == "open"} == {"Global"}
    assert status(open_market, date(2020, 6, 12), time(20, 59))["Global"] == "open"
    assert status(open_market, date(2020, 6, 12), time(21, 0))["Global"] == "closed"
    assert status(open_market, date(2020, 6, 14), time(22, 0))["Global"] == "open"
