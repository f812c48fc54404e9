"""Ten trading days go by, one `make next-day` each; then a second stack, beside the first, loads everything at once.

Runs after test_whole_path (pytest takes files by name), which wants the clock where it starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from demo_stack import Demo
from key_search import places_of
from killing import backfill_through_kills, history_messages

from conftest import a_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

DAYS = [date(2020, 6, day) for day in (15, 16, 17, 18, 19, 22, 23, 24, 25, 26)]
FAULTS = "rate=0.1,seed=7,kinds=burst+html+http_500+http_503+truncated+cut_inside+other_symbol,echo_key=yes"
TOLD = re.compile(
    r"^(\S+): ([\d,]+) bars of the day, ([\d,]+) late, ([\d,]+) corrected, ([\d,]+) rejected", re.MULTILINE
)
PRICES = """select symbol, day, open, high, low, close, volume, provisional, close_usd, fx_date, usd_missing
    from market.prices join market.symbols using (symbol_id) order by 1, 2"""
WINDOWS = """select symbol, window_start, window_end, is_complete, days, returns, average_price_usd,
    price_deviation_usd, deviation_pct, volatility_annualised, volatility_usd_annualised
    from marts.fct_windows join marts.dim_symbols using (symbol_id) order by 1, 2"""
RANKING = """select rank, symbol, name, left_out_reason, windows, last_bar, value, average_price_usd
    from marts.ranking(interval '{}', '{}') order by rank nulls last, symbol"""


def quoted_on(demo: Demo, day: date) -> tuple[int, set[str]]:
    """How many symbols have a bar of `day` on the market itself, asked over HTTP; and the symbols that trade."""
    traded = {str(symbol) for (symbol,) in demo.ask("select symbol from market.symbols where status = 'active'")}
    with httpx.Client(base_url=f"http://127.0.0.1:{demo.port('SAMPLE_MARKET')}", trust_env=False) as market:
        found = 0
        for symbol in traded:
            query = {"function": "TIME_SERIES_DAILY", "symbol": symbol, "datatype": "csv", "apikey": "k"}
            row = market.get("/query", params=query).text.split("\n", 2)[1]
            found += row.startswith(day.isoformat()) and ",0.0000,0.0000,0.0000,0.0000,0" not in row
    return found, traded


@pytest.fixture(scope="module")
def lived(demo: Demo, first_run: str) -> list[tuple[int, ...]]:
    """For each day: bars of the day, late ones, corrected ones, rejected ones; and the bars that the market quotes."""
    told = []
    for day in DAYS:
        printed = demo.finished("next-day")
        found = TOLD.search(printed)
        assert found is not None, printed
        assert found[1] == day.isoformat()
        numbers = [int(number.replace(",", "")) for number in found.groups()[1:]]
        told.append((*numbers, quoted_on(demo, day)[0]))
    return told


@pytest.fixture(scope="module")
def fresh(lived: list[tuple[int, ...]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Another stack, beside the first, whose market stands at the tenth day from its start. Its histories come through
    ten kills, and a tenth of its calls is answered falsely, with the API key in the answer: what the tests below
    compare was not harmed by any of it."""
    stack = a_stack(
        tmp_path_factory.mktemp("fresh"), HM_SAMPLE_MARKET_DATE=DAYS[-1].isoformat(), HM_SAMPLE_MARKET_FAULTS=FAULTS
    )
    try:
        stack.finished("up")
        backfill_through_kills(stack)
        stack.finished("demo")
        yield stack
    finally:
        stack.run("down")


def test_each_day_adds_exactly_its_bars(lived: list[tuple[int, ...]]) -> None:
    assert [bars for bars, *_ in lived] == [quoted for *_, quoted in lived]
    assert all(bars > 20 for bars, *_ in lived)


def test_the_ten_days_have_corrections_a_late_bar_and_a_row_of_zeros(demo: Demo, lived: list[tuple[int, ...]]) -> None:
    """SIMX6.LON: Monday's bar is put right on Thursday 18 June, Wednesday's comes on Friday. SIMX7.JNB: the zeros of
    Youth Day, Tuesday, come with the answer of Wednesday, since nobody asks for a market that is shut."""
    late, changed, rejected = ([day[column] for day in lived] for column in (1, 2, 3))
    assert changed[3] >= 1
    assert late[4] >= 1
    assert rejected[2] >= 1
    corrected = demo.ask(
        """select count(*) from market.price_revisions join market.symbols using (symbol_id)
        where symbol = 'SIMX6.LON' and day = '2020-06-15'"""
    )
    assert corrected == [(1,)]


def test_every_day_ended_green(demo: Demo, lived: list[tuple[int, ...]]) -> None:
    assert demo.hm("market-clock", "show").stdout.strip() == DAYS[-1].isoformat()
    assert demo.ask("select market_date from marts.as_of", role="READER") == [(DAYS[-1],)]
    told = demo.hm("status")
    assert told.returncode == 0, told.stdout
    assert "failed" not in told.stdout


def test_ten_kills_lost_no_symbol_and_bought_nothing_twice(fresh: Demo) -> None:
    """Every message of the histories has its line in the ledger, and every line points to its message."""
    whole = "from market.api_calls where function = 'TIME_SERIES_DAILY' and outputsize = 'full'"
    asked_for = fresh.ask("select symbol from market.symbols where ticker_until is null order by 1")
    assert fresh.ask(f"select symbol {whole} and outcome = 'published' order by 1") == asked_for
    placed = fresh.ask(f"select request_id, partition, kafka_offset {whole} and outcome = 'published'")
    assert history_messages(fresh) == {(UUID(str(call)), *place) for call, *place in placed}
    assert fresh.ask(f"select distinct outcome {whole} and outcome not in ('published', 'lost')") == []


def test_false_answers_were_asked_again_and_the_key_that_they_named_is_nowhere(fresh: Demo) -> None:
    ((retries,),) = fresh.ask("select sum(attempts - 1)::int from market.api_calls")
    assert int(str(retries)) > 0
    assert places_of(fresh, fresh.secret("SAMPLE_MARKET_API_KEY")) == []


def test_the_prices_are_those_of_a_fresh_load_value_by_value(demo: Demo, fresh: Demo) -> None:
    day_by_day, at_once = demo.ask(PRICES), fresh.ask(PRICES)
    assert len(at_once) > 100_000
    assert day_by_day == at_once


def test_the_windows_are_those_of_a_fresh_load(demo: Demo, fresh: Demo) -> None:
    assert_equal(demo.ask(WINDOWS, role="READER"), fresh.ask(WINDOWS, role="READER"))


@pytest.mark.parametrize("measure", ["volatility", "volatility_usd", "deviation_pct", "price_deviation"])
@pytest.mark.parametrize("look_back", ["1 month", "1 year", "10 years"])
def test_the_ranking_is_that_of_a_fresh_load(demo: Demo, fresh: Demo, measure: str, look_back: str) -> None:
    query = RANKING.format(look_back, measure)
    assert_equal(demo.ask(query, role="READER"), fresh.ask(query, role="READER"))


def test_the_reverse_split_was_no_storm(demo: Demo, lived: list[tuple[int, ...]]) -> None:
    """SIMX3's quote became a thousandfold on 17 June: a log return of 6.9 would make its volatility about 3,500%."""
    ((volatility,),) = demo.ask(
        """select volatility_annualised from marts.fct_windows join marts.dim_symbols using (symbol_id)
        where symbol = 'SIMX3' and window_start = '2020-06-08'""",
        role="READER",
    )
    assert 0.05 < float(str(volatility)) < 3


def test_a_currency_that_the_bank_lacks_has_dollars_by_fx_daily(demo: Demo, lived: list[tuple[int, ...]]) -> None:
    for measure in ("volatility", "volatility_usd"):
        query = f"select rank is not null from marts.ranking(interval '1 year', '{measure}') where symbol = 'SIMX5.TAI'"
        assert demo.ask(query, role="READER") == [(True,)]
    sources = demo.ask("select distinct source from market.fx_rates where currency = 'TWD'")
    assert sources == [("Alpha Vantage",)]


def assert_equal(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> None:
    """The same rows in the same order; figures to 1e-12 of themselves, since a database adds up in any order."""
    assert [row[:2] for row in left] == [row[:2] for row in right]
    for mine, other in zip(left, right, strict=True):
        for one, two in zip(mine, other, strict=True):
            if isinstance(one, float) and isinstance(two, float):
                assert one == pytest.approx(two, rel=1e-12), (mine, other)
            else:
                assert one == two, (mine, other)
