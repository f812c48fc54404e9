"""When companies report, in a real warehouse: the calendar ahead, past dates, and what becomes of a date that moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import psycopg2
import pytest
from market_rows import FRIDAY, add_bar, all_of, listing
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.answers import matches
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.earnings import QuarterlyEarnings, ReportToCome
from hedge_master.alpha_vantage.errors import DailyLimitReached, PremiumOnly
from hedge_master.ingestion import companies
from hedge_master.ingestion.earnings import EarningsUnknown, ReportsReport, due, sync_calendar, sync_reports
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.report_store import Stored, store_calendar, store_reports
from hedge_master.sample_market.clock_client import set_market_date
from hedge_master.settings import Settings
from scripted_server import Line, ScriptedServer, Serve

MARCH, JUNE = date(2020, 3, 31), date(2020, 6, 30)
MORNING, NOON = (datetime(2020, 6, 12, hour, tzinfo=UTC) for hour in (8, 12))
CALENDAR = b"symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay\n"


class Calls(NoLimit):
    """A day's budget of so many calls."""

    def __init__(self, left: int) -> None:
        self.left = left

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        if not self.left:
            raise DailyLimitReached("25 requests per day")
        self.left -= 1
        super().reserve(announce)

    def refused_for_today(self, asked_at: datetime) -> None:
        self.left = 0


class Syncing:
    """Runs of sync_earnings, each of its own market date."""

    def __init__(self, warehouse: Connection, calls: Connection, url: str) -> None:
        self._warehouse, self._calls, self._url = warehouse, calls, url

    def run(self, until: date, most_calls: int = 100, budget: Any = None) -> tuple[Stored | None, ReportsReport]:
        run_id = f"sync_earnings/{until}"
        all_of(
            self._warehouse,
            f"insert into market.market_dates values ('{run_id}', '{until}', 'sample market') "
            "on conflict do nothing returning 1",
        )
        with AlphaVantageClient(self._url, "key", budget or NoLimit()) as client:
            ledger = Ledger(self._calls, run_id, "earnings")
            calendar = sync_calendar(client, ledger, self._warehouse, "3month")
            return calendar, sync_reports(client, ledger, self._warehouse, until, most_calls)


@pytest.fixture
def calls(warehouse_settings: Settings) -> Iterator[Connection]:
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as connection:
        yield connection


@pytest.fixture
def api(serve: Serve, pauses: list[float]) -> Serve:
    """Starts servers that give the lines in turn; retries have no pauses."""
    return serve


def know(warehouse: Connection, *symbols: str, **changed: Any) -> None:
    with warehouse:
        companies.store(warehouse, [listing(symbol, **changed) for symbol in symbols], FRIDAY)


def to_come(symbol: str, day: date, quarter: date | None = JUNE, **changed: Any) -> ReportToCome:
    return ReportToCome(
        symbol, symbol, day, quarter, changed.get("estimate", 1.0), "USD", changed.get("time_of_day", "pre-market")
    )


def reported(quarter: date, day: date | None, eps: float | None = 1.25, time: str | None = None) -> QuarterlyEarnings:
    return QuarterlyEarnings(quarter, day, eps, None, None, None, time)


def expect(warehouse: Connection, *rows: ReportToCome, at: datetime = MORNING) -> Stored:
    with warehouse:
        return store_calendar(warehouse, rows, at)


def report(warehouse: Connection, symbol: str, *quarters: QuarterlyEarnings, at: datetime = NOON) -> Stored:
    with warehouse:
        return store_reports(warehouse, symbol, quarters, FRIDAY, at)


def stored(warehouse: Connection, columns: str) -> list[tuple[Any, ...]]:
    return all_of(
        warehouse, f"select symbol, {columns} from market.earnings join market.symbols using (symbol_id) order by 1, 2"
    )


def revisions(warehouse: Connection) -> list[tuple[Any, ...]]:
    return all_of(
        warehouse, "select fiscal_end, report_date, known_since, known_until, reason from market.earnings_revisions"
    )


def test_a_companys_dates_are_stored_once_whatever_comes_when(
    ingest: Connection, calls: Connection, open_market: Callable[..., Settings]
) -> None:
    """In June all that was reported and what is expected of US companies; in September one quarter more of each, in the
    place of what was expected."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="8", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    url = market.sample_market_url
    with AlphaVantageClient(url, "key", NoLimit()) as client, ingest:
        companies.store(ingest, matches(client.search("SIM0").body), FRIDAY)
    (known,) = all_of(ingest, "select count(*), count(*) filter (where region = 'United States') from market.symbols")
    assert known[1] >= 1
    syncing = Syncing(ingest, calls, url)
    _, first = syncing.run(FRIDAY)
    assert (first.asked, first.left, first.failed) == (known[0], 0, 0)
    assert due(ingest, FRIDAY) == []

    ((symbol,), *_) = all_of(ingest, "select symbol from market.symbols where region = 'United States' order by 1")
    query = {"function": "EARNINGS", "symbol": symbol, "apikey": "key"}
    told = httpx.get(f"{url}/query", params=query).json()["quarterlyEarnings"]
    rows = all_of(
        ingest,
        f"""select fiscal_end::text, report_date::text, reported_eps, report_time from market.earnings
        join market.symbols using (symbol_id)
        where symbol = '{symbol}' and source = 'EARNINGS' order by 1 desc""",
    )
    assert len(rows) > 40
    assert rows == [
        (each["fiscalDateEnding"], each["reportedDate"], float(each["reportedEPS"]), each["reportTime"])
        for each in told
    ]
    ((ahead, coming_quarter),) = all_of(
        ingest,
        f"""select report_date, fiscal_end from market.earnings join market.symbols using (symbol_id)
        where symbol = '{symbol}' and source = 'EARNINGS_CALENDAR'""",
    )
    assert FRIDAY < ahead <= date(2020, 9, 12)

    later = date(2020, 9, 4)
    set_market_date(url, later)
    calendar, again = syncing.run(later)
    assert calendar is not None
    assert (again.asked, calendar.withdrawn) == (known[0], 0)
    quarter = f"""select report_date, source, count(*) over () from market.earnings
        join market.symbols using (symbol_id) where symbol = '{symbol}' and fiscal_end = '{coming_quarter}'"""
    assert all_of(ingest, quarter) == [(ahead, "EARNINGS", 1)]
    assert syncing.run(later)[1].asked == 0


def test_a_run_that_was_cut_short_goes_on_where_it_ended(
    ingest: Connection, calls: Connection, open_market: Callable[..., Settings]
) -> None:
    """Eight companies, of which one has prices and goes first; 3 calls a run, the calendar's not counted; then a day
    whose budget ends after the calendar and two more."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="8", HM_SAMPLE_MARKET_DATE=FRIDAY.isoformat())
    with AlphaVantageClient(market.sample_market_url, "key", NoLimit()) as client, ingest:
        companies.store(ingest, matches(client.search("SIM0").body), FRIDAY)
    symbols = [symbol for (symbol,) in all_of(ingest, "select symbol from market.symbols order by 1")]
    add_bar(ingest, symbols[5], FRIDAY, 10.0)
    order = [symbols[5], *symbols[:5], *symbols[6:]]
    assert due(ingest, FRIDAY) == order
    syncing = Syncing(ingest, calls, market.sample_market_url)
    _, first = syncing.run(FRIDAY, most_calls=3)
    assert (first.asked, first.left) == (3, len(symbols) - 3)
    _, second = syncing.run(FRIDAY, budget=Calls(3))
    assert (second.asked, second.left, second.failed) == (2, len(symbols) - 5, 0)
    assert second.new > 0
    assert due(ingest, FRIDAY) == order[5:]


def test_a_day_without_a_call_left_is_told_and_no_failure(
    ingest: Connection, calls: Connection, api: Callable[..., ScriptedServer]
) -> None:
    know(ingest, "AAA", "BBB")
    assert Syncing(ingest, calls, api(b"{}").url).run(FRIDAY, budget=Calls(0)) == (None, ReportsReport(left=2))


def test_funds_report_nothing_and_a_company_without_reports_is_left_alone(
    ingest: Connection, calls: Connection, api: Callable[..., ScriptedServer]
) -> None:
    know(ingest, "AAA")
    know(ingest, "SPY", type="ETF")
    know(ingest, "VFX", type="Mutual Fund")
    know(ingest, "OLD", status="delisted")
    assert due(ingest, FRIDAY) == ["AAA"]
    assert Syncing(ingest, calls, api(CALENDAR, b"{}").url).run(FRIDAY)[1].asked == 1
    assert all_of(ingest, "select outcome from market.api_calls where symbol = 'AAA'") == [("nothing_there",)]
    assert due(ingest, FRIDAY + timedelta(days=80)) == []
    assert due(ingest, FRIDAY + timedelta(days=81)) == ["AAA"]


def test_a_company_is_asked_again_when_its_expected_day_is_over(
    ingest: Connection, calls: Connection, api: Callable[..., ScriptedServer]
) -> None:
    """It reported on 1 May, the next one is expected on 20 July; asked on 12 June, and on 21 July it is due."""
    know(ingest, "AAA")
    quarter = {"fiscalDateEnding": "2020-03-31", "reportedDate": "2020-05-01", "reportedEPS": "1.25"}
    answer = json.dumps({"symbol": "AAA", "annualEarnings": [], "quarterlyEarnings": [quarter]}).encode()
    expected = CALENDAR + b"AAA,AAA,2020-07-20,2020-06-30,1.5,USD,\n"
    Syncing(ingest, calls, api(expected, answer).url).run(FRIDAY)
    assert stored(ingest, "report_date, source") == [
        ("AAA", date(2020, 5, 1), "EARNINGS"),
        ("AAA", date(2020, 7, 20), "EARNINGS_CALENDAR"),
    ]
    assert due(ingest, date(2020, 7, 20)) == []
    assert due(ingest, date(2020, 7, 21)) == ["AAA"]


def test_a_run_whose_calls_fail_fails(
    ingest: Connection, calls: Connection, api: Callable[..., ScriptedServer]
) -> None:
    know(ingest, "AAA")
    with pytest.raises(EarningsUnknown, match="1 of 1 calls failed"):
        Syncing(ingest, calls, api(CALENDAR, Line(status=503)).url).run(FRIDAY)
    premium = json.dumps({"Information": "Thank you! This is a premium endpoint."}).encode()
    with pytest.raises(PremiumOnly):
        Syncing(ingest, calls, api(CALENDAR, premium).url).run(FRIDAY)


def test_a_date_that_moves_is_kept_and_an_estimate_is_not(ingest: Connection) -> None:
    """Expected on 20 July, from noon on for the 22nd; its estimate goes from 1 to 2 in the morning already."""
    know(ingest, "AAA")
    day, later = date(2020, 7, 20), date(2020, 7, 22)
    assert expect(ingest, to_come("AAA", day), to_come("ZZZ", day), at=MORNING) == Stored(new=1, unknown=1)
    assert expect(ingest, to_come("AAA", day), at=MORNING) == Stored()
    assert expect(ingest, to_come("AAA", day, estimate=2.0), at=MORNING) == Stored(changed=1)
    assert revisions(ingest) == []
    assert expect(ingest, to_come("AAA", later, estimate=2.0), at=NOON) == Stored(moved=1)
    assert revisions(ingest) == [(JUNE, day, MORNING, NOON, "moved")]
    assert stored(ingest, "report_date, report_time, estimated_eps, earnings.currency, known_since") == [
        ("AAA", later, "pre-market", 2.0, "USD", NOON)
    ]


def test_a_report_that_the_calendar_names_no_more_is_withdrawn(ingest: Connection) -> None:
    """Of 20, 21 and 30 July; then an answer for the 20th to the 22nd without the 21st: nothing is said of the 30th."""
    know(ingest, "AAA", "BBB", "CCC")
    days = [date(2020, 7, day) for day in (20, 21, 30)]
    expect(ingest, *(to_come(symbol, day) for symbol, day in zip(("AAA", "BBB", "CCC"), days, strict=True)))
    other = to_come("ZZZ", date(2020, 7, 22))
    assert expect(ingest, to_come("AAA", days[0]), other, at=NOON) == Stored(withdrawn=1, unknown=1)
    assert stored(ingest, "report_date") == [("AAA", days[0]), ("CCC", days[2])]
    assert revisions(ingest) == [(JUNE, days[1], MORNING, NOON, "withdrawn")]
    assert expect(ingest, at=NOON) == Stored()  # an empty answer speaks for no day


def test_what_was_reported_wins_over_what_is_expected(ingest: Connection) -> None:
    """The calendar's estimate and currency stay beside the figure; a calendar that still has the quarter is late."""
    know(ingest, "AAA")
    day = date(2020, 6, 10)
    expect(ingest, to_come("AAA", day, MARCH, time_of_day="post-market"))
    assert report(ingest, "AAA", reported(MARCH, day)) == Stored(changed=1)
    told = [("AAA", day, "post-market", 1.25, 1.0, "USD", "EARNINGS")]
    columns = "report_date, report_time, reported_eps, estimated_eps, earnings.currency, source"
    assert stored(ingest, columns) == told
    assert expect(ingest, to_come("AAA", date(2020, 6, 15), MARCH), at=NOON) == Stored()
    assert stored(ingest, columns) == told
    assert report(ingest, "AAA", reported(MARCH, day)) == Stored()


def test_a_quarter_that_two_answers_date_differently_is_one(ingest: Connection) -> None:
    """Expected for the quarter to 31 March, reported for the one to 28 March."""
    know(ingest, "AAA")
    expect(ingest, to_come("AAA", date(2020, 6, 9), MARCH))
    assert report(ingest, "AAA", reported(date(2020, 3, 28), date(2020, 6, 10))) == Stored(new=1, withdrawn=1)
    assert stored(ingest, "fiscal_end, source") == [("AAA", date(2020, 3, 28), "EARNINGS")]
    assert expect(ingest, to_come("AAA", date(2020, 6, 9), MARCH), at=NOON) == Stored()


def test_another_day_and_another_figure_of_a_past_report_are_kept(ingest: Connection) -> None:
    know(ingest, "AAA")
    day = date(2020, 5, 1)
    report(ingest, "AAA", reported(MARCH, day), at=MORNING)
    assert report(ingest, "AAA", reported(MARCH, day, eps=1.5), at=NOON) == Stored(changed=1)
    evening = NOON + timedelta(hours=6)
    assert report(ingest, "AAA", reported(MARCH, date(2020, 5, 4), eps=1.5), at=evening) == Stored(moved=1)
    assert revisions(ingest) == [(MARCH, day, MORNING, NOON, "restated"), (MARCH, day, NOON, evening, "moved")]


def test_a_report_that_is_still_to_come_or_has_no_day_is_the_calendars_business(ingest: Connection) -> None:
    know(ingest, "AAA")
    tomorrow = FRIDAY + timedelta(days=1)
    assert report(ingest, "AAA", reported(MARCH, None, None), reported(JUNE, tomorrow, None)) == Stored()
    assert stored(ingest, "fiscal_end") == []


def test_a_word_that_is_no_side_of_the_session_costs_no_report(ingest: Connection) -> None:
    know(ingest, "AAA")
    assert report(ingest, "AAA", reported(MARCH, FRIDAY, time="at noon")) == Stored(new=1)
    assert stored(ingest, "report_time") == [("AAA", None)]


def test_reports_of_a_stranger_are_refused(ingest: Connection) -> None:
    with pytest.raises(LookupError, match=r"ZZZ is not in market\.symbols"):
        report(ingest, "ZZZ", reported(MARCH, FRIDAY))
