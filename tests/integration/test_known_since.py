"""What was believed before is kept, and the newest answer wins whatever the order of delivery."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from staging_rows import StagedBar, stage

from hedge_master.alpha_vantage.answers import Split
from hedge_master.ingestion import splits
from hedge_master.ingestion.rate_store import Source, store_rates
from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.warehouse.merge import Counts, merge_batch, next_offsets
from ledger_rows import add_call, add_symbols

JANUARY, APRIL, JUNE = date(2020, 1, 6), date(2020, 4, 6), date(2020, 6, 8)


def at(hour: int) -> datetime:
    return datetime(2020, 6, 16, hour, tzinfo=UTC)


def deliver(warehouse: Connection, hour: int, *bars: tuple[date, float]) -> Counts:
    """A compact answer of AAA that was asked for at `hour`; the ledger has its line, as from a publisher."""
    with warehouse:
        offset = next_offsets(warehouse, DAILY_PRICES).get(0, 0)
    days = [day for day, _ in bars]
    add_call(warehouse, "AAA", requested_at=at(hour), kafka_offset=offset, first_bar=min(days), last_bar=max(days))
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {DAILY_PRICES.staging}")
        rows = stage(cursor, DAILY_PRICES, [StagedBar("AAA", *bar) for bar in bars], offset, at(hour))
        counts = merge_batch(warehouse, DAILY_PRICES, "test/run", at(hour), rows)
    assert counts is not None
    return counts


def test_a_then_a_then_the_older_b(ingest: Connection) -> None:
    """A at one, A at three, then B of two o'clock: A stays, although nothing was written at three."""
    add_symbols(ingest, "AAA")
    deliver(ingest, 1, (JUNE, 10.0))
    deliver(ingest, 3, (JUNE, 10.0))
    late = deliver(ingest, 2, (JUNE, 99.0))
    assert (late.superseded, late.changed) == (1, 0)
    assert all_of(ingest, "select close from market.prices") == [(10.0,)]


def test_an_answer_that_a_still_newer_one_has_replaced_in_memory_still_speaks(ingest: Connection) -> None:
    """The window of compact answers slides. January is A at one and A at three; the newest answer, of four, begins in
    April. A late message of two o'clock says B of January: the answer of three spoke for January last, and A stays."""
    add_symbols(ingest, "AAA")
    deliver(ingest, 1, (JANUARY, 10.0), (APRIL, 20.0))
    deliver(ingest, 3, (JANUARY, 10.0), (APRIL, 20.0))
    deliver(ingest, 4, (APRIL, 20.0), (JUNE, 30.0))
    late = deliver(ingest, 2, (JANUARY, 99.0))
    assert (late.superseded, late.changed) == (1, 0)
    assert all_of(ingest, "select close from market.prices order by day") == [(10.0,), (20.0,), (30.0,)]


def test_a_late_answer_is_news_where_nobody_newer_spoke_of_the_day(ingest: Connection) -> None:
    add_symbols(ingest, "AAA")
    deliver(ingest, 1, (JANUARY, 10.0))
    deliver(ingest, 4, (APRIL, 20.0), (JUNE, 30.0))
    late = deliver(ingest, 2, (JANUARY, 11.0), (APRIL, 99.0))
    assert (late.changed, late.superseded) == (1, 1)
    assert all_of(ingest, "select close from market.prices order by day") == [(11.0,), (20.0,), (30.0,)]


def test_a_split_that_is_withdrawn_or_corrected_is_kept_with_the_times_between_which_it_held(
    ingest: Connection,
) -> None:
    add_symbols(ingest, "AAA")
    for found in ([Split(JANUARY, 2.0), Split(APRIL, 3.0)], [Split(APRIL, 4.0)]):
        with ingest:
            splits.store(ingest, "AAA", found)
    kept = all_of(
        ingest,
        "select effective_date, factor, known_since < known_until from market.split_revisions order by effective_date",
    )
    assert kept == [(JANUARY, 2.0, True), (APRIL, 3.0, True)]
    assert all_of(ingest, "select effective_date, factor from market.splits") == [(APRIL, 4.0)]


def test_a_rate_that_is_corrected_is_kept_and_one_that_only_changes_hands_is_not(ingest: Connection) -> None:
    for rate, source in ((1.1, Source.ALPHA_VANTAGE), (1.2, Source.ALPHA_VANTAGE), (1.2, Source.ECB)):
        with ingest:
            store_rates(ingest, [("EUR", JUNE, rate)], source)
    kept = all_of(ingest, "select usd_per_unit, source, known_since < known_until from market.fx_rate_revisions")
    assert kept == [(1.1, "Alpha Vantage", True)]
    assert all_of(ingest, "select usd_per_unit, source from market.fx_rates") == [(1.2, "ECB")]


@pytest.mark.parametrize("hours", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_the_order_of_delivery_is_of_no_matter(ingest: Connection, hours: tuple[int, ...]) -> None:
    """Each answer speaks for its own days: the newest of January is that of two, of April and June that of three."""
    add_symbols(ingest, "AAA")
    answers = {
        1: ((JANUARY, 1.0), (APRIL, 1.0)),
        2: ((JANUARY, 2.0), (APRIL, 2.0)),
        3: ((APRIL, 3.0), (JUNE, 3.0)),
    }
    for hour in hours:
        deliver(ingest, hour, *answers[hour])
    assert all_of(ingest, "select close from market.prices order by day") == [(2.0,), (3.0,), (3.0,)]
