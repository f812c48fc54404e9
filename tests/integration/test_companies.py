"""Companies in a real warehouse: what is new, what changed and what it was before, and tickers that go round."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from market_rows import FRIDAY, MONDAY, add_bar, all_of, forget_marks, listing, weeks_of
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import companies
from hedge_master.ingestion.companies import Changes
from planned import missing_histories

REVISIONS = """
select symbol, revisions.name, revisions.exchange, revisions.currency, revisions.status, revisions.delisted_on,
    revisions.market_date
from market.symbol_revisions as revisions inner join market.symbols using (symbol_id)
order by symbol_id, known_until
"""


def test_symbols_are_added_then_only_changed_where_they_differ(ingest: Connection) -> None:
    with ingest:
        assert companies.store(ingest, [listing("AAA"), listing("BBB", "GBX")], FRIDAY) == Changes(added=2)
        assert companies.store(ingest, [listing("AAA"), listing("BBB", "GBX")], MONDAY) == Changes()
        assert companies.store(ingest, [listing("AAA", name="Renamed")], MONDAY) == Changes(changed=1, renamed=1)
    assert all_of(ingest, "select symbol, name, first_seen from market.symbols order by 1") == [
        ("AAA", "Renamed", FRIDAY),
        ("BBB", "Bbb", FRIDAY),
    ]


def test_a_search_does_not_override_what_a_listing_said(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("OLD", exchange="NYSE", status="delisted", delisted_on=FRIDAY)], FRIDAY)
        assert companies.store(ingest, [listing("OLD")], FRIDAY) == Changes()
    assert all_of(ingest, "select status from market.symbols") == [("delisted",)]


def test_a_ticker_that_comes_back_under_another_name_is_another_company(ingest: Connection) -> None:
    """Old Inc had ABC until November 2019 and kept its bar; since July 2020 ABC is New Corp, which has none yet."""
    ended, began = date(2019, 11, 29), date(2020, 7, 8)
    old = listing("ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5))
    gone = listing(
        "ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5), status="delisted", delisted_on=ended
    )
    new = listing("ABC", name="New Corp", exchange="NASDAQ", listed_on=began)
    with ingest:
        assert companies.store(ingest, [old], FRIDAY) == Changes(added=1)
    add_bar(ingest, "ABC", date(2019, 11, 29), 5.0)
    with ingest:
        assert companies.store(ingest, [gone], FRIDAY) == Changes(changed=1, delisted=1)
        assert companies.store(ingest, [gone, new], MONDAY) == Changes(added=1)
        assert companies.store(ingest, [gone, new], MONDAY) == Changes()
    assert all_of(
        ingest,
        """select symbol, name, status, ticker_until, count(prices.day) from market.symbols
        left join market.prices using (symbol_id) group by symbols.symbol_id order by symbols.symbol_id""",
    ) == [("ABC (until 2019-11-29)", "Old Inc", "delisted", ended, 1), ("ABC", "New Corp", "active", None, 0)]
    assert missing_histories(ingest) == ["ABC"]  # the former company cannot be asked for any more


def test_a_former_company_is_known_by_its_listing_where_it_was_renamed(ingest: Connection) -> None:
    """Stored as Old Inc; when it is gone the API calls it Older Holdings, listed on the same day."""
    began, ended, again = date(2004, 1, 5), date(2019, 11, 29), date(2020, 7, 8)
    with ingest:
        companies.store(ingest, [listing("ABC", name="Old Inc", exchange="NYSE", listed_on=began)], FRIDAY)
        gone = listing("ABC", name="Older Holdings", exchange="NYSE", listed_on=began, status="delisted")
        gone = dataclasses.replace(gone, delisted_on=ended)
        new = listing("ABC", name="New Corp", exchange="NYSE", listed_on=again)
        assert companies.store(ingest, [gone, new], MONDAY) == Changes(added=1, changed=1, renamed=1, delisted=1)
    assert all_of(ingest, "select symbol, name, ticker from market.symbols order by symbol_id") == [
        ("ABC (until 2019-11-29)", "Older Holdings", "ABC"),
        ("ABC", "New Corp", "ABC"),
    ]


def test_a_company_that_is_renamed_keeps_its_ticker_and_its_bars(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5))], FRIDAY)
        renamed = listing("ABC", name="Older Inc", exchange="NYSE", listed_on=date(2004, 1, 5))
        assert companies.store(ingest, [renamed], MONDAY) == Changes(changed=1, renamed=1)
    assert all_of(ingest, "select symbol, name from market.symbols") == [("ABC", "Older Inc")]


def test_what_a_company_was_is_kept_with_the_time_in_which_it_was_believed(ingest: Connection) -> None:
    """Renamed, then moved to another exchange, delisted, and listed again: four answers, four rows of history."""
    first = listing("ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5))
    renamed = dataclasses.replace(first, name="New Inc")
    moved = dataclasses.replace(renamed, exchange="NASDAQ")
    gone = dataclasses.replace(moved, status="delisted", delisted_on=FRIDAY)
    steps = [
        (first, Changes(added=1)),
        (renamed, Changes(changed=1, renamed=1)),
        (moved, Changes(changed=1, moved=1)),
        (gone, Changes(changed=1, delisted=1)),
        (moved, Changes(changed=1, relisted=1)),
        (moved, Changes()),
    ]
    for day, (answer, change) in enumerate(steps, start=1):
        with ingest:
            assert companies.store(ingest, [answer], date(2020, 6, day)) == change
    assert all_of(ingest, REVISIONS) == [
        ("ABC", "Old Inc", "NYSE", "USD", "active", None, date(2020, 6, 2)),
        ("ABC", "New Inc", "NYSE", "USD", "active", None, date(2020, 6, 3)),
        ("ABC", "New Inc", "NASDAQ", "USD", "active", None, date(2020, 6, 4)),
        ("ABC", "New Inc", "NASDAQ", "USD", "delisted", FRIDAY, date(2020, 6, 5)),
    ]
    times = all_of(ingest, "select known_from, known_until from market.symbol_revisions order by known_until")
    times += all_of(ingest, "select updated_at, null::timestamptz from market.symbols")
    assert [begun for begun, _ in times[1:]] == [ended for _, ended in times[:-1]]
    assert all(begun < ended for begun, ended in times[:-1])


def test_an_answer_that_is_not_committed_leaves_no_history(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("ABC")], FRIDAY)
    with pytest.raises(ZeroDivisionError), ingest:
        companies.store(ingest, [listing("ABC", name="Renamed")], MONDAY)
        raise ZeroDivisionError
    assert all_of(ingest, REVISIONS) == []
    assert all_of(ingest, "select name from market.symbols") == [("Abc",)]


def test_summer_time_is_no_change(ingest: Connection) -> None:
    """London is labelled UTC+01 in summer and UTC+00 in winter: the new label is stored, and nothing else happens."""
    with ingest:
        companies.store(ingest, [listing("ABC.LON", "GBX", timezone="UTC+01")], FRIDAY)
    before = all_of(ingest, "select updated_at from market.symbols")
    with ingest:
        assert companies.store(ingest, [listing("ABC.LON", "GBX", timezone="UTC+00")], MONDAY) == Changes()
    assert all_of(ingest, "select timezone from market.symbols") == [("UTC+00",)]
    assert all_of(ingest, "select updated_at from market.symbols") == before
    assert all_of(ingest, REVISIONS) == []


def test_a_ticker_that_was_given_away_keeps_what_its_former_company_was(ingest: Connection) -> None:
    """Old Inc traded as ABC when it was last seen; in one answer it is gone and New Corp has its ticker."""
    old = listing("ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5))
    gone = dataclasses.replace(old, status="delisted", delisted_on=date(2019, 11, 29))
    new = listing("ABC", name="New Corp", exchange="NASDAQ", listed_on=date(2020, 7, 8))
    with ingest:
        companies.store(ingest, [old], FRIDAY)
    with ingest:
        assert companies.store(ingest, [gone, new], MONDAY) == Changes(added=1, changed=1, delisted=1)
    assert all_of(ingest, REVISIONS) == [
        ("ABC (until 2019-11-29)", "Old Inc", "NYSE", "USD", "active", None, MONDAY),
    ]


def test_a_ticker_can_be_given_away_more_than_once(ingest: Connection) -> None:
    """Three companies had ABC, one after another, and the last one has ended too: it is the one that ABC means."""

    def gone(name: str, began: int, ended: int) -> companies.Listing:
        return listing(
            "ABC",
            name=name,
            exchange="NYSE",
            status="delisted",
            listed_on=date(began, 1, 2),
            delisted_on=date(ended, 12, 28),
        )

    answer = [gone("Third", 2016, 2019), gone("First", 1999, 2004), gone("Second", 2006, 2012)]
    with ingest:
        companies.store(ingest, [listing("ABC", name="First", exchange="NYSE", listed_on=date(1999, 1, 2))], FRIDAY)
        assert companies.store(ingest, answer, MONDAY) == Changes(added=2, changed=1, delisted=1)
        assert companies.store(ingest, answer, MONDAY) == Changes()
    assert all_of(ingest, "select symbol, name, status, ticker from market.symbols order by name") == [
        ("ABC (until 2004-12-28)", "First", "delisted", "ABC"),
        ("ABC (until 2012-12-28)", "Second", "delisted", "ABC"),
        ("ABC", "Third", "delisted", "ABC"),
    ]


def test_a_listing_that_is_missing_for_a_day_does_not_fall_back_to_its_tickers_former_company(
    ingest: Connection,
) -> None:
    """ABC is New Corp, and once the active list forgets it; Old Inc, which had ABC before, is in the delisted one."""
    former = {"exchange": "NYSE", "status": "delisted", "listed_on": date(1999, 1, 4), "delisted_on": date(2004, 3, 1)}
    new = listing("ABC", name="New Corp", exchange="NASDAQ", listed_on=date(2006, 7, 3))
    with ingest:
        companies.store(ingest, [new], FRIDAY)
        assert companies.store(ingest, [listing("ABC", name="Old Inc", **former)], MONDAY) == Changes(added=1)
    assert all_of(ingest, "select symbol, name, status from market.symbols order by name") == [
        ("ABC", "New Corp", "active"),
        ("ABC (until 2004-03-01)", "Old Inc", "delisted"),
    ]


def test_a_delisting_counts_though_the_api_names_no_exchange_any_more(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("ABC", exchange="NYSE")], FRIDAY)
        gone = listing("ABC", status="delisted", delisted_on=FRIDAY)
        assert companies.store(ingest, [gone], MONDAY) == Changes(changed=1, delisted=1)


def test_outside_the_us_another_name_is_a_rename_even_with_another_currency(
    ingest: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The API serves one series for TSB.LON: nobody could say which bars belong to which of two companies."""
    with ingest:
        companies.store(ingest, [listing("TSB.LON", "GBX", name="Tees Shipbuilding plc")], FRIDAY)
    add_bar(ingest, "TSB.LON", FRIDAY, 5.0)
    with ingest:
        changes = companies.store(ingest, [listing("TSB.LON", "USD", name="Tsunami Biotech Inc")], MONDAY)
    assert changes == Changes(changed=1, renamed=1)
    assert "still the same company? TSB.LON" in caplog.text
    assert all_of(ingest, REVISIONS) == [("TSB.LON", "Tees Shipbuilding plc", None, "GBX", "active", None, MONDAY)]
    assert all_of(ingest, "select count(*) from market.prices natural join market.symbols") == [(1,)]


def test_a_listing_that_knows_the_exchange_adds_to_what_a_search_found(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("ABC")], FRIDAY)
        listed = listing("ABC", exchange="NYSE", listed_on=date(2004, 1, 5))
        assert companies.store(ingest, [listed], FRIDAY) == Changes(changed=1)  # it has not moved
    assert all_of(ingest, "select exchange from market.symbols") == [("NYSE",)]


def test_the_weeks_of_a_company_that_goes_to_another_market_are_marked(ingest: Connection) -> None:
    """Bars of May 29 and June 12, both Fridays: three weeks from May 25. Another exchange is no other market."""
    before = listing("ABC", exchange="NYSE")
    with ingest:
        companies.store(ingest, [before, listing("NEW"), listing("STAYS")], FRIDAY)
    for symbol in ("ABC", "STAYS"):
        for day in (date(2020, 5, 29), FRIDAY):
            add_bar(ingest, symbol, day, 5.0)
    forget_marks(ingest)
    exchanged = dataclasses.replace(before, exchange="NASDAQ")
    moved = [dataclasses.replace(exchanged, region="Elsewhere"), listing("NEW", region="Elsewhere"), listing("STAYS")]
    with ingest:
        assert companies.store(ingest, [exchanged], FRIDAY) == Changes(changed=1, moved=1)
    assert weeks_of(ingest, "ABC") == []
    with ingest:
        assert companies.store(ingest, moved, FRIDAY) == Changes(changed=2, moved=2)
    assert weeks_of(ingest, "ABC") == [date(2020, 5, 25), date(2020, 6, 1), date(2020, 6, 8)]
    assert all_of(ingest, "select symbol, reason from market.changed_spans join market.symbols using (symbol_id)") == [
        ("ABC", "moved")
    ]
    with ingest:
        assert companies.store(ingest, moved, MONDAY) == Changes()
    assert all_of(ingest, "select count(*) from market.changed_spans") == [(1,)]
