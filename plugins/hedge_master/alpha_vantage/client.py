"""Asks Alpha Vantage (or the sample market server, which speaks the same) and keeps to the plan's limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from hedge_master.alpha_vantage.budget import CallBudget
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    ServerFault,
    UnreadableAnswer,
    notice_in,
)

ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
REDACTED = "[API key]"


@dataclass(frozen=True)
class Answer:
    """One answer as it came: the raw body, the UTC time at which it was asked for, and the far end's own clock.

    `market_time` is the HTTP header Date (RFC 9110): which sessions had closed is measured by the clock of whoever
    tells the prices. The sample market's stands in another year than ours.
    """

    body: bytes
    requested_at: datetime
    market_time: datetime
    attempts: int = 1


class AlphaVantageClient:
    """A typed, rate-limited view on `GET /query`. Thread-safe; close it, or use it as a context manager.

    `limits` are calls per second, minute and day; 0 means no limit.
    """

    def __init__(self, base_url: str, api_key: str, budget: CallBudget) -> None:
        # httpx logs each URL at INFO, and the key is part of it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._api_key = api_key
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_SECONDS)
        self._budget = budget

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def daily_prices(self, symbol: str, outputsize: str) -> Answer:
        """TIME_SERIES_DAILY as JSON. `outputsize`: compact (latest 100 days) or full (all history)."""
        return self.ask("TIME_SERIES_DAILY", _looks_like_a_series, symbol=symbol, outputsize=outputsize)

    def search(self, keywords: str) -> Answer:
        """SYMBOL_SEARCH as JSON: at most 10 best matches."""
        return self.ask("SYMBOL_SEARCH", keywords=keywords)

    def listing_status(self, state: str) -> Answer:
        """LISTING_STATUS as CSV. `state`: active or delisted."""
        return self.ask("LISTING_STATUS", state=state)

    def splits(self, symbol: str) -> Answer:
        """SPLITS as CSV: effective_date, split_factor."""
        return self.ask("SPLITS", symbol=symbol, datatype="csv")

    def ask(self, function: str, is_usable: Callable[[bytes], bool] = bool, **parameters: str) -> Answer:
        """The raw answer to one call. Raises an AlphaVantageError; its text never holds the key.

        A body that is not usable is asked for again, like any fault that a second try may mend.
        """
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, AlphaVantageError) and error.retry),
            wait=wait_exponential_jitter(multiplier=0.5, max=20),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        return retrying(self._ask_once, function, is_usable, parameters)

    def _ask_once(self, function: str, is_usable: Callable[[bytes], bool], parameters: dict[str, str]) -> Answer:
        self._budget.reserve()
        requested_at = datetime.now(UTC)
        query = {"function": function, **parameters, "apikey": self._api_key}
        try:
            response = self._http.get("/query", params=query)
        except httpx.RequestError as error:
            # `from None`: the chained error's request holds the address, and the address holds the key.
            raise ServerFault(f"{function}: {type(error).__name__}: {self._redacted(str(error))}") from None
        if response.status_code != httpx.codes.OK:
            raise ServerFault(f"{function}: HTTP {response.status_code}")
        notice = notice_in(response.content)
        if notice is not None:
            raise type(notice)(f"{function} {_subject(parameters)}: {self._redacted(str(notice))}")
        if not is_usable(response.content):
            raise UnreadableAnswer(
                f"{function} {_subject(parameters)}: {len(response.content)} bytes that are no such answer"
            )
        return Answer(response.content, requested_at, _date_of(response, requested_at))

    def _redacted(self, text: str) -> str:
        return text.replace(self._api_key, REDACTED)


def _date_of(response: httpx.Response, otherwise: datetime) -> datetime:
    """The answer's Date; `otherwise` where a server sends none that can be read (RFC 9110 lets it)."""
    try:
        return parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return otherwise


def _looks_like_a_series(body: bytes) -> bool:
    """Whole JSON with a series, or the empty object for a symbol without one; a cut-off body lacks its last brace."""
    text = body.strip()
    return text == b"{}" or (b'"Time Series (Daily)"' in text and text.endswith(b"}"))


def _subject(parameters: dict[str, str]) -> str:
    return parameters.get("symbol") or parameters.get("keywords") or parameters.get("state") or ""
