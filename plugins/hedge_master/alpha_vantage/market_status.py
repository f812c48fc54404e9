"""Reads MARKET_STATUS: which markets are open now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from hedge_master.alpha_vantage.fields import Fields, json_object


@dataclass(frozen=True)
class Market:
    """A region's market of one type (Equity, Forex, Cryptocurrency). Hours are local; None: not told."""

    market_type: str
    region: str
    primary_exchanges: tuple[str, ...]
    local_open: time | None
    local_close: time | None
    is_open: bool
    notes: str | None


def markets(body: bytes) -> list[Market]:
    """MARKET_STATUS (JSON), in the order of the answer."""
    return [_market(row) for row in json_object("MARKET_STATUS", body).objects("markets")]


def _market(row: Fields) -> Market:
    return Market(
        market_type=row.text("market_type"),
        region=row.text("region"),
        primary_exchanges=tuple(name.strip() for name in row.text("primary_exchanges").split(",")),
        local_open=row.clock_time_or_none("local_open"),
        local_close=row.clock_time_or_none("local_close"),
        is_open=row.one_of("current_status", ("open", "closed")) == "open",
        notes=row.text_or_none("notes"),
    )
