"""Asks Alpha Vantage (or the sample market server, which speaks the same) and keeps to the plan's limits."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
from pyrate_limiter import Duration, Limiter, Rate
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from hedge_master.alpha_vantage.errors import AlphaVantageError, ServerFault, UnreadableAnswer, notice_in

ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
REDACTED = "[API key]"


@dataclass(frozen=True)
class Answer:
    """One answer as it came: the raw body and the UTC time at which it was asked for."""

    body: bytes
    requested_at: datetime


class AlphaVantageClient:
    """A typed, rate-limited view on `GET /query`. Thread-safe; close it, or use it as a context manager.

    `limits` are calls per second, minute and day; 0 means no limit.
    """

    def __init__(self, base_url: str, api_key: str, limits: tuple[int, int, int] = (0, 0, 0)) -> None:
        # httpx logs each URL at INFO, and the key is part of it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._api_key = api_key
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_SECONDS)
        spans = (Duration.SECOND, Duration.MINUTE, Duration.DAY)
        rates = [Rate(limit, span) for limit, span in zip(limits, spans, strict=True) if limit]
        self._limiter = Limiter(rates) if rates else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def daily_prices(self, symbol: str, outputsize: str) -> Answer:
        """TIME_SERIES_DAILY as JSON. `outputsize`: compact (latest 100 days) or full (all history)."""
        answer = self.ask("TIME_SERIES_DAILY", symbol=symbol, outputsize=outputsize)
        if b'"Time Series (Daily)"' not in answer.body and answer.body.strip() != b"{}":
            raise UnreadableAnswer(f"TIME_SERIES_DAILY of {symbol}: no series in {self._redacted(answer.body[:80])}")
        return answer

    def search(self, keywords: str) -> Answer:
        """SYMBOL_SEARCH as JSON: at most 10 best matches."""
        return self.ask("SYMBOL_SEARCH", keywords=keywords)

    def listing_status(self, state: str) -> Answer:
        """LISTING_STATUS as CSV. `state`: active or delisted."""
        return self.ask("LISTING_STATUS", state=state)

    def splits(self, symbol: str) -> Answer:
        """SPLITS as CSV: effective_date, split_factor."""
        return self.ask("SPLITS", symbol=symbol, datatype="csv")

    def ask(self, function: str, **parameters: str) -> Answer:
        """The raw answer to one call. Raises an AlphaVantageError; its text never holds the key."""
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, AlphaVantageError) and error.retry),
            wait=wait_exponential_jitter(multiplier=0.5, max=20),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        return retrying(self._ask_once, function, parameters)

    def _ask_once(self, function: str, parameters: dict[str, str]) -> Answer:
        if self._limiter is not None:
            self._limiter.try_acquire("alpha-vantage")
        requested_at = datetime.now(UTC)
        query = {"function": function, **parameters, "apikey": self._api_key}
        try:
            response = self._http.get("/query", params=query)
        except httpx.TransportError as error:
            # `from None`: the chained error's request holds the address, and the address holds the key.
            raise ServerFault(f"{function}: {type(error).__name__}: {self._redacted(str(error))}") from None
        if response.status_code != httpx.codes.OK:
            raise ServerFault(f"{function}: HTTP {response.status_code}")
        notice = notice_in(response.content)
        if notice is not None:
            raise type(notice)(f"{function} {_subject(parameters)}: {self._redacted(str(notice))}")
        return Answer(response.content, requested_at)

    def _redacted(self, text: str | bytes) -> str:
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return shown.replace(self._api_key, REDACTED)


def _subject(parameters: dict[str, str]) -> str:
    return parameters.get("symbol") or parameters.get("keywords") or parameters.get("state") or ""
