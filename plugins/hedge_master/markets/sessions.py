"""When the exchanges close: which session of a market is the last one that is over, from exchange_calendars.

The library knows holidays, early closes and summer time. A calendar costs about 50 ms however short its range is (its
holidays of two centuries are worked out first), so each is built once for a month and its neighbours and kept. The
import takes more than a second and stands inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hedge_master.markets.regions import Market, market_in

# Room for 20 years of one market, or for ten months of all.
MONTHS_KEPT = 300


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """The last session of a market that was over: its day there, and when it closed (UTC).

    Where that cannot be known both are None and `unsure` says why: such a market's symbols are to be asked for, and
    the reason is to be shown.
    """

    day: date | None = None
    closed_at: datetime | None = None
    unsure: str | None = None


def closed_sessions(moment: datetime, regions: Iterable[str]) -> dict[str, ClosedSession]:
    """Region -> its last session that had closed by `moment` (with a time zone), for each of `regions`.

    Regions are those of SYMBOL_SEARCH or MARKET_STATUS. Raises ValueError where `moment` names no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"moment {moment.isoformat()} has no time zone")
    return {region: _last_closed(moment, region) for region in dict.fromkeys(regions)}


def session_close(day: date, region: str) -> datetime | None:
    """When the session of `day` closed or will close in `region` (UTC).

    None where the exchange does not trade on that day, and where nobody knows: an unknown region, or a day that the
    calendar does not reach.
    """
    market = market_in(region)
    closes = None if market is None else _closes(market, day.year, day.month)
    return None if closes is None else closes.get(day)


def _last_closed(moment: datetime, region: str) -> ClosedSession:
    market = market_in(region)
    if market is None:
        return ClosedSession(unsure=f'region "{region}" has no exchange calendar')
    today = moment.astimezone(ZoneInfo(market.zone)).date()
    closes = _closes(market, today.year, today.month)
    if closes is None:
        return ClosedSession(unsure=f"the calendar {market.calendar} does not reach {today}")
    over = [(day, at) for day, at in closes.items() if at <= moment]
    if not over:
        return ClosedSession(unsure=f"the calendar {market.calendar} has no session in two months before {today}")
    day, closed_at = over[-1]
    return ClosedSession(day, closed_at)


@lru_cache(maxsize=MONTHS_KEPT)
def _closes(market: Market, year: int, month: int) -> dict[date, datetime] | None:
    """Sessions of a month and of the two before it, oldest first: day -> close in UTC; None as in `_sessions`."""
    sessions = _sessions(market.calendar, year, month)
    if sessions is None:
        return None
    return {day: at if is_early else _full_day(market, day, at) for day, at, is_early in sessions}


@lru_cache(maxsize=MONTHS_KEPT)
def _sessions(name: str, year: int, month: int) -> list[tuple[date, datetime, bool]] | None:
    """Day, close in UTC, and whether that is an early one, as the library has them. None where the calendar, which for
    some exchanges ends with the year, does not reach that far."""
    import exchange_calendars

    first = date(year, month, 1)
    start = _month_before(_month_before(first))
    end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    try:
        calendar = exchange_calendars.get_calendar(name, start=start.isoformat(), end=end.isoformat())
    except ValueError:  # what the library raises for a range beyond its bounds
        return None
    early = set(calendar.early_closes)
    return [
        (session.date(), at.to_pydatetime().astimezone(UTC), session in early)
        for session, at in calendar.closes.items()
    ]


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _full_day(market: Market, day: date, closes: datetime) -> datetime:
    """The end of a session that does not close early."""
    if market.trades_until is None:
        return closes
    return max(closes, datetime.combine(day, market.trades_until, ZoneInfo(market.zone)).astimezone(UTC))
