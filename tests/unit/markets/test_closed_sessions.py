"""Which session was over at a moment. Hours, holidays and early closes are those that the exchanges published."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hedge_master.markets.sessions import ClosedSession, closed_sessions, session_close


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def last(region: str, moment: str) -> ClosedSession:
    return closed_sessions(at(moment), [region])[region]


@pytest.mark.parametrize(
    ("region", "moment", "day", "closed_at"),
    [
        ("United States", "2020-06-12 22:25", date(2020, 6, 12), "2020-06-12 20:00"),  # summer: New York is UTC-4
        ("United States", "2020-01-17 22:25", date(2020, 1, 17), "2020-01-17 21:00"),  # winter: UTC-5
        ("United States", "2020-06-14 12:00", date(2020, 6, 12), "2020-06-12 20:00"),  # a Sunday
        ("United States", "2020-07-03 22:25", date(2020, 7, 2), "2020-07-02 20:00"),  # Independence Day, observed
        ("United States", "2019-11-29 18:30", date(2019, 11, 29), "2019-11-29 18:00"),  # closes at 13:00
        ("United Kingdom", "2020-06-15 15:29", date(2020, 6, 12), "2020-06-12 15:30"),  # one minute before the close
        ("United Kingdom", "2020-06-15 15:30", date(2020, 6, 15), "2020-06-15 15:30"),
        ("United Kingdom", "2020-12-15 16:00", date(2020, 12, 14), "2020-12-14 16:30"),  # winter: UTC+0
        ("United Kingdom", "2020-05-08 18:00", date(2020, 5, 7), "2020-05-07 15:30"),  # VE Day
        ("Tokyo", "2020-06-15 22:25", date(2020, 6, 15), "2020-06-15 06:00"),  # it is Tuesday morning there
        ("Tokyo", "2019-05-06 22:25", date(2019, 4, 26), "2019-04-26 06:00"),  # ten days of Golden Week
        ("Tokyo", "2024-11-05 06:15", date(2024, 11, 1), "2024-11-01 06:00"),  # closes at 15:30 from this day on
        ("Shanghai", "2020-10-08 22:25", date(2020, 9, 30), "2020-09-30 07:00"),  # the week of the National Day
    ],
)
def test_the_last_session_that_was_over(region: str, moment: str, day: date, closed_at: str) -> None:
    assert last(region, moment) == ClosedSession(day, at(closed_at))


def test_bars_of_german_exchanges_go_on_until_eight_in_the_evening() -> None:
    """The API says 20:00 where the calendar has 17:30; before New Year both end at 14:00."""
    for region in ("XETRA", "Frankfurt", "Germany"):
        assert session_close(date(2020, 6, 12), region) == at("2020-06-12 18:00")
        assert session_close(date(2020, 12, 30), region) == at("2020-12-30 13:00")


def test_a_country_is_known_as_market_status_writes_it() -> None:
    moment = at("2020-06-12 22:25")
    names = {"Brazil": "Brazil/Sao Paolo", "Canada": "Toronto", "India": "India/Bombay", "Mainland China": "Shanghai"}
    found = closed_sessions(moment, [*names, *names.values()])
    for country, region in names.items():
        assert found[country] == found[region]
        assert found[country].unsure is None


def test_a_calendar_that_ends_is_believed_to_its_last_day_there_and_flagged_from_then_on() -> None:
    assert last("India/Bombay", "2026-12-31 12:00") == ClosedSession(date(2026, 12, 31), at("2026-12-31 10:00"))
    # Half past midnight in Bombay.
    assert last("India/Bombay", "2026-12-31 19:00") == ClosedSession(
        unsure="the calendar XBOM does not reach 2027-01-01"
    )
    found = closed_sessions(at("2027-01-08 22:25"), ["Shanghai", "Shenzhen", "Singapore", "United States"])
    assert found["Shanghai"].unsure == found["Shenzhen"].unsure == "the calendar XSHG does not reach 2027-01-09"
    assert found["Singapore"].unsure == "the calendar XSES does not reach 2027-01-09"
    assert found["United States"].day == date(2027, 1, 8)


def test_a_region_without_a_calendar_is_flagged() -> None:
    assert last("Atlantis", "2020-06-12 22:25") == ClosedSession(unsure='region "Atlantis" has no exchange calendar')


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="moment 2020-06-12T22:25:00 has no time zone"):
        closed_sessions(datetime(2020, 6, 12, 22, 25), ["United States"])  # noqa: DTZ001


def test_the_close_of_a_day() -> None:
    assert session_close(date(2019, 11, 29), "United States") == at("2019-11-29 18:00")
    assert session_close(date(2020, 6, 13), "United States") is None  # a Saturday
    assert session_close(date(2027, 1, 4), "India/Bombay") is None  # nobody knows
    assert session_close(date(2020, 6, 12), "Atlantis") is None
