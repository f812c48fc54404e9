"""What the tasks of sync_fx_rates, sync_splits and sync_earnings do, on a real warehouse and a sample market; Airflow's
part, the connections and the run, is played here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Semaphore

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from market_rows import FRIDAY, add_bar, all_of, listing
from played_connections import budget_in, warehouse_at
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.budget import CallBudget, NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import DailyLimitReached
from hedge_master.ingestion import companies
from hedge_master.ingestion.budget import Limits
from hedge_master.ingestion.fx_rates import RatesUnavailable
from hedge_master.ingestion.reference_plan import stalest_splits
from hedge_master.orchestration import reference_tasks
from hedge_master.settings import Settings

Play = Callable[..., None]


class OneCall(NoLimit):
    """A day that has one call left, whichever thread takes it."""

    def __init__(self) -> None:
        self._left = Semaphore(1)

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        if not self._left.acquire(blocking=False):
            raise DailyLimitReached("0 left")
        super().reserve(announce)


@pytest.fixture
def play(
    monkeypatch: pytest.MonkeyPatch,
    ingest: Connection,
    open_market: Callable[..., Settings],
    warehouse_settings: Settings,
) -> Play:
    """Puts the tasks into a run of Friday, 12 June 2020; `calls`: the client's budget (none: no limit), `changed`:
    settings that are other ones."""
    warehouse = warehouse_at(warehouse_settings.required("warehouse_ingest_url"))
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    all_of(ingest, f"insert into market.market_dates values ('r', '{FRIDAY}', 'sample market') returning 1")

    def start(calls: CallBudget | None = None, **changed: str) -> None:
        settings = market.model_copy(update=changed)

        @contextmanager
        def alpha_vantage() -> Iterator[AlphaVantageClient]:
            with AlphaVantageClient(market.sample_market_url, "key", calls or NoLimit()) as client:
                yield client

        for name, part in (
            ("load_settings", lambda: settings),
            ("start_run", lambda: FRIDAY),
            ("run_id", lambda: "r"),
            ("limits", Limits),
            ("warehouse", warehouse),
            ("alpha_vantage", alpha_vantage),
            ("budget", budget_in(warehouse, market.sample_market_url, Limits())),
        ):
            monkeypatch.setattr(reference_tasks, name, part)

    return start


def test_rates_come_from_the_bank_and_from_fx_daily(ingest: Connection, play: Play) -> None:
    """A pound and a Taiwan dollar, each with one bar; a second run has nothing to do."""
    play()
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP"), listing("T.TAI", "TWD")], FRIDAY)
    for symbol in ("BBB", "T.TAI"):
        add_bar(ingest, symbol, FRIDAY, 100.0)
    counts = reference_tasks.sync_rates()
    assert (counts["asked"], counts["failed"], counts["left"], counts["touched"]) == (1, 0, 0, 2)
    assert all_of(ingest, "select count(*) from market.prices where close_usd is null") == [(0,)]
    assert reference_tasks.announce_changes(counts) == "2 touched"
    again = reference_tasks.sync_rates(whole_history=True)
    assert (again["asked"], again["rates"], again["touched"]) == (0, 0, 0)
    with pytest.raises(AirflowSkipException):
        reference_tasks.announce_changes(again)


def test_a_bank_that_cannot_be_reached_stops_fx_daily_not(ingest: Connection, play: Play, pauses: list[float]) -> None:
    """One rate is stored, so that this is no first load and there is no seed."""
    play(ecb_rates_url="http://127.0.0.1:9/h.zip", ecb_daily_rates_url="http://127.0.0.1:9/d.zip")
    with ingest:
        companies.store(ingest, [listing("T.TAI", "TWD")], FRIDAY)
    all_of(ingest, f"insert into market.fx_rates values ('EUR', '{FRIDAY}', 1.1, 'ECB') returning 1")
    with pytest.raises(RatesUnavailable, match=r"HM_ECB_RATES_URL"):
        reference_tasks.sync_rates()
    assert all_of(ingest, "select count(*) > 5000 from market.fx_rates where currency = 'TWD'") == [(True,)]


def test_splits_are_asked_for_by_their_age_and_never_twice_in_a_run(ingest: Connection, play: Play) -> None:
    """Four that trade: BBB was asked long ago, CCC a little later, AAA and DDD never; OLD is delisted, only by name."""
    play()
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in ("AAA", "BBB", "CCC", "DDD")], FRIDAY)
        companies.store(ingest, [listing("OLD", status="delisted")], FRIDAY)
    all_of(ingest, "update market.symbols set added_at = '2020-01-01' returning 1")
    for symbol, day in (("BBB", 1), ("CCC", 2)):
        all_of(
            ingest,
            f"""insert into market.api_calls (request_id, run_id, purpose, function, symbol, requested_at, outcome)
            values (gen_random_uuid(), 'before', 'splits', 'SPLITS', '{symbol}', '2020-06-0{day}', 'stored')
            returning 1""",
        )
    assert stalest_splits(ingest, "r", []) == ["AAA", "DDD", "BBB", "CCC"]
    assert stalest_splits(ingest, "r", ["CCC", "OLD"]) == ["OLD", "CCC"]
    with pytest.raises(LookupError, match=r"not in market\.symbols: YYY, ZZZ"):
        stalest_splits(ingest, "r", ["ZZZ", "AAA", "YYY"])

    first = reference_tasks.sync_splits({"symbols": None, "limit": 3})
    assert (first["asked"], first["left"], first["touched"]) == (3, 1, 0)
    with pytest.raises(AirflowSkipException, match="1 of 4 left"):
        reference_tasks.report_left(first)
    assert stalest_splits(ingest, "r", []) == ["CCC"]
    assert reference_tasks.sync_splits({"symbols": None, "limit": 3})["asked"] == 0  # the same run: its 3 are spent


def test_what_the_day_has_no_call_for_is_left_and_did_not_fail(ingest: Connection, play: Play) -> None:
    play(calls=OneCall())
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in ("AAA", "BBB", "CCC", "DDD")], FRIDAY)
    counts = reference_tasks.sync_splits({"symbols": None, "limit": 4})
    assert (counts["asked"], counts["failed"], counts["left"]) == (1, 0, 3)


def test_earnings_are_asked_for_within_the_limit_of_the_run(ingest: Connection, play: Play) -> None:
    play()
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in ("AAA", "BBB", "CCC")], FRIDAY)
    form = {"horizon": "3month", "limit": 2}
    assert "left" not in reference_tasks.sync_calendar(form)
    counts = reference_tasks.sync_reports(form)
    assert (counts["asked"], counts["left"]) == (2, 1)
    assert reference_tasks.sync_reports(form)["asked"] == 0


@pytest.mark.parametrize(
    ("counts", "most_failed", "end"),
    [
        ({"asked": 2, "left": 0, "failed": 0, "rates": 5}, 0, "2 asked, 5 rates"),
        ({"asked": 0, "left": 0, "failed": 0}, 0, "nothing new"),
        ({"asked": 2, "left": 0, "failed": 1}, None, "2 asked, 1 failed"),
        ({"asked": 2, "left": 1, "failed": 0}, 0, AirflowSkipException),
        ({"asked": 2, "left": 0, "failed": 1}, 0, AirflowFailException),
    ],
)
def test_the_end_of_a_run_says_what_became_of_it(
    play: Play, counts: dict[str, int], most_failed: int | None, end: str | type[Exception]
) -> None:
    play()
    if isinstance(end, str):
        assert reference_tasks.report_left(counts, most_failed=most_failed) == end
    else:
        with pytest.raises(end):
            reference_tasks.report_left(counts, most_failed=most_failed)


def test_a_calendar_that_the_day_had_no_call_for_is_left_too(play: Play) -> None:
    play()
    with pytest.raises(AirflowSkipException, match="1 of 3 left"):
        reference_tasks.report_left({"asked": 2, "left": 0, "failed": 0}, {"left": 1})
