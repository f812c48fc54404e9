"""The page "Hedge Master" in Airflow's UI after a demo: who may see it, and that it tells what the ledger tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from demo_stack import Demo

from hedge_master.local_stack.dashboard_page import NO_CHROMIUM, browser, chromium, new_page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

PAGE = "/hedge-master/"


def address(demo: Demo) -> str:
    return f"http://127.0.0.1:{demo.port('AIRFLOW')}"


@pytest.fixture(scope="module")
def anyone(demo: Demo, first_run: str) -> Iterator[httpx.Client]:
    """Somebody who is not logged in."""
    with httpx.Client(base_url=address(demo), timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def viewer(demo: Demo, anyone: httpx.Client) -> Iterator[httpx.Client]:
    login = {"username": "viewer", "password": demo.secret("AIRFLOW_VIEWER_PASSWORD")}
    token = anyone.post("/auth/token", json=login).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address(demo), timeout=60, trust_env=False, headers=headers) as client:
        yield client


def shown(page: str, name: str) -> str:
    """The text of the element `name`, without the smaller figure beside it."""
    found = re.search(rf'id="{name}">\s*([^<]*?)\s*<', page)
    assert found is not None, f"{name} is not on the page"
    return found.group(1)


def number(page: str, name: str) -> int:
    return int(shown(page, name).replace(",", ""))


def test_nobody_sees_the_page_without_logging_in(anyone: httpx.Client) -> None:
    assert anyone.get(PAGE).status_code == 401
    assert anyone.get(PAGE, headers={"Authorization": "Bearer forged"}).status_code in (401, 403)
    assert anyone.get(PAGE, headers={"Cookie": "_token=forged"}).status_code in (401, 403)
    for path in ("docs", "redoc", "openapi.json"):  # what FastAPI adds by itself
        assert anyone.get(PAGE + path).status_code == 404


def test_a_viewer_sees_the_page_and_can_change_nothing(viewer: httpx.Client) -> None:
    assert viewer.get(PAGE).status_code == 200
    run = {"dag_run_id": "a_viewers", "logical_date": None}
    refused = {
        "trigger": viewer.post("/api/v2/dags/sync_symbols/dagRuns", json=run),
        "clear": viewer.post("/api/v2/dags/sync_symbols/clearTaskInstances", json={"dry_run": False}),
        "pause": viewer.patch("/api/v2/dags/sync_symbols", json={"is_paused": True}),
        "connections": viewer.get("/api/v2/connections"),
        "one connection": viewer.get("/api/v2/connections/hm_warehouse"),
        "variables": viewer.get("/api/v2/variables"),
    }
    assert {what: answer.status_code for what, answer in refused.items()} == dict.fromkeys(refused, 403)


def test_the_page_shows_what_the_ledger_holds(demo: Demo, viewer: httpx.Client) -> None:
    page = viewer.get(PAGE).text
    ((calls,),) = demo.ask(
        "select coalesce(sum(calls), 0) from market.api_budget_days where day = market.api_day(now())"
    )
    assert number(page, "budget-calls") == calls
    ((delivered, rejected),) = demo.ask(
        "select sum(delivered), sum(rejected) from market.ingest_batches "
        "where batch_id > (select max(batch_id) - 20 from market.ingest_batches)"
    )
    assert number(page, "rejected") == rejected
    assert f"of {delivered:,} in the newest" in page
    ((newest, market_date),) = demo.ask(
        "select (select max(day) from market.prices), (select max(market_date) from market.market_dates)"
    )
    assert shown(page, "newest-bar") == str(newest)
    assert shown(page, "market-date") == str(market_date)
    # From the prices themselves, where the page reads what the merged answers speak for.
    ((trading, stale),) = demo.ask(
        """select count(*), count(*) filter (where last_bar < newest or (last_bar is null and not is_empty))
        from (
            select bool_or(symbol in (select symbol from market.api_calls where outcome = 'nothing_there')) as is_empty,
                max(day) as last_bar, max(max(day)) over (partition by region) as newest
            from market.symbols left join market.prices using (symbol_id)
            where ticker_until is null and status = 'active' group by symbol_id
        ) as bars"""
    )
    assert number(page, "stale-count") == stale
    assert f"of {trading:,} are behind their market" in page
    ((gaps,),) = demo.ask(
        """select count(distinct symbol) from market.api_calls as compact
        where gap_after is not null and requested_at > (
            select coalesce(max(requested_at), '-infinity') from market.api_calls as whole
            where whole.symbol = compact.symbol and whole.outputsize = 'full' and whole.outcome = 'published')"""
    )
    assert number(page, "gap-count") == gaps


def test_each_run_stands_there_with_its_answers(demo: Demo, viewer: httpx.Client) -> None:
    page = viewer.get(PAGE).text
    runs = demo.ask(
        """select run_id, symbols, note, (select count(*) from market.api_calls as calls
            where calls.run_id = runs.run_id and calls.outcome = 'published')
        from market.ingest_runs as runs order by planned_at desc limit 6"""
    )
    assert runs
    for run_id, symbols, note, published in runs:
        row = page[page.index(f"<td>{run_id}") :].partition("</tr>")[0]
        assert f"{published:,} published" in row
        assert f"of {symbols:,}" in row
        assert str(note) in row


def test_it_is_a_page_of_the_ui(demo: Demo, first_run: str) -> None:
    """A viewer clicks "Hedge Master" beside the DAGs and reads the figures, without an error and from one host."""
    program = chromium()
    if program is None:
        pytest.skip(NO_CHROMIUM)
    with browser(program) as opened:
        page = new_page(opened)
        errors: list[str] = []
        hosts: set[str] = set()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.goto(f"{address(demo)}/auth/login/")
        page.locator("#username").fill("viewer")
        page.locator("#password").fill(demo.secret("AIRFLOW_VIEWER_PASSWORD"))
        with page.expect_navigation(url=lambda url: "/auth/login" not in url):
            page.locator("#password").press("Enter")
        page.get_by_text("Hedge Master").first.click()
        page.frame_locator("iframe").locator("#stale-count").wait_for()
    assert errors == []
    assert hosts == {f"127.0.0.1:{demo.port('AIRFLOW')}"}
