"""Which days each exchange trades, from exchange_calendars, kept in a file because building takes seconds.

Twenty calendars take about 5 s to build and 2.6 s to import the library; the file takes 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.exchanges import MARKETS
from hedge_master.sample_market.files import replace_atomically
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE

Days = npt.NDArray[np.datetime64]


def calendar_ids() -> tuple[str, ...]:
    """Every calendar of MARKETS, each once, in order."""
    return tuple(dict.fromkeys(market.calendar for market in MARKETS))


def build_sessions(calendars: Iterable[str]) -> dict[str, Days]:
    """Trading days (datetime64[D], ascending) from FIRST_MARKET_DATE to LAST_MARKET_DATE, by calendar id."""
    # Imported here: the library takes 2.6 s, and the kept file makes it needless on every start but the first.
    import exchange_calendars

    return {
        calendar: exchange_calendars.get_calendar(
            calendar, start=FIRST_MARKET_DATE.isoformat(), end=LAST_MARKET_DATE.isoformat()
        ).sessions.to_numpy(dtype="datetime64[D]")
        for calendar in calendars
    }


def load_sessions(folder: Path) -> dict[str, Days]:
    """Sessions of all MARKETS, from `folder` if they were kept there by the same library version, else built and kept.

    Raises OSError or ValueError when the kept file cannot be read; deleting it is always safe.
    """
    known = calendar_ids()
    span = f"{FIRST_MARKET_DATE:%Y%m%d}-{LAST_MARKET_DATE:%Y%m%d}"
    kept = folder / f"sessions-{version('exchange_calendars')}-{span}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            if set(known) <= set(stored.files):
                return {calendar: stored[calendar].astype("datetime64[D]") for calendar in known}
    sessions = build_sessions(known)
    # Day numbers as int32: half the size of datetime64.
    with replace_atomically(kept) as file:
        numbers: dict[str, Any] = {key: days.astype(np.int64).astype(np.int32) for key, days in sessions.items()}
        np.savez_compressed(file, **numbers)
    return sessions
