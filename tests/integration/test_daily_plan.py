"""Which symbols a day asks for and why, and what its end says; each case by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.errors import CalledOff, DailyLimitReached
from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.ingestion.coming_run import TooFewCalls, coming_history
from hedge_master.ingestion.conclusion import NothingNew, Outcome, TooManyFailed, conclude
from hedge_master.ingestion.daily_plan import full_is_allowed, plan_daily
from hedge_master.ingestion.history_plan import Choice, UnknownSymbols, plan_history
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import PlannedCall, estimate, unsettled, write_plan
from hedge_master.markets.sessions import ClosedSession, closed_sessions

FRIDAY, MONDAY = date(2020, 6, 12), date(2020, 6, 15)
NIGHT = datetime(2020, 6, 15, 22, 25, tzinfo=UTC)
CLOSED = {"United States": ClosedSession(MONDAY, NIGHT - timedelta(hours=2))}
RESET = datetime(2020, 6, 16, 4, tzinfo=UTC)


class Market:
    """Symbols, bars, splits and calls, put into the warehouse in one line each."""

    def __init__(self, warehouse: Connection) -> None:
        self._warehouse = warehouse
        self._calls = 0

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._warehouse, self._warehouse.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def symbol(self, name: str, last_bar: date | None = None, provisional: bool = False, **columns: str) -> None:
        values = {"region": "United States", "currency": "USD", "type": "Equity", "status": "active"} | columns
        ((symbol_id,),) = self.ask(
            """insert into market.symbols (symbol, name, type, region, timezone, currency, status, first_seen, added_at)
            values (%s, %s, %s, %s, 'US/Eastern', %s, %s, '2020-01-01', '2020-01-01') returning symbol_id""",
            *(name, name, values["type"], values["region"], values["currency"], values["status"]),
        )
        if last_bar is not None:
            self.ask(
                """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, batch_id,
                known_since, provisional) values (%s, %s, 1, 1, 1, 1, 1, 1, 1, now(), %s)""",
                *(symbol_id, last_bar, provisional),
            )

    def bars(self, name: str, first: date, *closes: float) -> None:
        """Bars of days in a row from `first` on."""
        self.ask(
            "insert into market.market_dates (run_id, market_date, source) values ('bars', %s, 'data interval')", first
        )
        for number, close in enumerate(closes):
            self.ask(
                """insert into market.prices
                    (symbol_id, day, open, high, low, close, volume, close_usd, batch_id, known_since)
                select symbol_id, %s, %s, %s, %s, %s, 1, 1, 1, now() from market.symbols where symbol = %s""",
                *(first + timedelta(days=number), close, close, close, close, name),
            )

    def answered(
        self,
        name: str,
        outputsize: str,
        at: datetime,
        last_bar: date | None,
        run: str = "before",
        rows: int = 100,
        gap_after: date | None = None,
        outcome: str = "published",
    ) -> None:
        self._calls += 1
        self.ask(
            """insert into market.api_calls (request_id, run_id, purpose, function, outputsize, symbol, requested_at,
            market_time, outcome, rows, last_bar, gap_after, topic, partition, kafka_offset)
            values (gen_random_uuid(), %s, 'daily', 'TIME_SERIES_DAILY', %s, %s, %s, %s, %s, %s, %s, %s, 't', 0, %s)""",
            *(run, outputsize, name, at, at, outcome, rows, last_bar, gap_after),
            self._calls if outcome == "published" else None,
        )

    def split(self, name: str, known_since: datetime) -> None:
        self.ask(
            """insert into market.splits select symbol_id, '2020-06-15', 2, %s from market.symbols
            where symbol = %s""",
            *(known_since, name),
        )


@pytest.fixture
def market(ingest: Connection) -> Market:
    return Market(ingest)


def at(day: int) -> datetime:
    return datetime(2020, 6, day, 22, 25, tzinfo=UTC)


def planned(warehouse: Connection, full: bool = True, closed: Any = CLOSED) -> dict[str, tuple[str, str]]:
    with warehouse:
        return {call.symbol: (call.outputsize, call.reason) for call in plan_daily(warehouse, closed, full)}


def test_a_symbol_is_asked_once_its_market_has_closed_a_session_since_its_last_bar(
    market: Market, ingest: Connection
) -> None:
    for name, last_bar in (("OLD", FRIDAY), ("UP", MONDAY)):
        market.symbol(name, last_bar)
        market.answered(name, "full", at(12), last_bar)
        market.answered(name, "compact", at(12), last_bar)
    market.symbol("OPEN", MONDAY, provisional=True)
    market.answered("OPEN", "full", at(12), MONDAY)
    market.symbol("NEW")
    market.symbol("ELSEWHERE", MONDAY, region="Atlantis")
    market.answered("ELSEWHERE", "full", at(12), MONDAY)
    assert planned(ingest) == {
        "NEW": ("compact", "never asked"),
        "OLD": ("compact", "its market closed a session on 2020-06-15"),
        "OPEN": ("compact", "its last bar was not final"),
        "ELSEWHERE": ("compact", "no calendar for Atlantis"),
    }


def test_a_published_answer_that_the_stream_has_not_read_yet_counts(market: Market, ingest: Connection) -> None:
    market.symbol("AAA", FRIDAY)
    market.answered("AAA", "full", at(15), MONDAY)
    assert planned(ingest) == {}


def test_the_stalest_goes_first_and_a_stock_that_no_longer_trades_does_not_for_ever(
    market: Market, ingest: Connection
) -> None:
    """DEAD has had no bar since March, but it was asked on Friday; SLOW was last asked on Wednesday."""
    market.symbol("DEAD", date(2020, 3, 2))
    market.answered("DEAD", "full", at(12), date(2020, 3, 2))
    market.symbol("SLOW", date(2020, 6, 10))
    market.answered("SLOW", "full", at(10), date(2020, 6, 10))
    market.symbol("NEVER")
    assert list(planned(ingest)) == ["NEVER", "SLOW", "DEAD"]


def test_a_symbol_that_the_api_has_nothing_of_is_left_alone_for_a_week(market: Market, ingest: Connection) -> None:
    market.symbol("GHOST")
    market.answered("GHOST", "compact", at(9), None, rows=0, outcome="nothing_there")
    market.ask("insert into market.market_dates values ('before', '2020-06-09', 'sample market')")
    market.ask("insert into market.market_dates values ('now', '2020-06-15', 'sample market')")
    assert planned(ingest) == {}
    market.ask("update market.market_dates set market_date = '2020-06-16' where run_id = 'now'")
    assert planned(ingest) == {"GHOST": ("compact", "its market closed a session on 2020-06-15")}


def test_whole_histories_come_by_themselves_where_the_plan_has_them(market: Market, ingest: Connection) -> None:
    market.symbol("LONG", MONDAY)
    market.answered("LONG", "compact", at(15), MONDAY, rows=100)
    market.symbol("YOUNG", MONDAY)
    market.answered("YOUNG", "compact", at(15), MONDAY, rows=12)
    market.symbol("SPLIT", MONDAY)
    market.answered("SPLIT", "full", at(12), FRIDAY)
    market.answered("SPLIT", "compact", at(15), MONDAY)
    market.split("SPLIT", at(14))
    market.symbol("GAP", MONDAY)
    market.answered("GAP", "full", at(10), date(2020, 1, 2))
    market.answered("GAP", "compact", at(12), FRIDAY, gap_after=date(2020, 1, 2))
    market.answered("GAP", "compact", at(15), MONDAY)  # a later answer without a gap of its own does not close it
    assert planned(ingest) == {
        "LONG": ("full", "no history yet"),
        "SPLIT": ("full", "a new split"),
        "GAP": ("full", "nothing known after 2020-01-02"),
    }
    assert planned(ingest, full=False) == {}
    with ingest:
        missing = {call.symbol: call.reason for call in plan_history(ingest, Choice())}
    assert missing == {
        "LONG": "no history yet",
        "YOUNG": "no history yet",
        "SPLIT": "a new split",
        "GAP": "nothing known after 2020-01-02",
    }


def test_a_backfill_asks_for_what_its_form_names(market: Market, ingest: Connection) -> None:
    market.symbol("A.LON", region="United Kingdom", currency="GBX")
    market.symbol("B", type="ETF")
    market.symbol("C")
    market.answered("C", "full", at(12), FRIDAY)

    def symbols(**chosen: Any) -> list[str]:
        with ingest:
            return [call.symbol for call in plan_history(ingest, Choice(**chosen))]

    assert symbols() == ["A.LON", "B"]
    assert symbols(regions=["United Kingdom"]) == symbols(currencies=["GBX"]) == ["A.LON"]
    assert symbols(types=["ETF"]) == ["B"]
    assert symbols(refresh=True) == ["A.LON", "B", "C"]
    assert symbols(symbols=["C"]) == []
    with pytest.raises(UnknownSymbols, match=r"symbols: X, Y not in market\.symbols"):
        symbols(symbols=["B", "X", "Y"])


def test_a_limit_of_a_backfill_counts_its_calls(market: Market, ingest: Connection) -> None:
    """Two calls a symbol where every symbol is asked for its splits, one where a daily budget leaves only suspects."""
    for name in "ABC":
        market.symbol(name)
    market.bars("C", date(2020, 6, 11), 100.0, 10.0)  # a jump of ten times: a suspect
    unlimited, free = BudgetState(0, None, RESET), BudgetState(0, 25, RESET)

    def coming(most_calls: int, budget: BudgetState) -> tuple[list[str], int, int]:
        with ingest:
            limits = Limits(per_day=25 if budget.left is not None else 0)
            run = coming_history(ingest, limits, budget, Choice(), most_calls)
        return [call.symbol for call in run.calls], run.split_calls, run.cost.calls

    assert coming(0, unlimited) == (["A", "B", "C"], 3, 6)
    assert coming(5, unlimited) == coming(4, unlimited) == (["A", "B"], 2, 4)
    assert coming(0, free) == coming(4, free) == (["A", "B", "C"], 1, 4)
    assert coming(3, free) == (["A", "B"], 0, 2)
    with ingest, pytest.raises(TooFewCalls, match="limit: 1 call is too few: A takes 2"):
        coming_history(ingest, Limits(), unlimited, Choice(), 1)


def test_full_histories_are_no_more_asked_for_once_the_api_has_said_that_the_plan_has_none(
    market: Market, ingest: Connection
) -> None:
    with ingest:
        assert full_is_allowed(ingest, daily_budget=False)
        assert not full_is_allowed(ingest, daily_budget=True), "a free key has to show that it can"
    now = datetime.now(UTC)
    market.answered("A", "full", now - timedelta(days=3), None, outcome="failed")
    market.answered("A", "full", now - timedelta(days=2), None, outcome="refused")
    for error, allowed in (
        ("FullHistoryIsPremium: buy a plan", False),
        ("PremiumOnly: buy a plan", False),
        ("ArtificialRows: invented", False),
        ("KeyRefused: whose Premium?", True),
    ):
        market.ask("update market.api_calls set error = %s", error)
        with ingest:
            assert full_is_allowed(ingest, daily_budget=False) is allowed, error
    market.answered("A", "full", now - timedelta(days=1), FRIDAY)
    with ingest:
        assert full_is_allowed(ingest, daily_budget=False)
        assert full_is_allowed(ingest, daily_budget=True)


def conclusion(market: Market, ingest: Connection, calls: list[PlannedCall], budget: BudgetState) -> Outcome:
    with ingest:
        cost = estimate(len(calls), Limits(per_day=25), budget, NIGHT)
        write_plan(ingest, "run", "daily", MONDAY, calls, cost)
    return conclude(ingest, "run", budget)


def test_a_day_that_did_not_reach_says_how_many_are_left_and_when_it_goes_on(
    market: Market, ingest: Connection
) -> None:
    calls = [PlannedCall(name, "compact", "stale", FRIDAY, MONDAY, awaited=True) for name in ("A", "B", "C")]
    market.answered("A", "compact", at(15), MONDAY, run="run")
    spent = BudgetState(25, 0, RESET)
    outcome = conclusion(market, ingest, calls, spent)
    assert outcome == Outcome(planned=3, left=2, failed=0, awaited=1, came=1)
    assert outcome.note(spent) == "2 of 3 left, budget resets at 2020-06-16 04:00 UTC"
    assert market.ask("select note, ended_at is not null from market.ingest_runs") == [(outcome.note(spent), True)]
    with ingest:
        assert [call.symbol for call in unsettled(ingest, "run")] == ["B", "C"]


def test_a_trading_day_on_which_only_old_bars_came_fails(market: Market, ingest: Connection) -> None:
    """Both markets have closed Monday's session; the API still ends with Friday."""
    calls = [PlannedCall(name, "compact", "stale", FRIDAY, MONDAY, awaited=True) for name in ("A", "B")]
    for name in ("A", "B"):
        market.answered(name, "compact", at(15), FRIDAY, run="run")
    with pytest.raises(NothingNew, match="2 symbols whose markets have closed a session were answered"):
        conclusion(market, ingest, calls, BudgetState(2, None, RESET))
    assert market.ask("select count(*) from market.ingest_runs where ended_at is not null") == [(1,)], "it is closed"


def test_where_no_session_was_awaited_old_bars_are_no_failure(market: Market, ingest: Connection) -> None:
    calls = [PlannedCall("A", "compact", "its last bar was not final", MONDAY, MONDAY)]
    market.answered("A", "compact", at(15), MONDAY, run="run")
    assert conclusion(market, ingest, calls, BudgetState(1, None, RESET)).left == 0


def test_a_market_of_which_nobody_has_the_newest_session_is_awaited(market: Market, ingest: Connection) -> None:
    """In London nobody has Monday's bar; L2 did not trade on Friday either. In New York somebody has: OLD may just not
    have traded. Oslo had been silent since March when it was last asked."""
    for name, region, last_bar in (
        ("L1.LON", "United Kingdom", FRIDAY),
        ("L2.LON", "United Kingdom", date(2020, 6, 9)),
        ("OLD", "United States", FRIDAY),
        ("UP", "United States", MONDAY),
        ("O.OSL", "Oslo", date(2020, 3, 2)),
    ):
        market.symbol(name, last_bar, region=region)
        market.answered(name, "full", at(11), last_bar)
        market.answered(name, "compact", at(12), last_bar)
    market.ask("insert into market.market_dates values ('before', '2020-06-12', 'sample market')")
    closed = closed_sessions(datetime(2020, 6, 15, 22, tzinfo=UTC), ["United Kingdom", "United States", "Oslo"])
    with ingest:
        awaited = {call.symbol: call.awaited for call in plan_daily(ingest, closed, full=True)}
    assert awaited == {"L1.LON": True, "L2.LON": False, "OLD": False, "O.OSL": False}


def test_after_an_outage_of_any_length_the_market_is_awaited(market: Market, ingest: Connection) -> None:
    """Nothing ran since March: then nobody knows that London is dead, and its bars are missed."""
    market.symbol("L1.LON", date(2020, 3, 2), region="United Kingdom")
    market.answered("L1.LON", "compact", datetime(2020, 3, 2, 22, tzinfo=UTC), date(2020, 3, 2))
    market.ask("insert into market.market_dates values ('before', '2020-03-02', 'sample market')")
    closed = closed_sessions(NIGHT, ["United Kingdom"])
    with ingest:
        assert [call.awaited for call in plan_daily(ingest, closed, full=False)] == [True]


def test_a_passing_word_that_there_is_no_history_is_not_for_ever(market: Market, ingest: Connection) -> None:
    market.symbol("LATE", MONDAY)
    market.answered("LATE", "full", at(12), None, rows=0, outcome="nothing_there")
    market.answered("LATE", "compact", at(15), MONDAY)
    assert planned(ingest) == {"LATE": ("full", "no history yet")}
    with ingest:
        assert [call.symbol for call in plan_history(ingest, Choice())] == ["LATE"]


def test_a_history_that_another_run_has_got_meanwhile_is_not_bought_again(market: Market, ingest: Connection) -> None:
    calls = [PlannedCall(name, "full", "no history yet") for name in ("A", "B")]
    with ingest:
        cost = estimate(2, Limits(), BudgetState(0, None, RESET), NIGHT)
        write_plan(ingest, "backfill", "history", MONDAY, calls, cost)
    market.answered("A", "full", datetime.now(UTC) + timedelta(minutes=1), MONDAY, run="daily")
    with ingest:
        assert [call.symbol for call in unsettled(ingest, "backfill")] == ["B"]
    market.answered("B", "full", datetime.now(UTC), MONDAY, run="backfill")
    assert conclude(ingest, "backfill", BudgetState(0, None, RESET)).left == 0


def test_calls_that_failed_fail_the_run_whatever_the_budget(market: Market, ingest: Connection) -> None:
    """An outage on a small plan spends the day with its tries: that is no day that did not reach."""
    calls = [PlannedCall(name, "compact", "stale", FRIDAY, MONDAY) for name in ("A", "B", "C")]
    market.answered("A", "compact", at(15), None, run="run", outcome="failed")
    spent = BudgetState(25, 0, RESET)
    with pytest.raises(TooManyFailed, match="3 of 3 left, 1 of them failed, budget resets at"):
        conclusion(market, ingest, calls, spent)


def test_calls_that_were_given_up_when_the_day_was_spent_are_left_and_did_not_fail(
    market: Market, ingest: Connection
) -> None:
    """A free key's day: 24 answers, two calls between two tries when a third one hears that the day is spent."""
    calls = [PlannedCall(f"S{number:02}", "compact", "stale", FRIDAY, MONDAY, awaited=True) for number in range(27)]
    for call in calls[:24]:
        market.answered(call.symbol, "compact", at(15), MONDAY, run="run")
    for call in calls[24:]:
        market.answered(call.symbol, "compact", at(15), None, run="run", outcome="asked")
    spent = BudgetState(25, 0, RESET)
    ledger = Ledger(ingest, "run", "daily")
    for (request_id,), error in zip(
        market.ask("select request_id from market.api_calls where outcome = 'asked'"),
        (CalledOff("no more"), CalledOff("no more"), DailyLimitReached("25 a day")),
        strict=True,
    ):
        ledger.failed(UUID(request_id), error)
    ingest.autocommit = False
    outcome = conclusion(market, ingest, calls, spent)
    assert outcome == Outcome(planned=27, left=3, failed=0, awaited=24, came=24)
    assert outcome.note(spent) == "3 of 27 left, budget resets at 2020-06-16 04:00 UTC"
    with ingest:
        assert [call.symbol for call in unsettled(ingest, "run")] == ["S24", "S25", "S26"]


def test_the_exchanges_calendars_say_what_has_closed(market: Market, ingest: Connection) -> None:
    """On Youth Day, 16 June 2020, Johannesburg is shut: its symbols have Monday's bar and are not asked."""
    for name, region in (("J.JNB", "Johannesburg"), ("L.LON", "United Kingdom")):
        market.symbol(name, MONDAY, region=region)
        market.answered(name, "full", at(15), MONDAY)
    closed = closed_sessions(datetime(2020, 6, 16, 22, tzinfo=UTC), ["Johannesburg", "United Kingdom"])
    assert planned(ingest, closed=closed) == {"L.LON": ("compact", "its market closed a session on 2020-06-16")}
