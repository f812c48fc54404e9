"""`python -m hedge_master.local_stack.screenshots`: the pages that people see of the running stack, as PNG files.

Those that the documents show stand in docs/images, the others in HM_HOME/screenshots.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hedge_master.local_stack.dashboard_page import (
    NO_CHROMIUM,
    RANKING,
    DashboardPage,
    browser,
    chromium,
    new_page,
)
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stack import Stack, StackError, open_stack
from hedge_master.settings import REPO_ROOT, SettingsError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = REPO_ROOT / "docs" / "images"
SHOTS_UNTIL_STILL = 40
DAG = "build_volatility"


def take(stack: Stack) -> Iterator[Path]:
    """Logs in, takes each picture, and names its file. Raises StackError where it cannot."""
    program = chromium()
    if program is None:
        raise StackError(NO_CHROMIUM)
    if not stack.has_secrets:
        raise StackError("no stack was started yet: run `make demo`")
    own = stack.folders.home / "screenshots"
    for folder in (IMAGES, own):
        folder.mkdir(parents=True, exist_ok=True)
    with browser(program) as opened:
        yield from _dashboard(opened, stack, own)
        yield from _airflow(opened, stack, own)


def _dashboard(opened: Browser, stack: Stack, folder: Path) -> Iterator[Path]:
    address = f"http://127.0.0.1:{stack.settings.superset_port}"
    with _reached(address):
        dashboard = DashboardPage(new_page(opened), address)
        dashboard.log_in("analyst", stack.secret("SUPERSET_ANALYST_PASSWORD"))
        dashboard.open()
        yield _still(dashboard.page, IMAGES / "dashboard.png")
        dashboard.show_whole()
        yield _still(dashboard.page, folder / "dashboard-whole.png")
        dashboard.click_cell(RANKING, dashboard.table(RANKING)[0]["Symbol"])
        yield _still(dashboard.page, IMAGES / "dashboard-clicked.png")


def _airflow(opened: Browser, stack: Stack, folder: Path) -> Iterator[Path]:
    address = f"http://127.0.0.1:{stack.settings.airflow_port}"
    with _reached(address):
        page = new_page(opened)
        page.goto(f"{address}/auth/login/")
        page.locator("#username").fill("operator")
        page.locator("#password").fill(stack.secret("AIRFLOW_OPERATOR_PASSWORD"))
        with page.expect_navigation(url=lambda url: "/auth/login" not in url):
            page.locator("#password").press("Enter")
        page.goto(f"{address}/dags")
        page.get_by_text(DAG, exact=True).first.wait_for()
        yield _still(page, folder / "airflow-dags.png")
        page.goto(f"{address}/dags/{DAG}")
        page.locator("canvas").first.wait_for()
        yield _still(page, folder / f"airflow-{DAG}.png")


@contextmanager
def _reached(address: str) -> Iterator[None]:
    """Playwright's own words where something is not on a page; one line where nothing answers."""
    from playwright.sync_api import Error

    try:
        yield
    except Error as error:
        if "ERR_CONNECTION_REFUSED" in error.message:
            raise StackError(f"{address} does not answer: run `make demo` first") from None
        raise


def _still(page: Page, file: Path) -> Path:
    """Two pictures that are equal: charts have stopped moving into their places."""
    before = page.screenshot()
    for _ in range(SHOTS_UNTIL_STILL):
        after = page.screenshot()
        if after == before:
            file.write_bytes(after)
            return file
        before = after
    raise StackError(f"{page.url} does not come to rest: no picture for {file.name}")


def main() -> int:
    try:
        for file in take(open_stack()):
            console.print(f"{file} ({file.stat().st_size // 1024} kB)", soft_wrap=True, highlight=False)
    except (StackError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
