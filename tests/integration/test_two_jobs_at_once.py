"""Jobs of the stream beside each other are harmless: one fills staging at a time, one merges at a time, and what
another has merged is recognised."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values
from staging_rows import StagedBar, stage

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.settings import Settings
from hedge_master.warehouse.merge import BatchRefused, Counts, lock_staging, merge_batch, next_offsets

FRIDAY = date(2020, 6, 12)
NOON, ONE = (datetime(2020, 6, 16, hour, tzinfo=UTC) for hour in (12, 13))
SYMBOLS = tuple(f"SIM{number}" for number in range(5))
SECONDS = 30
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
JOBS, RUNS = 4, 12


@pytest.fixture
def warehouse(ingest: Connection) -> Connection:
    with ingest, ingest.cursor() as cursor:
        execute_values(
            cursor,
            "insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen) values %s",
            [(symbol, symbol, "Equity", "Testland", "UTC", "USD", FRIDAY) for symbol in SYMBOLS],
        )
    return ingest


def connected(settings: Settings) -> closing[Connection]:
    return closing(psycopg2.connect(settings.required("warehouse_ingest_url")))


def fill(session: Connection, topic: Topic, bars: list[StagedBar], offset: int, requested_at: datetime) -> int:
    """What the stream does before it merges: staging is its own until its session ends."""
    lock_staging(session, topic)
    with session, session.cursor() as cursor:
        cursor.execute(f"truncate {topic.staging}")
        return stage(cursor, topic, bars, offset, requested_at)


def until_one_waits(warehouse: Connection) -> None:
    deadline = time.monotonic() + SECONDS
    while one_of(warehouse, WAITING) == 0:
        assert time.monotonic() < deadline, "nobody waits for the lock"
        time.sleep(0.01)


def one_of(warehouse: Connection, query: str) -> object:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        ((value,),) = cursor.fetchall()
        return value


def test_the_second_job_waits_for_the_first_and_finds_its_batch_merged(
    warehouse: Connection, warehouse_settings: Settings
) -> None:
    bars = [StagedBar("SIM0", FRIDAY, 10.0), StagedBar("SIM1", FRIDAY, 11.0)]

    def job() -> Counts | None:
        with connected(warehouse_settings) as session:
            rows = fill(session, DAILY_PRICES, bars, 0, NOON)
            with session:
                return merge_batch(session, DAILY_PRICES, "second", NOON, rows)

    with ThreadPoolExecutor(1) as pool:
        with connected(warehouse_settings) as first:
            rows = fill(first, DAILY_PRICES, bars, 0, NOON)
            second = pool.submit(job)
            until_one_waits(warehouse)
            merged = merge_batch(first, DAILY_PRICES, "first", NOON, rows)
            assert not second.done()
            first.commit()
        assert second.result(SECONDS) is None
    assert merged is not None and merged.new == 2
    assert one_of(warehouse, "select sum(messages) from market.ingest_batches") == 2


def test_jobs_on_two_topics_merge_one_after_the_other_and_see_each_others_rows(
    warehouse: Connection, warehouse_settings: Settings
) -> None:
    """The history was asked for at noon and waits; the daily answer of one o'clock is merged before it, and stands."""
    with (
        connected(warehouse_settings) as daily,
        connected(warehouse_settings) as history,
        ThreadPoolExecutor(1) as pool,
    ):
        newer = fill(daily, DAILY_PRICES, [StagedBar("SIM0", FRIDAY, 12.0)], 0, ONE)
        older = fill(history, PRICE_HISTORY, [StagedBar("SIM0", FRIDAY, 10.0)], 0, NOON)
        merge_batch(daily, DAILY_PRICES, "daily", ONE, newer)
        waits = pool.submit(merge_batch, history, PRICE_HISTORY, "history", NOON, older)
        until_one_waits(warehouse)
        assert not waits.done()
        daily.commit()
        counts = waits.result(SECONDS)
        history.commit()
    assert counts is not None and (counts.new, counts.superseded) == (0, 1)
    assert one_of(warehouse, "select close from market.prices") == 12.0


def test_many_jobs_at_once_some_of_which_die_lose_and_double_nothing(
    warehouse: Connection, warehouse_settings: Settings
) -> None:
    """A message for each symbol comes every run; a job reads from where the warehouse stood when it began, is slow,
    dies before its commit in one of four runs, and is refused where others have merged a part of its batch."""
    told: list[StagedBar] = []

    def job(number: int) -> list[str]:
        dice = Random(number)
        ends = []
        for _ in range(RUNS):
            with connected(warehouse_settings) as session:
                told.extend(StagedBar(symbol, FRIDAY, 10.0) for symbol in SYMBOLS[: dice.randint(1, 5)])
                start = next_offsets(session, DAILY_PRICES).get(0, 0)
                session.commit()
                batch = told[start : start + 40]
                time.sleep(dice.uniform(0, 0.02))
                ends.append(run(session, batch, start, dies=dice.random() < 0.25))
        return ends

    def run(session: Connection, batch: list[StagedBar], start: int, dies: bool) -> str:
        lock_staging(session, DAILY_PRICES)
        with session, session.cursor() as cursor:
            cursor.execute(f"truncate {DAILY_PRICES.staging}")
            asked_at = [NOON + timedelta(minutes=start + number) for number in range(len(batch))]
            each_one = zip(batch, range(start, start + len(batch)), asked_at, strict=True)
            rows = sum(stage(cursor, DAILY_PRICES, [bar], offset, at) for bar, offset, at in each_one)
        try:
            counts = merge_batch(session, DAILY_PRICES, "one of many", NOON, rows)
        except BatchRefused:
            return "refused"
        if dies:
            return "dead"
        session.commit()
        return "nothing" if counts is None else "merged"

    with ThreadPoolExecutor(JOBS) as pool:
        ends = [end for job_ends in pool.map(job, range(JOBS)) for end in job_ends]
    with connected(warehouse_settings) as last:
        while (start := next_offsets(last, DAILY_PRICES).get(0, 0)) < len(told):
            assert run(last, told[start:], start, dies=False) == "merged"
    assert {"merged", "dead", "refused"} <= set(ends), ends
    assert one_of(warehouse, "select sum(messages) from market.ingest_batches") == len(told)
    assert one_of(warehouse, "select sum(new) from market.ingest_batches") == len(SYMBOLS)
    overlaps = (
        "select count(*) from market.ingest_batches as a join market.ingest_batches as b on a.offsets = b.offsets"
    )
    assert one_of(warehouse, overlaps) == one_of(warehouse, "select count(*) from market.ingest_batches")
