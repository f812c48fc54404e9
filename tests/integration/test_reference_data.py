"""Splits and symbols in a real warehouse: what changes later mends exactly what it touches."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.answers import Split
from hedge_master.ingestion import companies, splits
from hedge_master.settings import Settings
from hedge_master.warehouse.connection import connect
from market_rows import add_bar, all_of, listing
from planned import daily_symbols, missing_histories

FRIDAY, MONDAY = date(2020, 6, 12), date(2020, 6, 15)


def test_symbols_are_added_then_only_changed_where_they_differ(ingest: Connection) -> None:
    with ingest:
        assert companies.store(ingest, [listing("AAA"), listing("BBB", "GBX")], FRIDAY) == (2, 0)
        assert companies.store(ingest, [listing("AAA"), listing("BBB", "GBX")], MONDAY) == (0, 0)
        assert companies.store(ingest, [listing("AAA", name="Renamed")], MONDAY) == (0, 1)
    assert all_of(ingest, "select symbol, name, first_seen from market.symbols order by 1") == [
        ("AAA", "Renamed", FRIDAY),
        ("BBB", "Bbb", FRIDAY),
    ]


def test_a_search_does_not_override_what_a_listing_said(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("OLD", exchange="NYSE", status="delisted", delisted_on=FRIDAY)], FRIDAY)
        assert companies.store(ingest, [listing("OLD")], FRIDAY) == (0, 0)
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
        assert companies.store(ingest, [old], FRIDAY) == (1, 0)
    add_bar(ingest, "ABC", date(2019, 11, 29), 5.0)
    with ingest:
        assert companies.store(ingest, [gone], FRIDAY) == (0, 1)
        assert companies.store(ingest, [gone, new], MONDAY) == (1, 0)
        assert companies.store(ingest, [gone, new], MONDAY) == (0, 0)
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
        assert companies.store(ingest, [gone, new], MONDAY) == (1, 1)
    assert all_of(ingest, "select symbol, name, ticker from market.symbols order by symbol_id") == [
        ("ABC (until 2019-11-29)", "Older Holdings", "ABC"),
        ("ABC", "New Corp", "ABC"),
    ]


def test_a_delisted_company_is_asked_for_once_more(ingest: Connection) -> None:
    """GONE's last bar may have been missed, or seen half finished. NEVER was delisted before anybody followed it."""
    with ingest:
        companies.store(ingest, [listing("GONE"), listing("NEVER", status="delisted")], FRIDAY)
    add_bar(ingest, "GONE", FRIDAY, 5.0)
    with ingest:
        companies.store(ingest, [listing("GONE", status="delisted", delisted_on=MONDAY)], MONDAY)
    assert daily_symbols(ingest) == ["GONE"]
    all_of(
        ingest,
        """insert into market.api_calls
            (request_id, run_id, purpose, function, outputsize, symbol, requested_at, outcome)
        values (gen_random_uuid(), 'r', 'daily', 'TIME_SERIES_DAILY', 'compact', 'GONE', clock_timestamp(),
            'nothing_there')
        returning 1""",
    )
    assert daily_symbols(ingest) == []


def test_a_company_that_is_renamed_keeps_its_ticker_and_its_bars(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("ABC", name="Old Inc", exchange="NYSE", listed_on=date(2004, 1, 5))], FRIDAY)
        renamed = listing("ABC", name="Older Inc", exchange="NYSE", listed_on=date(2004, 1, 5))
        assert companies.store(ingest, [renamed], MONDAY) == (0, 1)
    assert all_of(ingest, "select symbol, name from market.symbols") == [("ABC", "Older Inc")]


def test_the_former_companys_history_is_not_taken_for_the_new_ones(ingest: Connection) -> None:
    """ABC's history was published before the ticker was given away: New Corp's is still to be asked for."""
    with ingest:
        companies.store(ingest, [listing("ABC")], FRIDAY)
    with ingest, ingest.cursor() as cursor:
        cursor.execute(
            """insert into market.api_calls
            (request_id, run_id, purpose, function, outputsize, symbol, requested_at, outcome)
            values (gen_random_uuid(), 'r', 'daily', 'TIME_SERIES_DAILY', 'full', 'ABC', now() - interval '1 day',
            'nothing_there')"""
        )
    assert missing_histories(ingest) == ["ABC"]
    all_of(ingest, "update market.symbols set added_at = added_at - interval '2 days' returning 1")
    assert missing_histories(ingest) == []


def test_a_split_that_moves_to_another_day_is_not_applied_twice(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("AAA")], FRIDAY)
        assert splits.store(ingest, "AAA", [Split(date(2020, 7, 10), 4.0)]) == 1
        assert splits.store(ingest, "AAA", [Split(date(2020, 7, 10), 4.0)]) == 0
        assert splits.store(ingest, "AAA", [Split(date(2020, 7, 11), 4.0)]) == 2  # one new, one gone
    assert all_of(ingest, "select effective_date, factor from market.splits") == [(date(2020, 7, 11), 4.0)]
    with ingest:
        assert splits.store(ingest, "AAA", []) == 1
    assert all_of(ingest, "select count(*) from market.splits") == [(0,)]


def test_splits_of_a_stranger_are_refused(ingest: Connection) -> None:
    with pytest.raises(LookupError, match=r"ZZZ is not in market\.symbols"):
        splits.store(ingest, "ZZZ", [])


def test_a_connection_commits_at_its_end_step_by_step_inside_and_not_after_an_error(
    warehouse_settings: Settings, ingest: Connection
) -> None:
    url = warehouse_settings.required("warehouse_ingest_url")
    with connect(url, "test") as outer, outer:
        companies.store(outer, [listing("AAA")], FRIDAY)
    with pytest.raises(ZeroDivisionError), connect(url, "test") as broken:
        companies.store(broken, [listing("BBB")], FRIDAY)
        raise ZeroDivisionError
    with connect(url, "test") as plain:
        companies.store(plain, [listing("CCC")], FRIDAY)
    assert all_of(ingest, "select symbol from market.symbols order by 1") == [("AAA",), ("CCC",)]
