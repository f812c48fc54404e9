"""How prices are stored: what the migration to partitions keeps, where a bar goes, what a row costs."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from hedge_master.settings import Settings
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME, along_the_key
from hedge_master.warehouse.migrate import migrate, upgrade

# A bar with dollars, one without, and one that is provisional.
BEFORE = """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date, usd_missing,
    batch_id, known_since, provisional) values
    (1, '2020-06-11', 1, 4, 0.5, 2, 9, 2.5, '2020-06-10', null, 3, '2020-06-12 01:00Z', false),
    (5001, '2020-06-12', 1, 4, 0.5, 2, 9, null, null, 'no rate for TWD', 4, '2020-06-12 02:00Z', false),
    (90000, '2020-06-12', 1, 4, 0.5, 2, 9, 2, '2020-06-12', null, 4, '2020-06-12 02:00Z', true)"""
BARS = """select symbol_id, day::text, open, high, low, close, volume, close_usd, fx_date::text, usd_missing, batch_id,
    known_since::text, provisional, tableoid::regclass::text from market.prices order by 1, 2"""
OF_DBT = "create view staging.stg_market__prices as select close from market.prices"
LATER = "2020-06-12 02:00:00+00"
PRICES = (1.0, 4.0, 0.5, 2.0, 9)
AFTER = [
    (1, "2020-06-11", *PRICES, 2.5, "2020-06-10", "", 3, "2020-06-12 01:00:00+00", False, "market.prices_00001"),
    (5001, "2020-06-12", *PRICES, None, None, "no rate for TWD", 4, LATER, False, "market.prices_05001"),
    (90000, "2020-06-12", *PRICES, 2.0, "2020-06-12", "", 4, LATER, True, "market.prices_80001"),
]


@pytest.fixture
def dbt(warehouse_settings: Settings) -> Iterator[Connection]:
    """The connection of the role that builds the models: its schemas are closed to the one that migrates."""
    connection = psycopg2.connect(warehouse_settings.required("warehouse_dbt_url"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select to_regnamespace('staging') is not null")
        (built,) = cursor.fetchone() or ()
        if built:  # by the tests of the models
            cursor.execute("alter schema staging rename to staging_of_other_tests")
        yield connection
        cursor.execute("drop schema if exists staging, reports cascade")
        if built:
            cursor.execute("alter schema staging_of_other_tests rename to staging")
    connection.close()


@pytest.fixture
def owner(warehouse_settings: Settings, dbt: Connection) -> Iterator[Connection]:
    """The owner's connection to a warehouse as it was before partitions, with three bars; put away after the test."""
    url = warehouse_settings.required("warehouse_url")
    connection = psycopg2.connect(url, options="-c timezone=UTC")
    all_of(connection, "alter schema market rename to market_of_other_tests; select 1")
    try:
        upgrade(url, "0011")
        all_of(connection, f"{BEFORE} returning 1")
        builder = dbt.info.user
        grant = f"grant usage on schema market to {builder}; grant select on all tables in schema market to {builder}"
        all_of(connection, f"{grant}; select 1")
        yield connection
    finally:
        connection.rollback()
        all_of(connection, "drop schema market cascade; select 1")
        all_of(connection, "alter schema market_of_other_tests rename to market; select 1")
        connection.close()


def test_bars_of_before_move_into_partitions_and_are_read_by_the_same_roles(
    owner: Connection, dbt: Connection, warehouse_settings: Settings
) -> None:
    """Company 1 is in the first partition, 5,001 in the second, and whatever comes after 80,000 in the last. dbt's view
    of the old table does not go on showing it."""
    all_of(dbt, f"create schema staging; {OF_DBT}; select 1")
    migrate(warehouse_settings)
    assert all_of(owner, BARS) == AFTER
    gone = "select to_regclass('market.prices_before'), to_regclass('staging.stg_market__prices')"
    assert all_of(dbt, gone) == [(None, None)]
    assert all_of(dbt, "select count(*) from market.prices") == [(3,)]
    with pytest.raises(psycopg2.errors.CheckViolation):
        all_of(owner, "update market.prices set close_usd = null where symbol_id = 1 returning 1")


@pytest.mark.parametrize(
    "made",
    [
        "view reports.mine as select close from market.prices",
        "materialized view reports.mine as select close from staging.stg_market__prices",
        "view staging.mine as select close from market.prices",
        "function reports.mine() returns float begin atomic select max(close) from staging.stg_market__prices; end",
    ],
    ids=["of the table", "of dbt's view", "beside dbt's view", "no view"],
)
def test_what_somebody_made_of_prices_is_not_lost_unseen(
    owner: Connection, dbt: Connection, warehouse_settings: Settings, made: str
) -> None:
    all_of(dbt, f"create schema reports; create schema staging; {OF_DBT}; create {made}; select 1")
    with pytest.raises(
        DatabaseError, match=r"anew, and [a-z ]+ (reports|staging)\.mine(\(\))? reads it: drop that first"
    ):
        migrate(warehouse_settings)
    assert all_of(dbt, "select count(*) from staging.stg_market__prices") == [(3,)]


def test_a_migration_waits_for_the_merge_under_way(ingest: Connection, warehouse_settings: Settings) -> None:
    """Side by side each could hold what the other waits for."""
    impatient = f"{warehouse_settings.required('warehouse_url')}?options=-c%20lock_timeout%3D100"
    with ingest.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        with pytest.raises(OperationalError, match="lock timeout"):
            upgrade(impatient, "head")
    ingest.rollback()
    upgrade(impatient, "head")


def test_only_what_has_to_runs_along_the_key(ingest: Connection) -> None:
    """The statements behind it join staging by hash again."""
    shown = "select current_setting('enable_hashjoin'), current_setting('enable_mergejoin')"
    with ingest.cursor() as cursor:
        with along_the_key(cursor):
            cursor.execute(shown)
            assert cursor.fetchone() == ("off", "off")
        cursor.execute(shown)
        assert cursor.fetchone() == ("on", "on")
    ingest.rollback()


def test_a_complete_bar_has_no_padding_and_no_list_of_nulls(ingest: Connection) -> None:
    """24 bytes of header, 8 + 64 + 6 of values, up to the next multiple of 8: 104."""
    with ingest.cursor() as cursor:
        cursor.execute(
            """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date, batch_id,
            known_since) select 1, day, 1, 1, 1, 1, 1, 1, day, 1, now()
            from generate_series(date '2000-01-01', '2000-03-15', interval '1 day') as day"""
        )
        cursor.execute("select count(*), max((ctid::text::point)[0]) from market.prices")
        assert cursor.fetchone() == (75, 0.0)
    ingest.rollback()
