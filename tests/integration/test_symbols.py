"""Which symbols exist, asked of an API whose day may be spent: nothing is lost, nothing is asked twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any, cast

import psycopg2
import pytest
from alpha_vantage_stub import AlphaVantageStub, listed
from market_rows import FRIDAY, MONDAY, all_of
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import KeyRefused, ServerFault, UnknownSymbol
from hedge_master.ingestion import symbols
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.searches import GIVEN, Generate, Refining, generated, past_searches
from hedge_master.settings import Settings

# AA to AN and BA to BC: the answer to "a" is full and hides four, the one to "b" is not.
COMPANIES = [*(f"A{letter}" for letter in "ABCDEFGHIJKLMN"), "BA", "BB", "BC"]


class Runs:
    """Runs of sync_symbols on one warehouse, each with a market date of its own."""

    def __init__(self, warehouse: Connection, calls: Connection) -> None:
        self.warehouse = warehouse
        self._calls = calls

    def _start(self, run_id: str, day: date) -> Ledger:
        with self.warehouse, self.warehouse.cursor() as cursor:
            cursor.execute(
                "insert into market.market_dates (run_id, market_date, source) values (%s, %s, 'data interval') "
                "on conflict do nothing",
                (run_id, day),
            )
        return Ledger(self._calls, run_id, "symbols")

    def list(self, api: AlphaVantageStub, day: date = FRIDAY, **options: float) -> dict[str, int]:
        ledger = self._start(f"list/{day}", day)
        return symbols.sync_listings(cast(AlphaVantageClient, api), ledger, self.warehouse, day, **options)

    def search(
        self,
        api: AlphaVantageStub,
        run_id: str,
        day: date,
        keywords: list[str],
        refining: Refining = GIVEN,
        again_after_days: int = 0,
    ) -> dict[str, int]:
        ledger = self._start(run_id, day)
        with self.warehouse:
            past = past_searches(self.warehouse, run_id, day, again_after_days)
        client = cast(AlphaVantageClient, api)
        return symbols.sync_searched(client, ledger, self.warehouse, day, keywords, refining, past)

    def generate(self, api: AlphaVantageStub, run_id: str, day: date, again_after_days: int = 30) -> dict[str, int]:
        return self.search(api, run_id, day, *generated(Generate.LETTERS, 2), again_after_days)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return all_of(self.warehouse, query)


@pytest.fixture
def runs(ingest: Connection, warehouse_settings: Settings) -> Iterator[Runs]:
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as calls:
        yield Runs(ingest, calls)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other call is in flight, so that the order of the answers is that of the questions."""
    monkeypatch.setattr(symbols, "CALLS_IN_FLIGHT", 1)


def test_listings_are_stored_and_both_calls_closed(runs: Runs) -> None:
    api = AlphaVantageStub()
    api.active, api.delisted = [listed("AAA"), listed("BBB")], [listed("CCC", ended="2019-11-29")]
    report = runs.list(api)
    assert (report["listed"], report["added"], report["vanished"], report["left"]) == (3, 3, 0, 0)
    assert runs.ask("select symbol, status, currency, region from market.symbols order by 1") == [
        ("AAA", "active", "USD", "United States"),
        ("BBB", "active", "USD", "United States"),
        ("CCC", "delisted", "USD", "United States"),
    ]
    assert runs.ask("select symbol, outcome, rows from market.api_calls order by 1") == [
        ("active", "stored", 2),
        ("delisted", "stored", 1),
    ]


def test_half_a_list_is_refused_and_changes_nothing(runs: Runs) -> None:
    """Four of ten are missing, one of them because it was delisted. Two may be, unless the operator says more."""
    api = AlphaVantageStub()
    api.active = [listed(f"S{number}") for number in range(10)]
    runs.list(api)
    api.active, api.delisted = api.active[4:], [listed("S0", ended="2020-06-12")]
    with pytest.raises(
        symbols.HalfAnswer, match=r"3 of 10 known listings are neither active nor delisted any more, more than 20%"
    ):
        runs.list(api, MONDAY)
    assert runs.ask("select count(*) from market.symbols where status = 'active'") == [(10,)]
    assert runs.ask("select outcome, count(*) from market.api_calls group by 1 order by 1") == [
        ("failed", 2),
        ("stored", 2),
    ]
    report = runs.list(api, MONDAY, most_lost_share=0.3)
    assert (report["delisted"], report["vanished"]) == (1, 3)
    assert runs.ask("select symbol from market.symbols where status = 'delisted'") == [("S0",)]
    # The three that vanished are still kept as active: the loss was accepted, and does not stop the next run.
    assert runs.list(api, MONDAY)["vanished"] == 3


def test_a_fifth_of_the_listings_may_go(runs: Runs) -> None:
    api = AlphaVantageStub()
    api.active = [listed(f"S{number}") for number in range(10)]
    runs.list(api)
    api.active = api.active[2:]
    assert runs.list(api, MONDAY)["vanished"] == 2


def test_a_day_that_is_spent_between_the_two_listing_calls_stores_neither(runs: Runs) -> None:
    api = AlphaVantageStub(left=1)
    api.active, api.delisted = [listed("AAA")], [listed("CCC", ended="2019-11-29")]
    report = runs.list(api)
    assert (report["left"], report["added"]) == (2, 0)
    assert runs.ask("select symbol, outcome, attempts from market.api_calls") == [("delisted", "refused", 1)]
    api.left = 2
    assert runs.list(api)["added"] == 2


def test_the_age_of_the_listings_is_counted_in_market_days(runs: Runs) -> None:
    api = AlphaVantageStub()
    assert symbols.listings_age(runs.warehouse, MONDAY) is None
    runs.list(api, FRIDAY)
    assert symbols.listings_age(runs.warehouse, MONDAY) == timedelta(days=3)
    api.left = 0
    runs.list(api, MONDAY)
    assert symbols.listings_age(runs.warehouse, MONDAY) == timedelta(days=3)  # that one brought nothing


def test_generated_keywords_go_on_after_a_spent_day_and_none_is_asked_twice(runs: Runs) -> None:
    """26 letters, and 36 more for the full answer to "a": 62 calls at 25 a day are three days, and not a call more."""
    api = AlphaVantageStub(COMPANIES)
    reports = []
    for day in range(3):
        api.left = 25
        reports.append(runs.generate(api, f"run {day}", FRIDAY + timedelta(days=day)))
    assert [report["asked"] for report in reports] == [25, 25, 12]
    assert [report["left"] for report in reports] == [37, 12, 0]
    assert set(Counter(api.calls).values()) == {1}
    assert len(api.calls) == 62
    assert runs.ask("select count(*) from market.symbols") == [(17,)]


def test_a_generated_keyword_is_asked_again_when_its_answer_is_old(runs: Runs) -> None:
    api = AlphaVantageStub(COMPANIES)
    runs.generate(api, "first", FRIDAY)
    assert runs.generate(api, "29 days later", FRIDAY + timedelta(days=29))["asked"] == 0
    assert runs.generate(api, "30 days later", FRIDAY + timedelta(days=30))["asked"] == 62


@pytest.mark.usefixtures("one_at_a_time")
def test_a_run_that_is_tried_again_asks_only_what_it_has_no_answer_to(runs: Runs) -> None:
    """The first try is cut off by a refused key; "a" was answered and is refined in the second without another call."""
    api = AlphaVantageStub(COMPANIES)
    api.faults["zz"] = KeyRefused("mend the key")
    with pytest.raises(KeyRefused):
        runs.search(api, "run", FRIDAY, ["A", "zz"])
    api.faults.clear()
    api.calls.clear()
    report = runs.search(api, "run", FRIDAY, ["A", "zz"])
    assert "A" not in api.calls
    assert sorted(api.calls) == sorted(["zz", *(f"A{digit}" for digit in "0123456789")])
    assert report["asked"] == 11


def test_what_is_in_flight_when_the_key_is_refused_is_stored_all_the_same(runs: Runs) -> None:
    api = AlphaVantageStub(COMPANIES)
    api.faults["zz"] = KeyRefused("mend the key")
    with pytest.raises(KeyRefused):
        runs.search(api, "run", FRIDAY, ["zz", "BA", "BB", "BC"])
    outcomes = dict(runs.ask("select symbol, outcome from market.api_calls"))
    assert outcomes == dict.fromkeys(api.calls, "stored") | {"zz": "refused"}


@pytest.mark.usefixtures("one_at_a_time")
def test_of_given_keywords_those_come_first_that_were_not_asked_for_longest(runs: Runs) -> None:
    """Three keywords, two calls a day: each is asked in turn."""
    api = AlphaVantageStub(COMPANIES)
    asked = []
    for day in range(3):
        api.left, before = 2, len(api.calls)
        report = runs.search(api, f"run {day}", FRIDAY + timedelta(days=day), ["BA", "BB", "BC"])
        assert report["left"] == 1
        asked.append(set(api.calls[before:]))
    assert asked == [{"BA", "BB"}, {"BC", "BA"}, {"BB", "BC"}]


def test_a_search_without_region_and_currency_is_completed_by_the_suffix(runs: Runs) -> None:
    runs.search(AlphaVantageStub(["BA"]), "run", FRIDAY, ["BA"])
    assert runs.ask("select symbol, region, currency, timezone from market.symbols") == [
        ("BA.LON", "United Kingdom", "GBX", "UTC+01")
    ]


def test_a_failed_search_is_counted_and_too_many_fail_the_run_after_the_rest_is_stored(runs: Runs) -> None:
    """One of 21 is less than a twentieth, two are more. A keyword that the API calls invalid has its answer."""
    keywords = [f"B{number}" for number in range(20)] + ["BA"]
    api = AlphaVantageStub(COMPANIES)
    api.faults = {"B1": ServerFault("HTTP 503"), "B2": UnknownSymbol("Invalid API call")}
    assert runs.search(api, "good", FRIDAY, keywords)["failed"] == 1
    api.faults["B3"] = ServerFault("HTTP 503")
    with pytest.raises(symbols.SearchesFailed, match=r"2 of 21 searches failed"):
        runs.search(api, "bad", MONDAY, keywords)
    assert runs.ask("select outcome, count(*) from market.api_calls where run_id = 'bad' group by 1 order by 1") == [
        ("failed", 2),
        ("nothing_there", 1),
        ("stored", 18),
    ]
