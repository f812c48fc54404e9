"""The folder of payloads that a benchmark serves: answers made before the run, so that serving costs next to nothing.

A few templates with a place for the symbol are dealt in turn to as many symbols as wanted: 10,000 symbols of 1 MB take
the disk of the templates, and each symbol's answer is still its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

PLACE = "@SYMBOL@"
MANIFEST = "manifest.json"
MOST_SYMBOLS = 100_000
_SYMBOL = re.compile(r"BENCH(\d{5})")


@dataclass(frozen=True)
class Manifest:
    """How many symbols there are, over how many templates, and the day of the newest bar (YYYY-MM-DD)."""

    symbols: int
    templates: int
    market_date: str

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self)) + "\n")

    @property
    def day(self) -> date:
        return date.fromisoformat(self.market_date)


def symbol_of(number: int) -> str:
    """`number`: 0 to MOST_SYMBOLS - 1."""
    return f"BENCH{number:05}"


def template_file(outputsize: str, template: int) -> str:
    """The TIME_SERIES_DAILY answer. `outputsize`: full or compact."""
    return f"{outputsize}-{template}.json"


def splits_file(template: int) -> str:
    """The SPLITS answer in CSV."""
    return f"splits-{template}.csv"


class Payloads:
    """The answers of a folder, kept in memory. Raises FileNotFoundError: make_payloads.py has not made it."""

    def __init__(self, folder: Path) -> None:
        self.manifest = Manifest(**json.loads((folder / MANIFEST).read_text()))
        numbers = range(self.manifest.templates)
        self._series = {
            outputsize: [(folder / template_file(outputsize, number)).read_text().split(PLACE) for number in numbers]
            for outputsize in ("compact", "full")
        }
        self._splits = [(folder / splits_file(number)).read_text() for number in numbers]

    def number_of(self, symbol: str) -> int | None:
        """The number of the symbol (in any case); None for one that is not served."""
        found = _SYMBOL.fullmatch(symbol.strip().upper())
        return int(found[1]) if found and int(found[1]) < self.manifest.symbols else None

    def series(self, number: int, outputsize: str) -> str:
        """TIME_SERIES_DAILY as JSON. Raises KeyError for an outputsize that is neither compact nor full."""
        return symbol_of(number).join(self._series[outputsize][number % self.manifest.templates])

    def splits(self, number: int) -> str:
        """SPLITS as CSV."""
        return self._splits[number % self.manifest.templates]
