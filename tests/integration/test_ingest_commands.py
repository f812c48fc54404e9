"""`hm ingest` on a real warehouse: what it says is what the ledger holds, and it asks nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.coming_run import ComingRun
from hedge_master.ingestion.plan import Estimate, PlannedCall
from hedge_master.operations.symbol_story import story, verdict
from hedge_master.settings import Settings
from ledger_rows import ASKED, add_bars, add_call, add_symbols

Hm = Callable[..., subprocess.CompletedProcess[str]]

JUNE = [date(2020, 6, day) for day in (8, 9, 10, 11, 12)]


@pytest.fixture
def hm(warehouse_settings: Settings) -> Hm:
    """`hm ingest WORDS` as a user types it, on a free key: 25 calls a day, one a second."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HM_")} | {
        "HM_HOME": str(warehouse_settings.home),
        "HM_WAREHOUSE_INGEST_URL": warehouse_settings.required("warehouse_ingest_url"),
        "HM_ALPHA_VANTAGE_BASE_URL": "http://127.0.0.1:9",  # where nobody listens
        "HM_ALPHA_VANTAGE_API_KEY": "none",
        "COLUMNS": "200",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("hm")), "ingest", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)

    return run


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_a_plan_for_thirty_new_symbols_takes_a_free_key_two_days(hm: Hm, ingest: Connection) -> None:
    """30 calls, 25 a day: 25 today and 5 tomorrow, for either run. Splits are asked for where prices make suspect."""
    add_symbols(ingest, *(f"S{number:02}" for number in range(30)))

    plan = told(hm("plan", "--format", "json", "--limit", "2"))

    daily, history = plan["produce_daily_prices"], plan["backfill_price_history"]
    assert (daily["symbols"], daily["split_calls"], daily["calls"], daily["left"], daily["days"]) == (30, 0, 30, 25, 2)
    assert [(each["symbol"], each["outputsize"]) for each in daily["stalest"]] == [
        ("S00", "compact"),
        ("S01", "compact"),
    ]
    assert (history["symbols"], history["calls"], history["days"]) == (30, 30, 2)
    assert plan["budget"]["calls"] == 0
    with ingest.cursor() as cursor:
        cursor.execute("select (select count(*) from market.api_calls) + (select count(*) from market.ingest_runs)")
        assert cursor.fetchone() == (0,), "a plan that is only looked at is not written down"


def test_the_plan_as_a_table_names_the_stalest_symbols_and_the_budget(hm: Hm, ingest: Connection) -> None:
    add_symbols(ingest, "OLD", "YOUNG")
    for symbol, days_ago in (("YOUNG", 1), ("OLD", 3)):
        add_call(ingest, symbol, last_bar=date(2020, 6, 12), market_time=ASKED - timedelta(days=days_ago))

    shown = hm("plan").stdout

    assert shown.index("OLD") < shown.index("YOUNG")
    assert shown.count("its market closed a session on") == 2
    assert "0 calls today, 25 left, budget resets at" in " ".join(shown.split())


def test_a_symbol_tells_its_bars_gaps_splits_and_calls(hm: Hm, ingest: Connection) -> None:
    add_symbols(ingest, "AAPL")
    add_bars(ingest, "AAPL", JUNE[:4])
    add_bars(ingest, "AAPL", JUNE[4:], provisional=True)
    with ingest.cursor() as cursor:
        cursor.execute("insert into market.splits select symbol_id, '2020-06-10', 4 from market.symbols")
    add_call(ingest, "AAPL", gap_after=date(2020, 1, 3), first_bar=date(2020, 6, 8), last_bar=JUNE[-1], rows=5)
    refused = {"outputsize": "full", "outcome": "refused", "error": "PremiumOnly: [a premium endpoint]"}
    add_call(ingest, "AAPL", requested_at=datetime.now(UTC), **refused)

    about = told(hm("symbol", "aapl", "--format", "json"))

    assert (about["symbol"], about["bars"]) == ("AAPL", 5)
    assert (about["first_bar"], about["last_bar"]) == ("2020-06-08", "2020-06-12")
    assert about["provisional"] == ["2020-06-12"]
    assert about["splits"] == [{"effective_date": "2020-06-10", "factor": 4.0}]
    assert about["gaps"] == [{"after": "2020-01-03", "until": "2020-06-08"}]
    assert [(call["outputsize"], call["outcome"]) for call in about["calls"]] == [
        ("full", "refused"),
        ("compact", "published"),
    ]
    shown = " ".join(hm("symbol", "AAPL", "--explain").stdout.split())
    assert "market-data.daily-prices.v1 0:7" in shown
    assert "PremiumOnly: [a premium endpoint]" in shown
    assert (
        "Asked today its last bar was not final: compact, 1 of 1; today's budget reaches it; "
        "its gap waits for a plan with full histories" in shown
    )


def test_a_gap_is_closed_by_a_full_answer_that_came_later(ingest: Connection) -> None:
    add_symbols(ingest, "IBM")
    add_call(ingest, "IBM", gap_after=date(2020, 1, 3), first_bar=date(2020, 6, 8), last_bar=JUNE[-1])
    assert len(story(ingest, "IBM").gaps) == 1
    add_call(ingest, "IBM", outputsize="full", requested_at=ASKED + timedelta(minutes=1))
    assert story(ingest, "IBM").gaps == []


def test_an_unknown_symbol_is_one_line_and_exit_status_1(hm: Hm, ingest: Connection) -> None:
    ended = hm("symbol", "NOSUCH")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == 'hm: symbol "NOSUCH" is not in market.symbols; sync_symbols learns which exist\n'


def test_why_a_symbol_is_not_asked_for(ingest: Connection) -> None:
    add_symbols(ingest, "FRESH")
    add_symbols(ingest, "GONE", status="delisted")
    add_symbols(ingest, "OLD (until 2019-11-29)", ticker_until=date(2019, 11, 29))
    add_bars(ingest, "FRESH", JUNE)
    add_symbols(ingest, "EMPTY")
    add_call(ingest, "EMPTY", outcome="nothing_there")
    nothing = ComingRun([], Estimate(0, 25, 60.0, 1, ASKED))

    def reason(symbol: str) -> str:
        why = verdict(ingest, story(ingest, symbol), nothing)
        assert not why.asked
        return why.reason

    assert reason("FRESH") == "its newest bar, 2020-06-12, is of the last session that its market closed"
    assert reason("GONE").startswith("delisted")
    assert reason("EMPTY").startswith("the API has nothing of it")
    assert "after 2019-11-29" in reason("OLD (until 2019-11-29)")


def test_a_symbol_behind_the_days_budget_waits(ingest: Connection) -> None:
    """Three calls are left and one of them is for splits: the second price is the last one of today."""
    add_symbols(ingest, "A", "B", "C")
    calls = [PlannedCall(symbol, "compact", "never asked", asks_splits=symbol == "A") for symbol in ("A", "B", "C")]
    coming = ComingRun(calls, Estimate(4, 3, 60.0, 2, ASKED))

    assert "today's budget reaches it" in verdict(ingest, story(ingest, "B"), coming).reason
    assert "does not reach it (3 calls left)" in verdict(ingest, story(ingest, "C"), coming).reason
