"""The dashboard in a browser, as an analyst sees it: for the screenshots and the end-to-end test.

Playwright steers the machine's own Chromium; it downloads none.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Response

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Headless, and quiet: no process of Chromium's own calls out.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DASHBOARD_PATH = "/superset/dashboard/volatility-ranking/"
RANKING = "Volatility ranking"
CAPTION = "Shown below"
HISTORY = (CAPTION, "Moving deviation", "Average price USD")
PATIENCE_MS = 120_000
SETTLED_MS = 200
TAKEN_MS = 10_000
MOST_CLICKS = 3
WIDTH, HEIGHT = 1400, 900
NO_CHROMIUM = "no Chromium on PATH: install it (Debian: apt-get install chromium) to look at the dashboard"


def chromium() -> str | None:
    """The first Chromium on PATH."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """A headless browser with a profile of its own, which goes with it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, headless=True, args=CHROMIUM_FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def new_page(opened: Browser) -> Page:
    """A page of a session of its own, in a window of WIDTH by HEIGHT pixels."""
    page = opened.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


BAR_COLOUR = [0x1F, 0xA8, 0xC9]  # the first of supersetColors


class DashboardPage:
    """The page of one session, steered by what a person reads on it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address
        self.console_errors: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, text: str) -> None:
        # Superset counts its installations by an image of another host, which our policy does not let in.
        if kind == "error" and not ("scarf.sh" in text and "Content Security Policy" in text):
            self.console_errors.append(text)

    def log_in(self, user: str, password: str) -> None:
        # The form reports that it was opened, which writes the visitor's session again. Were the password sent at the
        # same moment, that could be the later write, and the log-in would be lost.
        with self.page.expect_response(lambda response: urlsplit(response.url).path == "/superset/log/"):
            self.page.goto(f"{self._address}/login/")
        self.page.locator("#username").fill(user)
        self.page.locator("#password").fill(password)
        with self.page.expect_navigation(url=lambda url: "/login" not in urlsplit(url).path):
            self.page.locator("#password").press("Enter")

    def open(self) -> None:
        self.page.goto(f"{self._address}{DASHBOARD_PATH}")
        self.wait_until_drawn()

    def wait_until_drawn(self) -> None:
        """Until every chart near the window shows its answer, be it an error."""
        self.page.wait_for_function(
            """() => {
                const charts = [...document.querySelectorAll('[data-test="chart-grid-component"]')];
                const near = charts.filter(each => each.getBoundingClientRect().top < window.innerHeight);
                const drawn = '[data-test="slice-container"] > *, .ant-alert, .ant-empty, .error-message';
                const loading = '[data-test="loading-indicator"], .loading';
                return near.length > 0
                    && near.every(each => each.querySelector(drawn) && !each.querySelector(loading));
            }"""
        )

    def show_whole(self) -> None:
        """Makes the window as high as the page: Superset draws a chart when it comes near the window."""
        bottom = self.page.locator('[data-test="grid-content"]').evaluate("each => each.getBoundingClientRect().bottom")
        self.page.set_viewport_size({"width": WIDTH, "height": math.ceil(bottom)})
        self.wait_until_drawn()

    def chart(self, name: str) -> Locator:
        return self.page.locator(f'[data-test="chart-grid-component"][data-test-chart-name="{name}"]')

    def errors(self) -> list[str]:
        """What charts say instead of showing something."""
        return self.page.locator('[data-test="chart-container"] .ant-alert, .error-message').all_inner_texts()

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a table's page, as they are read: column -> text."""
        # Superset draws a table more than once until it knows its widths, at first without rows or with cells that
        # have no header. So: only where there are rows that fit the headers, and the same in two looks. A table that
        # has nothing to show is no table but a message.
        drawn = self.page.wait_for_function(
            """chart => {
                const texts = (row, cell) => [...row.querySelectorAll(cell)].map(each => each.innerText.trim());
                const headers = texts(chart, 'thead th');
                const rows = [...chart.querySelectorAll('tbody tr')].map(row => texts(row, 'td'));
                const seen = JSON.stringify([headers, rows]);
                const settled = chart.seenBefore === seen;
                chart.seenBefore = seen;
                return settled && rows.length > 0
                    && rows.every(row => row.length === headers.length) && {headers, rows};
            }""",
            arg=self.chart(name).element_handle(),
            polling=SETTLED_MS,
        ).json_value()
        return [dict(zip(drawn["headers"], row, strict=True)) for row in drawn["rows"]]

    def choose(self, filter_name: str, value: str) -> None:
        """Picks a value in the filter bar and applies it; returns when the charts show it."""
        bar = self.page.locator('[data-test="filter-bar"]')
        control = bar.locator(".filter-item-wrapper", has_text=re.compile(rf"^{re.escape(filter_name)}\W*"))
        control.locator(".ant-select-selector").click()
        self.page.locator(f'.ant-select-item-option[title="{value}"]:visible').click()
        with self.answer_for(RANKING):
            bar.locator('[data-test="filter-bar__apply-button"]').click()
        self.wait_until_drawn()

    def click_cell(self, chart: str, text: str) -> dict[str, list[str]]:
        """Clicks the first cell of this text; returns the stocks that each chart of the history then shows."""
        cell = self.chart(chart).locator("tbody").get_by_text(text, exact=True).first
        return self._history_after(cell.click)

    def click_first_bar(self, chart: str) -> dict[str, list[str]]:
        """Clicks into the leftmost bar, found by its colour; returns what `click_cell` does.

        Only where the same picture is seen in two looks. Raises playwright's TimeoutError where no bar of the colour
        comes to rest.
        """
        tile = self.chart(chart)
        place: dict[str, float] = self.page.wait_for_function(
            """([tile, [red, green, blue]]) => {
                const canvas = tile.querySelector('canvas');
                if (!canvas) return null;
                const {width, height} = canvas;
                const seen = canvas.toDataURL();
                const settled = tile.seenBefore === seen;
                tile.seenBefore = seen;
                if (!settled) return null;
                const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
                const isBar = (x, y) => {
                    const at = 4 * (y * width + x);
                    return Math.abs(pixels[at] - red) + Math.abs(pixels[at + 1] - green)
                        + Math.abs(pixels[at + 2] - blue) < 24 && pixels[at + 3] > 200;
                };
                for (let x = 0; x < width; x++) {
                    const inside = [...Array(height).keys()].filter(y => isBar(x, y));
                    if (inside.length > 8) {
                        const scale = canvas.clientWidth / width;
                        return {x: (x + 4) * scale, y: inside[inside.length >> 1] * scale};
                    }
                }
                return null;
            }""",
            arg=[tile.element_handle(), BAR_COLOUR],
            polling=SETTLED_MS,
        ).json_value()
        bars = tile.locator("canvas").first
        return self._history_after(lambda: bars.click(position={"x": place["x"], "y": place["y"]}))

    def _history_after(self, click: Callable[[], None]) -> dict[str, list[str]]:
        with ExitStack() as waiting:
            answers = {name: waiting.enter_context(self.answer_for(name)) for name in HISTORY}
            self._click_until_taken(click)
        self.wait_until_drawn()
        return {name: _series(answer.value.json()) for name, answer in answers.items() if name != CAPTION}

    def _click_until_taken(self, click: Callable[[], None]) -> None:
        """Clicks again where nothing has come of it, as a person does. Raises playwright's TimeoutError after the last.

        A click that was taken stands among the filter bar's tags. Superset draws a chart anew when the mouse comes over
        it, and a chart that is being drawn swallows a click: seen twice in CI, on a busy machine.
        """
        from playwright.sync_api import TimeoutError as NothingCame

        tags = '[data-test="filter-bar"] .ant-tag'
        texts = f"[...document.querySelectorAll('{tags}')].map(each => each.innerText).join()"
        before = self.page.evaluate(texts)
        for clicks in range(1, MOST_CLICKS + 1):
            click()
            try:
                self.page.wait_for_function(f"before => {texts} !== before", arg=before, timeout=TAKEN_MS)
                return
            except NothingCame:
                if clicks == MOST_CLICKS:
                    raise

    def scrolls_sideways(self) -> list[str]:
        """The tiles, or the page, that are wider than what is seen of them."""
        found: list[str] = self.page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll('[data-test="grid-content"] *')]
                .filter(each => /auto|scroll/.test(getComputedStyle(each).overflowX) || !each.parentElement)
                .filter(each => each.scrollWidth > each.clientWidth + 1)
                .map(each => `${each.tagName} ${each.className}: ${each.scrollWidth} > ${each.clientWidth}`)"""
        )
        return found

    def answer_for(self, chart: str) -> Any:
        """A context that ends when the chart's next data have come."""
        number = str(self.chart(chart).get_attribute("data-test-chart-id"))
        return self.page.expect_response(lambda response: _is_data_of(response, number))


def _series(answer: dict[str, Any]) -> list[str]:
    """The lines of a chart over time: the columns of its answer behind the time itself; none where it has no row."""
    result = answer["result"][0]
    names: list[str] = result["colnames"][1:] if result["rowcount"] else []
    return names


def _is_data_of(response: Response, chart_number: str) -> bool:
    parts = urlsplit(response.url)
    if not parts.path.endswith("/api/v1/chart/data"):
        return False
    form = parse_qs(parts.query).get("form_data", [""])[0]
    return re.search(rf'"slice_id":\s*{chart_number}\b', form) is not None
