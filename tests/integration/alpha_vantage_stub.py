"""An Alpha Vantage of a few made-up companies, with a budget of calls, that answers as the real one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

from hedge_master.alpha_vantage.client import Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError, DailyLimitReached

LISTING_COLUMNS = "symbol,name,exchange,assetType,ipoDate,delistingDate,status"


class AlphaVantageStub:
    """Counts the calls of each keyword and state in `calls`; what is in `faults` is raised in the place of an answer.

    `left`: calls of the day, None for no limit.
    """

    def __init__(self, symbols: Iterable[str] = (), left: int | None = None) -> None:
        self.symbols = sorted(symbols)
        self.active: list[str] = []
        self.delisted: list[str] = []
        self.left = left
        self.calls: list[str] = []
        self.faults: dict[str, AlphaVantageError] = {}
        self._lock = threading.Lock()

    def until(self, _stopped: Callable[[], bool]) -> AlphaVantageStub:
        return self

    def announcing(self, announce: Callable[[], None]) -> SimpleNamespace:
        return SimpleNamespace(
            search=partial(self.search, announce=announce),
            listing_status=partial(self.listing_status, announce=announce),
        )

    def search(self, keywords: str, announce: Callable[[], None] = lambda: None) -> Answer:
        """The first ten symbols that begin with the keyword."""
        self._count(keywords, announce)
        found = [symbol for symbol in self.symbols if symbol.startswith(keywords.upper())][:10]
        return _answer(json.dumps({"bestMatches": [_match(symbol) for symbol in found]}))

    def listing_status(self, state: str, announce: Callable[[], None] = lambda: None) -> Answer:
        self._count(state, announce)
        rows = self.active if state == "active" else self.delisted
        return _answer("\n".join([LISTING_COLUMNS, *rows]))

    def _count(self, asked: str, announce: Callable[[], None]) -> None:
        with self._lock:
            if self.left == 0:
                spent = DailyLimitReached("25 requests per day")
                spent.attempts = 0
                raise spent
            self.left = None if self.left is None else self.left - 1
            self.calls.append(asked)
        announce()
        if asked in self.faults:
            raise self.faults[asked]


def listed(symbol: str, ended: str = "null", began: str = "2004-01-05", name: str = "") -> str:
    """One line of LISTING_STATUS."""
    status = "Active" if ended == "null" else "Delisted"
    return f"{symbol},{name or symbol + ' Inc'},NYSE,Stock,{began},{ended},{status}"


def _match(symbol: str) -> dict[str, str]:
    """A London share about which the API says neither region nor currency."""
    return {
        "1. symbol": f"{symbol}.LON",
        "2. name": f"{symbol} plc",
        "3. type": "Equity",
        "4. region": "",
        "5. marketOpen": "08:00",
        "6. marketClose": "16:30",
        "7. timezone": "UTC+01",
        "8. currency": "",
        "9. matchScore": "1.0000",
    }


def _answer(body: str) -> Answer:
    now = datetime.now(UTC)
    return Answer(body.encode(), now, now)
