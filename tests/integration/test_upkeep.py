"""What the warehouse lets go of: only what no plan, no late message and no re-drive asks for any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from rejection_rows import refuse

from hedge_master.ingestion.topics import DAILY_PRICES, RETENTION
from hedge_master.settings import Settings, load_settings
from hedge_master.warehouse import upkeep
from ledger_rows import add_answer, add_bars, add_call, add_symbols

NOW = datetime(2026, 6, 30, 5, tzinfo=UTC)
CLOSED = f"closed_at = '{NOW}', closed_because = 'a test'"
OLD = NOW - timedelta(days=400)
SETTINGS = load_settings({"HM_KEEP_CALLS_DAYS": "180", "HM_KEEP_RESOLVED_DAYS": "400"})


@pytest.fixture
def ledger(ingest: Connection) -> Connection:
    """Offsets below 100 are merged."""
    add_symbols(ingest, "AAA", "BBB")
    all_of(ingest, f"insert into market.ingest_offsets values ('{DAILY_PRICES.name}', 0, 100, 1, now()) returning 1")
    return ingest


def kept(ledger: Connection) -> list[int]:
    """The days before NOW of the calls that are there after pruning, the oldest first."""
    upkeep.prune(ledger, SETTINGS, NOW)
    query = f"select extract(day from timestamptz '{NOW}' - requested_at)::int from market.api_calls order by 1 desc"
    return [days for (days,) in all_of(ledger, query)]


def ask(ledger: Connection, days: int, symbol: str = "AAA", **columns: object) -> None:
    add_call(ledger, symbol, requested_at=NOW - timedelta(days=days), **columns)


def test_a_call_goes_after_180_days_if_a_newer_one_says_the_same(ledger: Connection) -> None:
    """AAA was asked four times: the two that are older than 180 days are of no use. BBB was asked once, long ago, and
    the plans must know it."""
    for days in (400, 181, 179, 1):
        ask(ledger, days)
    ask(ledger, 500, "BBB")
    assert kept(ledger) == [500, 179, 1]
    assert kept(ledger) == [500, 179, 1]


@pytest.mark.parametrize(
    "columns",
    [
        {"outputsize": "full"},
        {"outcome": "nothing_there"},
        {"function": "SPLITS"},
        {"gap_after": date(2025, 1, 3)},
        {"kafka_offset": 100},
    ],
    ids=["of another size", "another outcome", "of another kind", "with a gap", "not merged yet"],
)
def test_a_call_stays_that_a_newer_one_does_not_make_useless(ledger: Connection, columns: dict[str, object]) -> None:
    ask(ledger, 400, **columns)
    ask(ledger, 300)
    ask(ledger, 1)
    assert kept(ledger) == [400, 1]


def test_calls_that_nobody_has_settled_stay(ledger: Connection) -> None:
    for days in (400, 300):
        ask(ledger, days, outcome="asked")
    assert kept(ledger) == [400, 300]


@pytest.mark.parametrize("done", [f"resolved_at = '{NOW}', resolved_by_batch_id = 1", CLOSED])
def test_calls_behind_a_row_that_may_be_driven_again_stay(ledger: Connection, done: str) -> None:
    """A row of 350 days ago waits for a re-drive; the answers since then say whether it still counts, that of 400 days
    ago does not. Once it is done with they go."""
    refuse(ledger, DAILY_PRICES, "AAA", 5, requested_at=NOW - timedelta(days=350))
    for days in (400, 349, 300, 1):
        ask(ledger, days)
    assert kept(ledger) == [349, 300, 1]
    all_of(ledger, f"update market.rejections set {done} returning 1")
    assert kept(ledger) == [1]


def test_what_is_known_of_a_partial_answer_goes_with_its_last_reader(ledger: Connection) -> None:
    """Offset 7 is the newest answer of AAA, 8 is in the ledger, 9 has a row that waits; nobody asks for 10."""
    add_answer(ledger, "AAA", last_day=date(2020, 6, 12))
    ask(ledger, 400, kafka_offset=8)
    refuse(ledger, DAILY_PRICES, "BBB", 9, requested_at=OLD)
    all_of(
        ledger,
        f"""insert into market.partial_answers (topic, partition, kafka_offset, requested_at, refused_days)
        select '{DAILY_PRICES.name}', 0, place, '{OLD}', '{{}}' from generate_series(7, 10) as place returning 1""",
    )
    assert upkeep.prune(ledger, SETTINGS, NOW)["partial_answers"] == 1
    assert all_of(ledger, "select kafka_offset from market.partial_answers order by 1") == [(7,), (8,), (9,)]


def test_open_rejections_stay_and_so_does_what_was_believed(ledger: Connection) -> None:
    """Of three refused messages of years ago one is resolved and one closed. The correction of a bar is no rubbish."""
    ancient = NOW - timedelta(days=2000)
    refuse(ledger, DAILY_PRICES, "AAA", 5, requested_at=ancient)
    refuse(ledger, DAILY_PRICES, "BBB", 6, requested_at=ancient, resolved_at=ancient, resolved_by_batch_id=1)
    refuse(ledger, DAILY_PRICES, "CCC", 7, requested_at=ancient, closed_at=ancient, closed_because="a test")
    all_of(
        ledger,
        f"""insert into market.price_revisions select 1, '2020-06-12', 1, 1, 1, 1, 1, 1, '2020-06-12', '{ancient}',
            '{ancient}', 1, 2, false returning 1""",
    )
    assert upkeep.prune(ledger, SETTINGS, NOW) == {"api_calls": 0, "partial_answers": 0, "rejections": 2}
    assert all_of(ledger, "select symbol from market.rejections") == [("AAA",)]
    assert all_of(ledger, "select count(*) from market.price_revisions") == [(1,)]


def test_one_call_at_a_time_and_none_that_is_needed_again_since_it_was_chosen(
    ledger: Connection, warehouse_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three calls are chosen, one a transaction. Before the first of these a merge refuses a row that was asked for 350
    days ago: the calls since then stay."""
    for days in (400, 390, 349, 1):
        ask(ledger, days)
    monkeypatch.setattr(upkeep, "AT_ONCE", 1)
    behind_merges, steps = upkeep._behind_merges, []

    @contextmanager
    def behind_a_merge_that_refuses(warehouse: Connection) -> Iterator[Cursor]:
        if not steps:
            with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as merge:
                refuse(merge, DAILY_PRICES, "AAA", 5, requested_at=NOW - timedelta(days=350))
        with behind_merges(warehouse) as cursor:
            yield cursor
            steps.append(cursor.rowcount)

    monkeypatch.setattr(upkeep, "_behind_merges", behind_a_merge_that_refuses)
    assert kept(ledger) == [349, 1]
    assert sorted(steps) == [0, 1, 1]


def test_the_ledger_outlives_every_message_that_kafka_holds() -> None:
    assert Settings.model_fields["keep_calls_days"].metadata[0].ge > RETENTION.days


def test_statistics_of_all_prices_are_renewed_when_these_have_grown(ledger: Connection) -> None:
    """Autovacuum knows the partition; nobody knows the whole until it is analysed. Once is enough, until a fifth more
    is there."""
    days = [date(2000, 1, 1) + timedelta(days=number) for number in range(100)]
    add_bars(ledger, "AAA", days)
    all_of(ledger, "analyze market.prices_00001; select 1")
    assert upkeep.refresh_statistics(ledger)
    assert not upkeep.refresh_statistics(ledger)
    add_bars(ledger, "BBB", days[:30])
    all_of(ledger, "analyze market.prices_00001; select 1")
    assert upkeep.refresh_statistics(ledger)
    assert all_of(ledger, "select reltuples from pg_class where oid = 'market.prices'::regclass") == [(130.0,)]


def test_a_role_that_may_not_analyse_says_so(
    ledger: Connection, warehouse_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """As the stream's own role before PostgreSQL 17: here dbt's, which only reads."""
    add_bars(ledger, "AAA", [date(2000, 1, 1) + timedelta(days=number) for number in range(200)])
    all_of(ledger, "analyze market.prices_00001; select 1")
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_dbt_url"))) as reader:
        assert not upkeep.refresh_statistics(reader)
    assert "`analyze market.prices` as the owner" in caplog.text
