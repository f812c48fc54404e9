"""FX_DAILY for what the ECB lacks, in a real warehouse: what is asked for, and which bars an answer reaches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg2
import pytest
from market_rows import FRIDAY, MONDAY, add_bar, all_of, forget_marks, listing, weeks_of
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import DailyLimitReached
from hedge_master.ingestion import companies, fx_daily, fx_rates
from hedge_master.ingestion.budget import Limits
from hedge_master.ingestion.fx_daily import FxReport, RateCall
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.rate_store import Source, Stored, store_rates
from hedge_master.sample_market.clock_client import set_market_date
from hedge_master.sample_market.fx import taiwan_dollar
from hedge_master.settings import Settings
from scripted_server import Line, ScriptedServer

UNLIMITED, FREE_KEY = Limits(), Limits(1, 0, 25)


class Syncing:
    """Runs of FX_DAILY, each of its own market date, against one server."""

    def __init__(self, warehouse: Connection, calls: Connection, url: str) -> None:
        self._warehouse, self._calls, self._url = warehouse, calls, url

    def run(self, until: date, limits: Limits = UNLIMITED, budget: Any = None) -> FxReport:
        run_id = f"sync_fx_rates/{until}"
        all_of(
            self._warehouse,
            f"insert into market.market_dates values ('{run_id}', '{until}', 'sample market') "
            "on conflict do nothing returning 1",
        )
        calls = fx_daily.due(self._warehouse, until, limits)
        with AlphaVantageClient(self._url, "key", budget or NoLimit()) as client:
            ledger = Ledger(self._calls, run_id, "rates")
            return fx_daily.sync_fx_daily(client, ledger, self._warehouse, until, calls)


@pytest.fixture
def calls(warehouse_settings: Settings) -> Iterator[Connection]:
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as connection:
        yield connection


def asked(warehouse: Connection) -> list[tuple[Any, ...]]:
    return all_of(warehouse, "select symbol, outputsize, outcome from market.api_calls order by requested_at")


def test_taiwan_dollars_appear_and_mark_their_own_weeks(
    ingest: Connection, calls: Connection, open_market: Callable[..., Settings]
) -> None:
    """The ECB has no TWD. A Taipei bar of 2001, one of Thursday and one of Friday, the market date: Friday's own rate
    is not final yet, so that Thursday's serves; on Monday Friday's own takes its place, and nothing else moves."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    old, thursday = date(2001, 3, 7), FRIDAY - timedelta(days=1)
    with ingest:
        companies.store(ingest, [listing("SIMX5.TAI", "TWD"), listing("BBB", "GBP"), listing("AAA")], FRIDAY)
    for day in (old, thursday, FRIDAY):
        add_bar(ingest, "SIMX5.TAI", day, 300.0)
        add_bar(ingest, "BBB", day, 4.0)
    fx_rates.sync_ecb_rates(ingest, FRIDAY, market.ecb_rates_address, market.ecb_daily_rates_address)
    forget_marks(ingest)
    days, units = taiwan_dollar(seed=2020)
    per_dollar = dict(zip(days.astype("datetime64[D]").tolist(), units.tolist(), strict=True))

    syncing = Syncing(ingest, calls, market.sample_market_url)
    report = syncing.run(FRIDAY)
    assert (report.asked, report.repriced, report.failed) == (1, 3, 0)
    assert report.rates == int(np.sum(days < np.datetime64(FRIDAY)))
    query = "select close_usd, fx_date from market.prices join market.symbols using (symbol_id) where currency = 'TWD'"
    expected = [300 / per_dollar[old], 300 / per_dollar[thursday], 300 / per_dollar[thursday]]
    found = all_of(ingest, query + " order by day")
    assert [rate_day for _, rate_day in found] == [old, thursday, thursday]
    assert [usd for usd, _ in found] == pytest.approx(expected, rel=1e-4)
    assert weeks_of(ingest, "SIMX5.TAI") == [date(2001, 3, 5), date(2020, 6, 8)]
    assert weeks_of(ingest, "BBB") == []
    assert syncing.run(FRIDAY).asked == 0

    forget_marks(ingest)
    set_market_date(market.sample_market_url, MONDAY)
    report = syncing.run(MONDAY)
    assert (report.asked, report.rates, report.repriced) == (1, 1, 1)
    assert all_of(ingest, query + " and day = '2020-06-12'")[0][1] == FRIDAY
    assert weeks_of(ingest, "SIMX5.TAI") == [date(2020, 6, 8)]
    assert asked(ingest) == [("TWD", "full", "stored"), ("TWD", "compact", "stored")]


def test_what_the_bank_began_to_quote_later_is_asked_for_once(
    ingest: Connection, calls: Connection, open_market: Callable[..., Settings]
) -> None:
    """Reais since 2008, rupees since 2009, krones of Iceland not from 2009 to 2017; pence are pounds, always there."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    quoted = {"BRL": 2005, "INR": 2010, "ISK": 2012, "GBX": 2000, "ZAc": 2000, "MXN": 2009}
    with ingest:
        companies.store(ingest, [listing(f"S.{name}", name) for name in quoted], FRIDAY)
    for name, year in quoted.items():
        add_bar(ingest, f"S.{name}", date(year, 6, 1), 10.0)
    fx_rates.sync_ecb_rates(ingest, FRIDAY, market.ecb_rates_address, market.ecb_daily_rates_address)
    wanted = [RateCall("BRL", "full", current=False), RateCall("ISK", "full", current=False)]
    assert fx_daily.due(ingest, FRIDAY, UNLIMITED) == wanted
    syncing = Syncing(ingest, calls, market.sample_market_url)
    assert syncing.run(FRIDAY).asked == 2  # the sample market's FX_DAILY is the ECB's: it has no more than that
    assert fx_daily.due(ingest, MONDAY, UNLIMITED) == []


def test_on_a_daily_budget_an_answer_serves_five_market_days(
    ingest: Connection, calls: Connection, open_market: Callable[..., Settings]
) -> None:
    """Asked on Friday the 12th, then on Friday the 19th: the bars between have the rate of the 11th, 7 days old at
    most."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    with ingest:
        companies.store(ingest, [listing("SIMX5.TAI", "TWD")], FRIDAY)
    syncing = Syncing(ingest, calls, market.sample_market_url)
    made = []
    for day in (12, 15, 16, 17, 18, 19, 22):
        until = date(2020, 6, day)
        set_market_date(market.sample_market_url, until)
        made.append((day, syncing.run(until, FREE_KEY).asked))
        add_bar(ingest, "SIMX5.TAI", until, 300.0)
    assert made == [(12, 1), (15, 0), (16, 0), (17, 0), (18, 0), (19, 1), (22, 0)]
    reached = all_of(
        ingest,
        "select count(*) from market.prices, lateral market.usd_rate('TWD', day) where day <= '2020-06-22'",
    )
    assert reached == [(7,)]


def fx_answer(currency: str, **closes: float) -> bytes:
    """An FX_DAILY answer; days as d2020_06_12."""
    bars = {
        day[1:].replace("_", "-"): {name: str(close) for name in ("1. open", "2. high", "3. low", "4. close")}
        for day, close in closes.items()
    }
    about = {"2. From Symbol": "USD", "3. To Symbol": currency, "5. Last Refreshed": "2020-06-12 20:00:00"}
    return json.dumps({"Meta Data": about, "Time Series FX (Daily)": bars}).encode()


def test_a_plan_without_full_histories_gets_the_newest_days(
    ingest: Connection, calls: Connection, serve: Callable[..., ScriptedServer]
) -> None:
    """The full answer is refused once; the compact one is asked in its place, and another day's run starts with it."""
    refusal = json.dumps(
        {"Information": "Thank you. The outputsize=full parameter value is a premium feature for this endpoint."}
    ).encode()
    date_of = {"Date": "Fri, 12 Jun 2020 21:00:00 GMT"}
    answer = Line(fx_answer("TWD", d2020_06_12=40.0, d2020_06_11=30.0), headers=date_of)
    api = serve(refusal, answer)
    with ingest:
        companies.store(ingest, [listing("T.TAI", "TWD")], FRIDAY)
    add_bar(ingest, "T.TAI", FRIDAY, 300.0)
    syncing = Syncing(ingest, calls, api.url)
    report = syncing.run(FRIDAY)
    assert report.without_history == ["TWD"]
    assert [each["outputsize"] for each in api.asked] == ["full", "compact"]
    assert all_of(ingest, "select close_usd, fx_date from market.prices") == [(10.0, date(2020, 6, 11))]
    assert fx_daily.due(ingest, MONDAY, UNLIMITED) == [RateCall("TWD", "compact", current=True)]


def test_a_day_without_calls_is_no_failure(
    ingest: Connection, calls: Connection, serve: Callable[..., ScriptedServer]
) -> None:
    class Spent(NoLimit):
        def reserve(self, announce: Callable[[], None] | None = None) -> None:
            raise DailyLimitReached("spent")

    with ingest:
        companies.store(ingest, [listing("T.TAI", "TWD"), listing("V.VN", "VND")], FRIDAY)
    report = Syncing(ingest, calls, serve(b"{}").url).run(FRIDAY, FREE_KEY, Spent())
    assert (report.asked, report.left, report.failed) == (0, 2, 0)


def test_a_pair_that_the_api_does_not_have_is_asked_no_more_today(
    ingest: Connection, calls: Connection, serve: Callable[..., ScriptedServer]
) -> None:
    unknown = json.dumps({"Error Message": "Invalid API call. Please retry or visit the documentation."}).encode()
    with ingest:
        companies.store(ingest, [listing("Q.QQ", "QQQ")], FRIDAY)
    syncing = Syncing(ingest, calls, serve(unknown).url)
    assert syncing.run(FRIDAY).counts() == FxReport(asked=1).counts()
    assert syncing.run(FRIDAY).asked == 0
    assert asked(ingest) == [("QQQ", "full", "nothing_there")]


# --- the one way in -------------------------------------------------------------------------------------------------


def test_the_bank_wins_where_both_have_a_rate_of_the_day(ingest: Connection) -> None:
    """Alpha Vantage says 2 and 3, the bank says 2.5 for Friday: Friday is the bank's from then on, Monday stays."""
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP")], FRIDAY)
    add_bar(ingest, "BBB", FRIDAY, 4.0)
    add_bar(ingest, "BBB", MONDAY, 4.0)
    with ingest:
        given = [("GBP", FRIDAY, 2.0), ("GBP", MONDAY, 3.0)]
        assert store_rates(ingest, given, Source.ALPHA_VANTAGE) == Stored(rates=2, repriced=2)
    forget_marks(ingest)
    with ingest:
        assert store_rates(ingest, [("GBP", FRIDAY, 2.5)], Source.ECB) == Stored(rates=1, repriced=1)
    with ingest:
        assert store_rates(ingest, given, Source.ALPHA_VANTAGE) == Stored(rates=0, repriced=0)
    assert all_of(ingest, "select close_usd from market.prices order by day") == [(10.0,), (12.0,)]
    assert weeks_of(ingest, "BBB") == [date(2020, 6, 8), MONDAY]  # Monday's return starts from Friday's close


def test_a_late_and_a_corrected_rate_of_alpha_vantage_reach_their_bars_only(ingest: Connection) -> None:
    """TWD of 1 June and of 12 June; then the first is another one: the bar of 2 June moves, that of the 12th stays."""
    with ingest:
        companies.store(ingest, [listing("T.TAI", "TWD")], FRIDAY)
    for day in (date(2020, 6, 2), date(2020, 6, 9), FRIDAY):
        add_bar(ingest, "T.TAI", day, 300.0)
    first = [("TWD", date(2020, 6, 1), 0.04), ("TWD", FRIDAY, 0.05)]
    with ingest:
        assert store_rates(ingest, first, Source.ALPHA_VANTAGE) == Stored(rates=2, repriced=2)
    assert all_of(ingest, "select close_usd from market.prices order by day") == [(12.0,), (None,), (15.0,)]
    forget_marks(ingest)
    with ingest:
        corrected = [("TWD", date(2020, 6, 1), 0.02), ("TWD", FRIDAY, 0.05)]
        assert store_rates(ingest, corrected, Source.ALPHA_VANTAGE) == Stored(rates=1, repriced=1)
    assert all_of(ingest, "select close_usd from market.prices order by day") == [(6.0,), (None,), (15.0,)]
    assert weeks_of(ingest, "T.TAI") == [date(2020, 6, 1), date(2020, 6, 8)]  # the bar of the 9th returns from it


def test_a_rate_that_only_changes_hands_is_as_old_as_it_was(ingest: Connection) -> None:
    with ingest:
        store_rates(ingest, [("GBP", FRIDAY, 1.25)], Source.ECB_SEED)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    all_of(ingest, f"update market.fx_rates set known_since = '{long_ago}' returning 1")
    with ingest:
        assert store_rates(ingest, [("GBP", FRIDAY, 1.25)], Source.ECB) == Stored(rates=0, repriced=0)
    assert all_of(ingest, "select source, known_since from market.fx_rates") == [("ECB", long_ago)]
