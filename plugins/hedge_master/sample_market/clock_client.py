"""Reads and moves the market clock of a running sample market server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

import httpx

from hedge_master.sample_market.moment import Moment

TIMEOUT_SECONDS = 10.0


class ClockUnavailable(RuntimeError):
    """The server is down, is no sample market, or refused; the text says which, and the way out."""


@dataclass(frozen=True)
class ClockState:
    """Where the clock stands, the trading day that follows (None at the end), and the last day that it can reach."""

    moment: Moment
    next_trading_day: date | None
    last_market_date: date


def clock(base_url: str) -> ClockState:
    """The state of the server's clock. Raises ClockUnavailable."""
    return _clock(base_url, "GET", None)


def market_date(base_url: str) -> date:
    """The server's market date. Raises ClockUnavailable."""
    return clock(base_url).moment.day


def set_market_date(base_url: str, day: date) -> date:
    """Moves the clock forward to the end of `day`; returns the new market date. Raises ClockUnavailable."""
    return _clock(base_url, "POST", {"market_date": day.isoformat()}).moment.day


def set_market_time(base_url: str, day: date, at: time) -> Moment:
    """Moves the clock forward to `at` (UTC, to the minute) of `day`. Raises ClockUnavailable."""
    return _clock(base_url, "POST", Moment(day, at).as_json()).moment


def advance(base_url: str, days: int) -> date:
    """Moves the clock `days` trading days on; returns the new market date. Raises ClockUnavailable."""
    return _clock(base_url, "POST", {"advance_trading_days": days}).moment.day


def _clock(base_url: str, method: str, body: dict[str, Any] | None) -> ClockState:
    url = f"{base_url.rstrip('/')}/clock"
    try:
        # trust_env: a proxy of the environment must not stand between this machine and itself.
        answer = httpx.request(method, url, json=body, timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise ClockUnavailable(
            f"the sample market at {base_url} does not answer ({error}): start it with `make demo`"
        ) from error
    try:
        content = answer.json()
        if answer.status_code in {409, 422}:
            raise ClockUnavailable(str(content["detail"]))
        answer.raise_for_status()
        following = content["next_trading_day"]
        return ClockState(
            Moment.from_json(content),
            date.fromisoformat(following) if following else None,
            date.fromisoformat(content["last_market_date"]),
        )
    except (ValueError, KeyError, TypeError, httpx.HTTPStatusError) as error:
        raise ClockUnavailable(
            f"{url} is no market clock: it answered {answer.status_code} {answer.text[:200]!r}"
        ) from error
