"""The blemishes that the sample market can put on, each a thing that real feeds do. Imports nothing of the project."""

from __future__ import annotations

from enum import StrEnum


class Blemish(StrEnum):
    """One habit of real feeds; docs/sample-market.md says when each shows. Real symbols have none of them."""

    HOLIDAY_ZEROS = "holiday_zeros"
    CORRECTION = "correction"
    MISSING_DAY = "missing_day"
    HALF_FINISHED_BAR = "half_finished_bar"
    DELISTING = "delisting"
    IPO = "ipo"
    TICKER_REUSE = "ticker_reuse"
    REVERSE_SPLIT = "reverse_split"
    NO_ECB_RATE = "no_ecb_rate"
    EARNINGS_MOVES = "earnings_moves"
    MINOR_UNITS = "minor_units"


Blemishes = frozenset[Blemish]
ALL_BLEMISHES: Blemishes = frozenset(Blemish)


def parse_blemishes(text: str) -> Blemishes:
    """`all`, `none`, or names with commas between. Raises ValueError, whose text lists what is allowed."""
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if words == {"all"}:
        return ALL_BLEMISHES
    if words == {"none"}:
        return frozenset()
    if not words or not words <= set(Blemish):
        raise ValueError(f"neither all, none, nor names with commas between of: {', '.join(Blemish)}")
    return frozenset(Blemish(word) for word in words)
