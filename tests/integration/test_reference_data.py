"""Splits and symbols in a real warehouse: what changes later mends exactly what it touches."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import psycopg2
import pytest
from market_rows import FRIDAY, MONDAY, add_bar, all_of, listing
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.answers import Split
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import PremiumOnly
from hedge_master.ingestion import companies, splits
from hedge_master.settings import Settings
from hedge_master.warehouse.connection import connect
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME
from planned import daily_symbols, missing_histories
from scripted_server import Serve


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


def test_a_split_marks_its_weeks_behind_a_merge_that_marks_its_own(
    ingest: Connection, warehouse_settings: Settings
) -> None:
    """Else a reader sees the split's number first, and never the smaller ones of the merge that commits behind it."""
    with ingest:
        companies.store(ingest, [listing("AAA")], FRIDAY)
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as merging:
        merging.cursor().execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        ingest.cursor().execute("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable), ingest:
            splits.store(ingest, "AAA", [Split(date(2020, 7, 10), 4.0)])
        merging.commit()
        with ingest:
            assert splits.store(ingest, "AAA", [Split(date(2020, 7, 10), 4.0)]) == 1


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


def test_splits_end_at_the_first_word_that_the_plan_has_none(
    ingest: Connection, warehouse_settings: Settings, serve: Serve
) -> None:
    """What was in flight is settled; the rest of a hundred is not asked."""
    server = serve(b'{"Information": "This is a premium endpoint."}')
    with (
        connect(warehouse_settings.required("warehouse_ingest_url"), "test") as calls,
        AlphaVantageClient(server.url, "ABC", NoLimit()) as client,
        pytest.raises(PremiumOnly),
    ):
        splits.sync_splits(client, calls, ingest, [f"S{number}" for number in range(100)], "r")
    outcomes = all_of(ingest, "select outcome, count(*) from market.api_calls group by 1")
    assert outcomes == [("refused", len(server.asked))]
    assert len(server.asked) <= splits.CALLS_IN_FLIGHT
