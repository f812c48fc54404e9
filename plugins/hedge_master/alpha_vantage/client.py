"""Asks Alpha Vantage (or the sample market server, which speaks the same) within a budget of calls."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from tenacity.stop import stop_base

from hedge_master.alpha_vantage import secrecy, transport
from hedge_master.alpha_vantage.budget import CallBudget
from hedge_master.alpha_vantage.checks import Check, whole_list, whole_series, whole_table
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    CalledOff,
    DailyLimitReached,
    EmptyAnswer,
    KeyEchoed,
    KeyRefused,
)
from hedge_master.alpha_vantage.notices import notice_in
from hedge_master.alpha_vantage.transport import Reply

ATTEMPTS = 5
PAUSES_SECONDS_AT_MOST = 90.0  # in all, so that a call ends; a server that wants us to wait longer is left at once
LONGEST_TEXT = 500  # of an error: enough for every recorded notice

OutputSize = Literal["compact", "full"]
Horizon = Literal["3month", "6month", "12month"]

_backoff = wait_exponential_jitter(multiplier=0.5, max=20)


@dataclass(frozen=True)
class Answer:
    """One answer as it came: the raw body, the UTC time at which it was asked for, and the far end's own clock.

    `market_time` is the HTTP header Date (RFC 9110): which sessions had closed is measured by the clock of whoever
    tells the prices. The sample market's stands in another year than ours. `attempts`: HTTP calls that it took.
    """

    body: bytes
    requested_at: datetime
    market_time: datetime
    attempts: int = 1


class AlphaVantageClient:
    """A typed view on `GET /query`. Thread-safe; close it, or use it as a context manager.

    Each method returns the whole, raw answer for what was asked, or raises an AlphaVantageError, whose text never holds
    the key. `budget` is asked before every HTTP attempt. What another try may mend is asked again up to ATTEMPTS times.
    """

    def __init__(self, base_url: str, api_key: str, budget: CallBudget) -> None:
        if not api_key or not all("!" <= character <= "~" for character in api_key):
            raise KeyRefused("HM_ALPHA_VANTAGE_API_KEY is empty or holds a character that no key has")
        self._secret = secrecy.Secret(api_key)
        secrecy.keep_out_of_logs(self._secret)
        self._budget = budget
        self._http = transport.open_client(base_url)
        self._announce: Callable[[], None] = lambda: None
        self._stopped: Callable[[], bool] = lambda: False

    def __repr__(self) -> str:
        return f"AlphaVantageClient({str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def announcing(self, announce: Callable[[], None]) -> AlphaVantageClient:
        """The same client for one call, which says so by `announce` when the budget lets it through: just before its
        first HTTP request, and not at all where none is made."""
        view = copy(self)
        view._announce = announce
        return view

    def until(self, stopped: Callable[[], bool]) -> AlphaVantageClient:
        """The same client for calls that nobody wants any more once they are `stopped`: then no HTTP request goes out,
        and CalledOff is raised in its place, whether the call waits for the budget or for another try."""
        view = copy(self)
        view._stopped = stopped
        return view

    def daily_prices(self, symbol: str, outputsize: str) -> Answer:
        """TIME_SERIES_DAILY as JSON. `outputsize`: compact (latest 100 days) or full (all history)."""
        check = whole_series("Time Series (Daily)", {"2. Symbol": symbol})
        return self._ask("TIME_SERIES_DAILY", check, symbol=symbol, outputsize=outputsize)

    def fx_daily(self, from_symbol: str, to_symbol: str, outputsize: OutputSize) -> Answer:
        """FX_DAILY as JSON: units of the currency `to_symbol` for one `from_symbol`."""
        named = {"2. From Symbol": from_symbol, "3. To Symbol": to_symbol}
        check = whole_series("Time Series FX (Daily)", named)
        return self._ask("FX_DAILY", check, from_symbol=from_symbol, to_symbol=to_symbol, outputsize=outputsize)

    def search(self, keywords: str) -> Answer:
        """SYMBOL_SEARCH as JSON: at most 10 best matches. An empty list of them is an answer as well."""
        return self._ask("SYMBOL_SEARCH", whole_list("bestMatches"), keywords=keywords)

    def listing_status(self, state: str) -> Answer:
        """LISTING_STATUS as CSV. `state`: active or delisted."""
        return self._ask("LISTING_STATUS", whole_table("symbol", "name", "exchange"), state=state)

    def splits(self, symbol: str) -> Answer:
        """SPLITS as CSV: effective_date, split_factor."""
        return self._ask("SPLITS", whole_table("effective_date", "split_factor"), symbol=symbol, datatype="csv")

    def earnings(self, symbol: str) -> Answer:
        """EARNINGS as JSON: what the company has reported by year and quarter."""
        return self._ask("EARNINGS", whole_list("quarterlyEarnings", {"symbol": symbol}), symbol=symbol)

    def earnings_calendar(self, horizon: Horizon, symbol: str | None = None) -> Answer:
        """EARNINGS_CALENDAR as CSV: reports to come within `horizon`, of one company or of all."""
        check = whole_table("symbol", "name", "reportDate", symbol=symbol)
        only = {} if symbol is None else {"symbol": symbol}
        return self._ask("EARNINGS_CALENDAR", check, horizon=horizon, **only)

    def market_status(self) -> Answer:
        """MARKET_STATUS as JSON: which of the world's markets are open now."""
        return self._ask("MARKET_STATUS", whole_list("markets"))

    def _ask(self, function: str, check: Check, **parameters: str) -> Answer:
        attempts = 0

        def wanted() -> None:
            if self._stopped():
                raise CalledOff(f"{_named(function, parameters)}: the API was to be asked no more")

        def go_out() -> None:
            wanted()  # the wait for the budget may have been long
            if not attempts:
                self._announce()

        def attempt() -> Answer:
            nonlocal attempts
            wanted()
            self._budget.reserve(go_out)
            attempts += 1
            return self._ask_once(function, check, parameters)

        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, AlphaVantageError) and error.retry),
            wait=_pause,
            stop=stop_after_attempt(ATTEMPTS) | _WaitsTooLong(),
            reraise=True,
        )
        try:
            answer = retrying(attempt)
        except AlphaVantageError as error:
            error.attempts = attempts
            raise
        return replace(answer, attempts=attempts)

    def _ask_once(self, function: str, check: Check, parameters: dict[str, str]) -> Answer:
        requested_at = datetime.now(UTC)
        reply = self._judged(transport.get(self._http, {"function": function, **parameters}, self._secret), check)
        if isinstance(reply, Reply):
            return Answer(reply.body, requested_at, reply.date or requested_at)
        if isinstance(reply, DailyLimitReached):
            self._budget.refused_for_today(requested_at)
        raise self._told(reply, _named(function, parameters))

    def _judged(self, reply: Reply | AlphaVantageError, check: Check) -> Reply | AlphaVantageError:
        """The reply where it is what was asked for, else why it is not."""
        if isinstance(reply, AlphaVantageError):
            return reply
        if fault := transport.status_fault(reply):
            return fault
        notice, wrong = notice_in(reply.body), check(reply.body)
        if isinstance(notice, EmptyAnswer) and wrong is None:
            notice = None  # a search that finds nothing has been answered
        if fault := notice or wrong:
            return fault
        if self._secret.is_in(reply.body):
            return KeyEchoed(f"{len(reply.body)} bytes with the API key among them")
        return reply

    def _told(self, fault: AlphaVantageError, subject: str) -> AlphaVantageError:
        """The same error, named, and without the key in its text."""
        told = type(fault)(f"{subject}: {self._secret.hidden_in(str(fault))[:LONGEST_TEXT]}")
        told.retry_after = fault.retry_after
        return told


def _named(function: str, parameters: dict[str, str]) -> str:
    """The call in the words of its parameters; how it is delivered says nothing in an error."""
    return " ".join((function, *(value for name, value in parameters.items() if name != "datatype")))


def _fault_of(state: RetryCallState) -> AlphaVantageError:
    fault = state.outcome.exception() if state.outcome else None
    assert isinstance(fault, AlphaVantageError)  # noqa: S101 - nothing else is asked again
    return fault


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: growing, with jitter, and never less than the server or the notice asks for."""
    fault = _fault_of(state)
    return max(fault.retry_after or 0.0, fault.pause_seconds + _backoff(state))


class _WaitsTooLong(stop_base):
    """Counts the pauses alone: waiting for the budget is no fault of the call."""

    def __call__(self, state: RetryCallState) -> bool:
        return state.idle_for + state.upcoming_sleep > PAUSES_SECONDS_AT_MOST
