"""The market clock: the moment up to which the server knows anything. Kept in a file, moves forward only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from datetime import date, time
from pathlib import Path

import numpy as np

from hedge_master.sample_market.files import replace_atomically
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import Days
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE


class ClockRefused(ValueError):
    """The clock cannot go there; the text says where it stands and how far it may go."""


class ClockFileError(ValueError):
    """The kept clock cannot be read; the text names the file."""


class MarketClock:
    """One moment, shared by all requests (thread-safe) and kept over restarts.

    `path`: the JSON file, {"market_date": "YYYY-MM-DD", "market_time": "HH:MM" or null}.
    `start`: the day at whose end the clock stands while there is no such file.
    `sessions`: the trading days of every served exchange; a trading day is one on which any of them trades.
    """

    def __init__(self, path: Path, start: date, sessions: Iterable[Days]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._trading_days = np.unique(np.concatenate(list(sessions)))
        self._moment = _read(path) if path.exists() else Moment(start)

    @property
    def moment(self) -> Moment:
        return self._moment

    @property
    def is_trading_day(self) -> bool:
        return bool(np.isin(np.datetime64(self._moment.day), self._trading_days))

    @property
    def next_trading_day(self) -> date | None:
        """None when there is no further one up to LAST_MARKET_DATE."""
        coming = self._coming(self._moment.day)
        return coming[0].item() if len(coming) else None

    def set_to(self, day: date, at: time | None = None) -> Moment:
        """Moves to `at` (UTC) of `day`, or to its end; staying is allowed.

        Raises ClockRefused backwards or after LAST_MARKET_DATE.
        """
        with self._lock:
            return self._move(Moment(day, at))

    def advance(self, trading_days: int) -> Moment:
        """Moves to the end of the `trading_days`-th trading day after today's (1 or more).

        Raises ClockRefused when that many are not left.
        """
        with self._lock:
            coming = self._coming(self._moment.day)
            if trading_days > len(coming):
                raise ClockRefused(
                    f"the market clock stands at {self._moment} and cannot advance {trading_days} trading days: "
                    f"{len(coming)} are left up to {LAST_MARKET_DATE}"
                )
            return self._move(Moment(coming[trading_days - 1].item()))

    def _coming(self, day: date) -> Days:
        return self._trading_days[np.searchsorted(self._trading_days, np.datetime64(day), side="right") :]

    def _move(self, target: Moment) -> Moment:
        if target.instant < self._moment.instant:
            raise ClockRefused(
                f"the market clock stands at {self._moment} and only moves forward: {target} is before it "
                f"(to start over, stop the server and delete {self._path})"
            )
        if target.day > LAST_MARKET_DATE:
            raise ClockRefused(
                f"the market clock stands at {self._moment} and ends at {LAST_MARKET_DATE}: {target} is after"
            )
        # File first: a clock that the callers saw must never be earlier after a crash.
        with replace_atomically(self._path) as file:
            file.write(json.dumps(target.as_json()).encode() + b"\n")
        self._moment = target
        return target


def _read(path: Path) -> Moment:
    allowed = f"{FIRST_MARKET_DATE} to {LAST_MARKET_DATE}"
    try:
        moment = Moment.from_json(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise ClockFileError(
            f'{path} is no market clock ({error}): it holds {{"market_date": "YYYY-MM-DD", "market_time": "HH:MM" or '
            f"null}}, {allowed}; delete it to start over"
        ) from error
    if not FIRST_MARKET_DATE <= moment.day <= LAST_MARKET_DATE:
        raise ClockFileError(f"{path} says {moment.day}, which is not in {allowed}; delete it to start over")
    return moment
