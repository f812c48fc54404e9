"""The dashboard in a browser, as an analyst uses it: reads the ranking, looks further back, clicks a stock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from demo_stack import Demo

from hedge_master.local_stack.dashboard_page import (
    CAPTION,
    NO_CHROMIUM,
    RANKING,
    DashboardPage,
    browser,
    chromium,
    new_page,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def program() -> str:
    found = chromium()
    if found is None:
        pytest.skip(NO_CHROMIUM)
    return found


@pytest.fixture(scope="module")
def dashboard(program: str, demo: Demo, first_run: str) -> Iterator[DashboardPage]:
    """Logged in as analyst, every chart drawn with the dashboard's own choices."""
    with browser(program) as opened:
        page = DashboardPage(new_page(opened), f"http://127.0.0.1:{demo.port('SUPERSET')}")
        page.log_in("analyst", demo.secret("SUPERSET_ANALYST_PASSWORD"))
        page.open()
        page.show_whole()
        yield page


@pytest.fixture(autouse=True)
def nothing_went_wrong(dashboard: DashboardPage) -> Iterator[None]:
    """Whatever the analyst does, no chart shows an error and the browser reports none."""
    yield
    assert dashboard.errors() == []
    assert dashboard.console_errors == []


def ranked_by_hm(demo: Demo, look_back: str) -> list[dict[str, Any]]:
    told = demo.hm("ranking", "--format", "json", "--limit", "10", "--look-back", look_back)
    assert told.returncode == 0, told.stderr
    rows: list[dict[str, Any]] = json.loads(told.stdout)
    return rows


def as_read(rows: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Rank, symbol, score and unit: a volatility of 1.4931 reads 149.31 % a year."""
    return [(str(row["rank"]), row["symbol"], f"{100 * row['value']:,.2f}", "% a year") for row in rows]


def first_ten(dashboard: DashboardPage) -> list[tuple[str, str, str, str]]:
    rows = dashboard.table(RANKING)[:10]
    return [(row["Rank"], row["Symbol"], row["Score"], row["Unit"]) for row in rows]


def test_the_first_look_tells_what_is_simulated_and_which_stocks_move_most(
    demo: Demo, dashboard: DashboardPage
) -> None:
    text = dashboard.page.locator('[data-test="grid-content"]').inner_text()
    assert text.startswith("Demo data. Symbols that begin with SIM are simulated")
    assert first_ten(dashboard) == as_read(ranked_by_hm(demo, "1y"))
    assert "2020-06-12" in dashboard.chart("Data as of").inner_text()
    assert dashboard.scrolls_sideways() == []


def test_without_a_click_the_history_shows_the_first_five(dashboard: DashboardPage) -> None:
    symbols = [row["Symbol"] for row in dashboard.table(RANKING)[:5]]
    (caption,) = dashboard.table(CAPTION)
    assert next(iter(caption.values())) == f"The first five: {', '.join(symbols)}"


def test_a_longer_look_back_shows_the_ranking_that_hm_prints(demo: Demo, dashboard: DashboardPage) -> None:
    before = first_ten(dashboard)
    dashboard.choose("Look-back", "2 years")
    assert first_ten(dashboard) == as_read(ranked_by_hm(demo, "2y")) != before


def test_a_click_on_a_symbol_shows_its_history_and_leaves_the_ranking_whole(dashboard: DashboardPage) -> None:
    before = dashboard.table(RANKING)
    chosen = before[1]
    shown = dashboard.click_cell(RANKING, chosen["Symbol"])
    assert shown == {"Moving deviation": [chosen["Symbol"]], "Average price USD": [chosen["Symbol"]]}
    (caption,) = dashboard.table(CAPTION)
    assert next(iter(caption.values())).split() == [chosen["Symbol"], *chosen["Name"].split()]
    assert dashboard.table(RANKING) == before


def test_a_click_on_a_market_shows_its_first_five(demo: Demo, dashboard: DashboardPage) -> None:
    """The symbol that was clicked before goes: a table has one click at a time."""
    market = dashboard.table(RANKING)[0]["Market"]
    first_five = demo.ask(
        f"""select symbol from marts.ranking(interval '2 years')
        where market = '{market}' and rank is not null order by rank limit 5""",
        role="READER",
    )
    shown = dashboard.click_cell(RANKING, market)
    symbols = {str(symbol) for (symbol,) in first_five}
    assert {name: set(lines) for name, lines in shown.items()} == dict.fromkeys(shown, symbols)
    assert len(shown) == 2


def test_a_click_on_a_bar_adds_its_stock(dashboard: DashboardPage) -> None:
    """Clicks in two charts add up, so that two stocks can be compared."""
    first, second = (row["Symbol"] for row in dashboard.table(RANKING)[:2])
    dashboard.click_cell(RANKING, second)
    shown = dashboard.click_first_bar("Top 20")
    assert {name: set(lines) for name, lines in shown.items()} == {name: {first, second} for name in shown}
