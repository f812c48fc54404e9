"""What the publishing tasks do, on a real warehouse and a real broker; Airflow's part and the API are played here."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from alpha_vantage_stub import AlphaVantageStub
from confluent_kafka import Producer
from market_rows import FRIDAY, add_bar, all_of, listing
from played_connections import budget_in, warehouse_at
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import Answer
from hedge_master.alpha_vantage.errors import CalledOff, DailyLimitReached, HttpRefused, KeyRefused
from hedge_master.ingestion import companies, publisher
from hedge_master.ingestion.budget import Limits
from hedge_master.ingestion.publisher import PublishingFailed
from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES
from hedge_master.operations import progress
from hedge_master.orchestration import symbol_tasks, tasks
from hedge_master.settings import Settings

ONE_BAR = json.dumps({"Time Series (Daily)": {"2020-06-12": {}}})
FORM = {"symbols": None, "regions": None, "currencies": None, "types": None, "refresh": False, "dry_run": False}
LIMITS = Limits(per_minute=1, per_day=25)  # two symbols a chunk: five minutes, two calls each


class Api:
    """One bar of every symbol, or its body in `bodies`, and no splits. Counts what it is asked.

    The day is spent for those in `too_late`; those `between_tries` are to be asked again when the run is stopped.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.bodies: dict[str, str] = {}
        self.too_late: set[str] = set()
        self.between_tries: set[str] = set()
        self._stopped: Callable[[], bool] = lambda: False

    def until(self, stopped: Callable[[], bool]) -> Api:
        view = copy(self)
        view._stopped = stopped
        return view

    def announcing(self, announce: Callable[[], None]) -> SimpleNamespace:
        def daily_prices(symbol: str, _outputsize: str) -> Answer:
            if symbol in self.too_late:
                announce()
                raise DailyLimitReached("25 requests per day")
            if symbol in self.between_tries:
                announce()
                deadline = time.monotonic() + 10
                while not self._stopped():
                    assert time.monotonic() < deadline, "nobody stopped the run"
                    time.sleep(0.01)
                raise CalledOff("the API was to be asked no more")
            return self._answer("prices", announce, self.bodies.get(symbol, ONE_BAR))

        def splits(symbol: str) -> Answer:
            return self._answer(f"splits of {symbol}", announce, "effective_date,split_factor\r\n")

        return SimpleNamespace(daily_prices=daily_prices, splits=splits)

    def _answer(self, what: str, announce: Callable[[], None], body: str) -> Answer:
        announce()
        self.asked[what] += 1
        now = datetime.now(UTC)
        return Answer(body.encode(), now, now)


@pytest.fixture
def api(
    ingest: Connection, broker: Settings, warehouse_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    """Puts the tasks into a run of Friday, 12 June 2020."""
    warehouse, played = warehouse_at(warehouse_settings.required("warehouse_ingest_url")), Api()
    all_of(ingest, f"insert into market.market_dates values ('r', '{FRIDAY}', 'sample market') returning 1")

    @contextmanager
    def alpha_vantage() -> Iterator[Api]:
        yield played

    kafka = {"bootstrap.servers": broker.kafka_servers, "message.max.bytes": MAX_MESSAGE_BYTES, "log_level": 0}
    parts: dict[str, Any] = {
        "load_settings": lambda: broker,
        "start_run": lambda: FRIDAY,
        "run_id": lambda: "backfill_price_history/r",
        "limits": lambda: LIMITS,
        "warehouse": warehouse,
        "alpha_vantage": alpha_vantage,
        "budget": budget_in(warehouse, "https://api.example", LIMITS),
        "kafka_producer": lambda: Producer(kafka),
    }
    for name, part in parts.items():
        monkeypatch.setattr(tasks, name, part)
        monkeypatch.setattr(symbol_tasks, name, part, raising=False)
    yield played


def test_a_backfill_keeps_to_its_limit_whatever_becomes_suspect_while_it_runs(ingest: Connection, api: Api) -> None:
    """C jumped before the run was planned: 5 calls in all. A and D jump when the run has begun: not its matter."""
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in "ABCDE"], FRIDAY)
    for symbol, second in (("A", 100.0), ("C", 10.0), ("D", 100.0)):
        add_bar(ingest, symbol, date(2020, 6, 10), 100.0)
        add_bar(ingest, symbol, date(2020, 6, 11), second)

    planned = tasks.plan_history(FORM | {"limit": 5})
    assert planned["chunks"] == [(0, 2), (2, 4)], "A to D, with one call for the splits of C"
    for symbol in "AD":
        add_bar(ingest, symbol, FRIDAY, 10.0)
    for first, until in planned["chunks"]:
        tasks.publish(planned["market_date"], first, until)

    assert api.asked == {"prices": 4, "splits of C": 1}


@pytest.mark.usefixtures("api")
def test_listings_that_cannot_be_had_keep_no_price_but_a_refused_key_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listings = AlphaVantageStub()
    monkeypatch.setattr(symbol_tasks, "alpha_vantage", lambda: nullcontext(listings))
    listings.faults["delisted"] = HttpRefused("HTTP 403")
    assert symbol_tasks.sync_listings_for_the_day() == "HttpRefused: HTTP 403"
    listings.faults["delisted"] = KeyRefused("no")
    with pytest.raises(KeyRefused):
        symbol_tasks.sync_listings_for_the_day()


def test_an_answer_too_large_for_kafka_keeps_back_no_other_and_the_run_fails_at_its_end(
    ingest: Connection, api: Api
) -> None:
    """The first try of the chunk publishes B and fails for A; the second has nothing to buy: B goes on."""
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in "AB"], FRIDAY)
    api.bodies["A"] = " " * (MAX_MESSAGE_BYTES + 1)
    planned = tasks.plan_history(FORM | {"limit": 0})
    with pytest.raises(PublishingFailed, match="1 messages: A: 8,388,609 bytes, a message holds 8,388,608"):
        tasks.publish(planned["market_date"], 0, 2)
    assert all_of(ingest, "select symbol, outcome, bytes from market.api_calls order by 1") == [
        ("A", "failed", MAX_MESSAGE_BYTES + 1),
        ("B", "published", len(ONE_BAR)),
    ]
    assert tasks.publish(planned["market_date"], 0, 2)["asked"] == 0
    with pytest.raises(AirflowFailException, match=r"1 of 2 left, 1 of them failed.*MessageTooLarge: A: 8,388,609"):
        tasks.conclude_run([])


def test_a_day_that_is_spent_while_others_are_between_two_tries_fails_no_run(ingest: Connection, api: Api) -> None:
    symbols = [f"S{number:02}" for number in range(27)]
    with ingest:
        companies.store(ingest, [listing(symbol) for symbol in symbols], FRIDAY)
    api.between_tries, api.too_late = set(symbols[:2]), {symbols[-1]}
    planned = tasks.plan_history(FORM | {"limit": 0})
    report = tasks.publish(planned["market_date"], 0, 27)
    assert (report["published"], report["failed"], report["left"]) == (24, 0, 3)
    assert all_of(ingest, "select outcome, count(*) from market.api_calls group by 1 order by 1") == [
        ("lost", 2),
        ("published", 24),
        ("refused", 1),
    ]
    with pytest.raises(AirflowSkipException, match=r"^3 of 27 left, the next run goes on$"):
        tasks.conclude_run([])


def test_the_line_of_progress_is_read_beside_the_ledger_and_leaves_no_transaction_open(
    ingest: Connection, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long look at the ledger keeps no call from being written down, and a run of an hour holds no snapshot open."""
    with ingest:
        companies.store(ingest, [listing("A")], FRIDAY)
    told: set[tuple[int, int]] = set()

    def line_of(warehouse: Connection, *rest: Any) -> str:
        line = progress.line_of(warehouse, *rest)
        told.add((warehouse.info.backend_pid, warehouse.info.transaction_status))
        return line

    monkeypatch.setattr(publisher, "PROGRESS_SECONDS", 0)
    monkeypatch.setattr(tasks, "line_of", line_of)
    planned = tasks.plan_history(FORM | {"limit": 0})
    tasks.publish(planned["market_date"], 0, 1)
    ((reader, status),) = told
    ((writer,),) = all_of(ingest, "select distinct split_part(session, '@', 1)::integer from market.api_calls")
    assert reader != writer
    assert status == TRANSACTION_STATUS_IDLE
