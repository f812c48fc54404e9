"""What becomes of each blemish of the feed: days of the sample market, read by the real client over HTTP, judged by the
stream's own functions on Spark, and merged into a real warehouse. Only Kafka is left out here (see tests/e2e).

The cast and its days: docs/sample-market.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, time
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession

from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion import fx_rates, splits, symbols
from hedge_master.ingestion.ledger import Ledger, Place, bars_of
from hedge_master.ingestion.publisher import FUNCTION, message_headers
from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.sample_market.clock_client import market_date, set_market_date, set_market_time
from hedge_master.settings import Settings
from hedge_master.warehouse.merge import Counts
from merging import merge_messages
from planned import daily_symbols, missing_histories

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]

FRIDAY, MONDAY, YOUTH_DAY, WEDNESDAY, THURSDAY, NEXT_FRIDAY = (date(2020, 6, day) for day in (12, 15, 16, 17, 18, 19))
LATER = date(2020, 7, 8)
Rows = list[tuple[Any, ...]]


class Reader:
    """Reads the sample market as the DAGs do, day by day, and remembers what it saw after each."""

    def __init__(self, market: Settings, warehouse: Settings, spark: SparkSession) -> None:
        self._market = market
        self._url = warehouse.required("warehouse_ingest_url")
        self._spark = spark
        self._next_offset = {DAILY_PRICES.name: 0, PRICE_HISTORY.name: 0}
        self.connection: Connection = psycopg2.connect(self._url, options="-c timezone=UTC")

    def ask(self, query: str) -> Rows:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def go_to(self, day: date, at: time | None = None) -> Counts:
        """Moves the clock and reads the day as `produce_daily_prices` does."""
        url = self._market.sample_market_url
        if at is None:
            set_market_date(url, day)
        else:
            set_market_time(url, day, at)
        return self._read(DAILY_PRICES, daily_symbols)

    def read_histories(self) -> Counts:
        return self._read(PRICE_HISTORY, missing_histories)

    def _read(self, topic: Topic, wanted: Callable[[Connection], list[str]]) -> Counts:
        today = market_date(self._market.sample_market_url)
        with (
            closing(psycopg2.connect(self._url)) as calls,
            AlphaVantageClient(self._market.sample_market_url, "key", NoLimit()) as client,
        ):
            ledger = Ledger(calls, f"read/{uuid4()}", "daily")
            symbols.sync_listings(client, ledger, self.connection, today)
            symbols.sync_searched(client, ledger, self.connection, today, ["SIMX"])
            history = fx_rates.fetch_ecb_history(self._market.ecb_rates_address)
            with self.connection:
                fx_rates.load_fx_rates(self.connection, today, history)
            asked = wanted(self.connection)
            splits.sync_splits(client, calls, self.connection, asked, "read")
            messages = []
            for symbol in asked:
                answer, request_id = client.daily_prices(symbol, topic.outputsize), uuid4()
                offset = self._next_offset[topic.name]
                self._next_offset[topic.name] += 1
                headers = message_headers(answer, symbol, request_id, "read", today)
                packed = [(name, text.encode()) for name, text in headers.items()]
                messages.append((symbol.encode(), answer.body, topic.name, 0, offset, packed))
                ledger.asked(request_id, FUNCTION, symbol, topic.outputsize)
                place = Place(topic.name, 0, offset)
                ledger.published(request_id, answer, bars_of(answer.body, None), place)
        return merge_messages(self._spark, self.connection, self._url, topic, messages)


class Lived:
    """What was seen after each day, for the tests below."""

    def __init__(self, reader: Reader) -> None:
        self.ask = reader.ask
        self.counts: dict[str, Counts] = {"start": reader.read_histories()}
        self.seen: dict[str, Rows] = {}

        def bar(symbol: str, day: date) -> Rows:
            return reader.ask(
                f"""select close, provisional from market.prices join market.symbols using (symbol_id)
                where symbol = '{symbol}' and day = '{day}'"""
            )

        self.counts["monday 15:00 UTC"] = reader.go_to(MONDAY, time(15))
        self.seen["half-finished"] = bar("SIMX6.LON", MONDAY) + bar("SIMX2", MONDAY) + bar("SIMX7.JNB", MONDAY)
        self.counts["monday"] = reader.go_to(MONDAY)
        self.seen["finished"] = bar("SIMX6.LON", MONDAY) + bar("SIMX2", MONDAY) + bar("SIMX7.JNB", MONDAY)
        self.counts["youth day"] = reader.go_to(YOUTH_DAY)
        self.counts["wednesday"] = reader.go_to(WEDNESDAY)
        self.seen["missing"] = bar("SIMX6.LON", WEDNESDAY)
        self.counts["thursday"] = reader.go_to(THURSDAY)
        self.seen["corrected"] = bar("SIMX6.LON", MONDAY)
        self.counts["next friday"] = reader.go_to(NEXT_FRIDAY)
        self.seen["late"] = bar("SIMX6.LON", WEDNESDAY)
        self.seen["asked on monday"] = [(symbol,) for symbol in daily_symbols(reader.connection)]
        self.counts["later"] = reader.go_to(LATER)


@pytest.fixture(scope="module")
def lived(
    open_market: Callable[..., Settings],
    warehouse_settings: Settings,
    empty_warehouse: Callable[[], None],
    spark: SparkSession,
) -> Iterator[Lived]:
    reader = Reader(open_market(HM_SAMPLE_MARKET_SYMBOLS="1"), warehouse_settings, spark)
    empty_warehouse()
    yield Lived(reader)
    reader.connection.close()


def test_nothing_vanishes_on_any_day(lived: Lived) -> None:
    for day, counts in lived.counts.items():
        classes = counts.new + counts.changed + counts.unchanged + counts.superseded + counts.rejected
        assert counts.delivered == classes, day


def test_a_row_of_zeros_on_a_holiday_is_rejected_with_its_reason(lived: Lived) -> None:
    """Youth Day, 16 June: Johannesburg is closed, and SIMX7.JNB has a row of zeros all the same."""
    told = lived.ask(
        """select distinct reason, raw::json ->> '4. close' from market.rejections
        where symbol = 'SIMX7.JNB' and day = '2020-06-16'"""
    )
    assert told == [("price_not_positive", "0.0000")]
    assert lived.ask("select count(*) from market.prices where least(open, high, low, close) <= 0") == [(0,)]


def test_a_half_finished_bar_is_kept_as_provisional_and_replaced(lived: Lived) -> None:
    """At 15:00 UTC on Monday London (to 15:30 UTC) and New York trade; Johannesburg closed at 15:00 UTC sharp."""
    london, new_york, johannesburg = lived.seen["half-finished"]
    assert (london[1], new_york[1], johannesburg[1]) == (True, True, False)
    finished = lived.seen["finished"]
    assert [provisional for _, provisional in finished] == [False, False, False]
    assert finished[1] != new_york
    assert finished[2] == johannesburg
    assert lived.ask(
        """select provisional from market.price_revisions join market.symbols using (symbol_id)
        where symbol = 'SIMX2' and day = '2020-06-15'"""
    ) == [(True,)]


def test_a_correction_replaces_the_bar_and_keeps_what_was_believed(lived: Lived) -> None:
    """SIMX6.LON's Monday was told wrong until Thursday: one changed bar, the wrong one kept with its times."""
    ((wrong, _),) = lived.seen["finished"][:1]
    ((right, _),) = lived.seen["corrected"]
    assert 0.015 < abs(wrong / right - 1) < 0.07
    kept = lived.ask(
        """select revisions.close from market.price_revisions as revisions join market.symbols using (symbol_id)
        where symbol = 'SIMX6.LON' and day = '2020-06-15' and not revisions.provisional"""
    )
    assert kept == [(wrong,)]
    assert lived.counts["thursday"].changed >= 1


def test_a_missing_day_is_new_when_it_comes_and_marks_its_week(lived: Lived) -> None:
    assert lived.seen["missing"] == []
    assert len(lived.seen["late"]) == 1
    assert lived.ask(
        """select count(*) from market.changed_weeks join market.symbols using (symbol_id)
        where symbol = 'SIMX6.LON' and week_start = '2020-06-15'"""
    ) == [(1,)]


def test_an_ipo_is_found_by_itself_and_its_bars_come_with_it(lived: Lived) -> None:
    """SIMX1 began on Tuesday 16 June. Nobody asked for its history: the compact answer holds all of it."""
    assert lived.ask(
        """select symbols.first_seen, min(prices.day), count(*) from market.symbols join market.prices using (symbol_id)
        where symbol = 'SIMX1' group by 1"""
    ) == [(YOUTH_DAY, YOUTH_DAY, 16)]  # eleven sessions in June; 1, 2, 6, 7 and 8 July: the 3rd was a holiday


def test_a_delisted_company_keeps_its_bars_and_is_asked_no_more(lived: Lived) -> None:
    assert lived.ask(
        """select status, delisted_on, max(prices.day) from market.symbols join market.prices using (symbol_id)
        where symbol = 'SIMX2' group by 1, 2"""
    ) == [("delisted", THURSDAY, THURSDAY)]
    assert ("SIMX2",) not in lived.seen["asked on monday"]
    assert ("SIMX1",) in lived.seen["asked on monday"]


def test_a_ticker_that_comes_back_is_another_company(lived: Lived) -> None:
    """SIMX4 was Oldtick until November 2019 and is Newtick since 8 July: two rows, each with its own bars."""
    assert lived.ask(
        """select symbol, split_part(name, ' ', 1), status, min(day) = '2020-07-08', max(day) from market.symbols
        join market.prices using (symbol_id) where symbol like 'SIMX4%' group by 1, 2, 3 order by 1"""
    ) == [
        ("SIMX4", "Newtick", "active", True, LATER),
        ("SIMX4 (until 2019-11-29)", "Oldtick", "delisted", False, date(2019, 11, 29)),
    ]


def test_a_reverse_split_is_known_before_its_bar_is_used(lived: Lived) -> None:
    """1 for 1,000: the quoted price is a thousandfold from one day to the next, and the split says why."""
    assert lived.ask(
        """select effective_date, factor from market.splits join market.symbols using (symbol_id)
        where symbol = 'SIMX3' order by 1"""
    ) == [(date(2018, 5, 3), 0.001), (WEDNESDAY, 0.001)]
    ((jump,),) = lived.ask(
        """select after.close / before.close from market.prices as before
        join market.prices as after using (symbol_id) join market.symbols using (symbol_id)
        where symbol = 'SIMX3' and before.day = '2020-06-16' and after.day = '2020-06-17'"""
    )
    assert 500 < jump < 2000


def test_pence_are_hundredths_of_a_pound(lived: Lived) -> None:
    """The dollars of a London bar over its pence, times 100, are the ECB's dollars for a pound on that day."""
    ((currency, per_unit, pound),) = lived.ask(
        """select symbols.currency, close_usd / close * 100, usd_per_unit from market.prices
        join market.symbols using (symbol_id)
        join market.fx_rates on fx_rates.currency = 'GBP' and rate_date = day
        where symbol = 'SIMX6.LON' and day = '2020-06-12'"""
    )
    assert currency == "GBX"
    assert per_unit == pytest.approx(pound, rel=1e-12)
    assert 1.2 < pound < 1.3  # a pound was 1.26 dollars on 12 June 2020


def test_a_currency_without_a_rate_keeps_its_bars_and_says_why_there_are_no_dollars(lived: Lived) -> None:
    ((bars, without, why),) = lived.ask(
        """select count(*), count(*) filter (where close_usd is null), min(usd_missing) from market.prices
        join market.symbols using (symbol_id) where symbol = 'SIMX5.TAI'"""
    )
    assert bars == without > 5000
    assert why == "no rate for TWD"


def test_louder_days_at_reports_are_stored_as_they_are(lived: Lived) -> None:
    """A report day is no error: none of its bars is rejected or marked, and the move is there to be measured."""
    assert lived.ask("select count(*) from market.rejections where reason not in ('price_not_positive')") == [(0,)]


def test_seen_day_by_day_or_at_once_the_prices_are_the_same(
    lived: Lived, open_market: Callable[..., Settings], warehouse_settings: Settings, spark: SparkSession
) -> None:
    """Whoever loads everything on 8 July for the first time has the same bars, value by value, dollars included.

    One company is left out: Oldtick's ticker is Newtick's by then, and nobody can ask for its history any more.
    """
    query = """select symbol, day, open, high, low, close, volume, provisional, close_usd, fx_date, usd_missing
        from market.prices join market.symbols using (symbol_id) where ticker_until is null order by 1, 2"""
    day_by_day = lived.ask(query)
    owner = psycopg2.connect(warehouse_settings.required("warehouse_url"))
    with owner, owner.cursor() as cursor:
        cursor.execute("alter schema market rename to market_day_by_day")
    try:
        from hedge_master.warehouse.migrate import migrate

        migrate(warehouse_settings)
        fresh = Reader(
            open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE=LATER.isoformat()),
            warehouse_settings,
            spark,
        )
        fresh.read_histories()
        at_once = fresh.ask(query)
        fresh.connection.close()
    finally:
        with owner, owner.cursor() as cursor:
            cursor.execute("drop schema market cascade")
            cursor.execute("alter schema market_day_by_day rename to market")
        owner.close()
    assert len(at_once) > 30_000
    assert day_by_day == at_once
