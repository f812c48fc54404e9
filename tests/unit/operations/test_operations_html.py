"""The page of figures: what stands on it, how old it may be, and who gets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hedge_master.ingestion.budget import BudgetState
from hedge_master.operations.figures import Figures, OpenGap, Rejected, StaleSymbol
from hedge_master.operations.freshness import FRESH_SECONDS, RELOAD_SECONDS, FreshFigures
from hedge_master.operations.page import render
from hedge_master.operations.progress import RunProgress, State
from hedge_master.settings import REPO_ROOT

NOON = datetime(2020, 6, 12, 12, tzinfo=UTC)
FRIDAY = date(2020, 6, 12)

RUN = RunProgress(
    run_id="backfill_price_history/manual",
    kind="history",
    market_date=FRIDAY,
    planned_at=NOON,
    ended_at=None,
    state=State.RUNNING,
    symbols=80_000,
    answered=31_234,
    outcomes={"published": 31_000, "nothing_there": 234},
    retries=17,
    last_call=NOON,
    calls_per_minute=1187.2,
    ends_at=datetime(2020, 6, 12, 12, 41, tzinfo=UTC),
    note=None,
)
FIGURES = Figures(
    read_at=NOON,
    market_date=FRIDAY,
    newest_bar=FRIDAY,
    budget=BudgetState(31_234, 8_766, datetime(2020, 6, 13, 4, tzinfo=UTC)),
    calls_per_day=40_000,
    runs=[RUN],
    symbols=80_000,
    histories=31_000,
    empty_count=7,
    stale_count=812,
    stalest=[StaleSymbol("SAP.DEX", "XETRA", date(2020, 6, 9), 3, "never asked")],
    gap_count=1,
    gaps=[OpenGap("IBM", date(2020, 1, 3), date(2020, 2, 3))],
    rejected=Rejected(20, 2_000_000, 312, {"high_below_low": 312}),
    refusals={"TooFast": 12},
)

# What Airflow answers to somebody without a token, in a process of its own: Airflow reads its settings when imported.
ASK_EVERY_ROUTE = """
import json
from fastapi.testclient import TestClient
from hedge_master.operations.app import operations_app

def read():
    raise AssertionError("the figures were read for somebody who is not logged in")

app = operations_app(read)
client = TestClient(app)
print("TOLD " + json.dumps({route.path: client.get(route.path).status_code for route in app.routes}))
"""
IMPORT_THE_PLUGIN = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
import hedge_master_ui
print("TOLD " + json.dumps(sorted(set(sys.modules) - before)))
"""


def told_by_airflow(program: str, home: Path) -> Any:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "AIRFLOW"))}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}"}
    environ |= {"PYTHONPATH": str(REPO_ROOT / "plugins"), "AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    ended = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=120)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("TOLD ")]
    assert lines, ended.stderr[-3000:]
    return json.loads(lines[0].removeprefix("TOLD "))


def test_the_page_says_how_far_the_backfill_is_and_when_it_ends() -> None:
    page = " ".join(render(FIGURES, 15).split())
    assert "31,234 <small>of 80,000</small>" in page
    assert "1,187 calls a minute; ends about 2020-06-12 12:41 UTC" in page
    assert '<p class="figure" id="budget-left">8,766 calls</p>' in page
    assert "31,000 published" in page
    assert "234 nothing there" in page
    assert "of 80,000 are behind their market; of 7 more the API has nothing" in page


def test_a_plan_without_a_daily_limit_says_so() -> None:
    budget = BudgetState(31_234, None, datetime(2020, 6, 13, 4, tzinfo=UTC))
    page = render(replace(FIGURES, budget=budget, calls_per_day=0, runs=[]), 15)
    assert '<p class="figure" id="budget-left">no limit</p>' in page
    assert "at rest" in page


def test_what_an_api_says_is_text_and_no_markup() -> None:
    """A symbol, a region, a note and an error come from far away."""
    evil = "<script>alert(1)</script>"
    figures = replace(
        FIGURES,
        runs=[replace(RUN, run_id=evil, note=evil, outcomes={evil: 1})],
        stalest=[StaleSymbol(evil, evil, None, None, evil)],
        gaps=[OpenGap(evil, FRIDAY, None)],
        rejected=Rejected(1, 1, 1, {evil: 1}),
        refusals={evil: 1},
    )
    page = render(figures, 15)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 9


def test_the_page_needs_no_other_host_and_offers_nothing_to_press() -> None:
    page = render(FIGURES, 15)
    for word in ("http://", "https://", "src=", "href=", "<form", "<button", "<script"):
        assert word not in page
    assert '<meta http-equiv="refresh" content="15">' in page


def test_every_route_refuses_whoever_is_not_logged_in(tmp_path: Path) -> None:
    """No token: 401, and the figures are not even read. Documentation routes, which FastAPI adds, are not there."""
    assert told_by_airflow(ASK_EVERY_ROUTE, tmp_path) == {"/": 401}


def test_ten_open_pages_read_the_warehouse_once_in_ten_seconds() -> None:
    """The page asks again after 15 s: what a person sees is never older than 30 s, with 5 s for the reading."""
    clock = iter([100.0, 109.9, 110.1, 120.0])
    reads = iter([FIGURES, replace(FIGURES, stale_count=0)])
    figures = FreshFigures(lambda: next(reads), clock=lambda: next(clock))
    assert [figures.get().stale_count for _ in range(4)] == [812, 812, 0, 0]
    assert FRESH_SECONDS + RELOAD_SECONDS + 5 <= 30


def test_airflow_loads_nothing_with_the_plugin(tmp_path: Path) -> None:
    """It imports the file in each task process, too."""
    assert told_by_airflow(IMPORT_THE_PLUGIN, tmp_path) == ["hedge_master_ui"]
