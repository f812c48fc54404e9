"""Reads and moves the market clock of a running sample market server."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import httpx

from hedge_master.sample_market.moment import Moment

TIMEOUT_SECONDS = 10.0


class ClockUnavailable(RuntimeError):
    """The server is down, is no sample market, or refused; the text says which, and the way out."""


def market_date(base_url: str) -> date:
    """The server's market date. Raises ClockUnavailable."""
    return market_moment(base_url).day


def market_moment(base_url: str) -> Moment:
    """Where the server's clock stands: its market date and, inside a day, the time. Raises ClockUnavailable."""
    return _moment(base_url, "GET", None)


def set_market_date(base_url: str, day: date) -> date:
    """Moves the clock forward to the end of `day`; returns the new market date. Raises ClockUnavailable."""
    return _moment(base_url, "POST", {"market_date": day.isoformat()}).day


def set_market_time(base_url: str, day: date, at: time) -> Moment:
    """Moves the clock forward to `at` (UTC, to the minute) of `day`. Raises ClockUnavailable."""
    return _moment(base_url, "POST", Moment(day, at).as_json())


def advance(base_url: str, days: int) -> date:
    """Moves the clock `days` trading days on; returns the new market date. Raises ClockUnavailable."""
    return _moment(base_url, "POST", {"advance_trading_days": days}).day


def _moment(base_url: str, method: str, body: dict[str, Any] | None) -> Moment:
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
        return Moment.from_json(content)
    except (ValueError, KeyError, TypeError, httpx.HTTPStatusError) as error:
        raise ClockUnavailable(
            f"{url} is no market clock: it answered {answer.status_code} {answer.text[:200]!r}"
        ) from error
