"""Keeps market.symbols: one row a company. A ticker that comes back under another name is another company."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage.answers import Listing
from hedge_master.warehouse.usd import reprice_symbols

log = logging.getLogger(__name__)

LISTED = tuple(field.name for field in fields(Listing))
COLUMNS = (*LISTED, "ticker_until", "first_seen")
# LISTING_STATUS knows more than SYMBOL_SEARCH (exchange, dates, delisted), so a search never overrides a listing.
UPSERT = f"""
insert into market.symbols as known ({", ".join(COLUMNS)})
values %s
on conflict (symbol) do update set
    {", ".join(f"{name} = excluded.{name}" for name in (*LISTED[1:], "ticker_until"))}, updated_at = now()
where
    (known.exchange is null or excluded.exchange is not null)
    and ({", ".join(f"known.{name}" for name in LISTED[1:])})
    is distinct from ({", ".join(f"excluded.{name}" for name in LISTED[1:])})
returning (xmax = 0), symbol, currency
"""  # noqa: S608 (names of our own)


@dataclass(frozen=True)
class _Former:
    """The company that had a ticker before the one that has it now, since when, and the last day on which it did."""

    ticker: str
    name: str
    listed_on: date | None
    until: date

    def is_stored_as(self, row: Listing) -> bool:
        """A company may have been renamed since it was stored: then the day of its listing tells."""
        return row.name == self.name or (row.listed_on is not None and row.listed_on == self.listed_on)

    @property
    def symbol(self) -> str:
        """What the row is called from now on; the ticker alone is the new company's."""
        return f"{self.ticker} (until {self.until})"


def store(warehouse: Connection, listings: Sequence[Listing], market_date: date) -> tuple[int, int]:
    """Add what is new, update what differs; returns (added, changed). Nothing is ever deleted.

    Where an active listing names another company than a delisted one of the same ticker, and began after that one had
    ended, the ticker was given away: the former company's row keeps its bars under "TICKER (until DAY)", and the new
    one begins with none.
    """
    active = {each.symbol: each for each in listings if each.status == "active"}
    delisted = [each for each in listings if each.status == "delisted"]
    with warehouse.cursor() as cursor:
        known = _known(cursor, [each.symbol for each in listings])
        former = _given_away(active, [*delisted, *(each for each in known.values() if each.status == "delisted")])
        _rename(cursor, former, known)
        rows: dict[str, tuple[object, ...]] = {}
        for each in (*delisted, *active.values()):  # active last: the one that trades counts
            gone = former.get((each.symbol, each.name)) if each.status == "delisted" else None
            symbol, until = (gone.symbol, gone.until) if gone else (each.symbol, None)
            rows[symbol] = (symbol, *astuple(each)[1:], until, market_date)
        if not rows:
            return 0, 0
        touched = execute_values(cursor, UPSERT, list(rows.values()), page_size=1000, fetch=True)
        requoted = [s for is_new, s, currency in touched if not is_new and s in known and known[s].currency != currency]
        if requoted:
            log.info("another currency than believed: %s", ", ".join(requoted))
            reprice_symbols(cursor, requoted)
    added = sum(1 for is_new, _, _ in touched if is_new)
    return added, len(touched) - added


def _known(cursor: Cursor, tickers: Sequence[str]) -> dict[str, Listing]:
    """The companies that have these tickers, as they are stored."""
    cursor.execute(f"select {', '.join(LISTED)} from market.symbols where symbol = any(%s)", (list(tickers),))  # noqa: S608
    return {row[0]: Listing(*row) for row in cursor.fetchall()}


def _given_away(active: dict[str, Listing], gone: Sequence[Listing]) -> dict[tuple[str, str], _Former]:
    """(ticker, name) -> the former company, for each that ended before another one of that ticker began."""
    found = {}
    for each in gone:
        now = active.get(each.symbol)
        if now is None or now.name == each.name or now.listed_on is None or each.delisted_on is None:
            continue
        if now.listed_on > each.delisted_on:
            found[each.symbol, each.name] = _Former(each.symbol, each.name, each.listed_on, each.delisted_on)
    return found


def _rename(cursor: Cursor, former: dict[tuple[str, str], _Former], known: dict[str, Listing]) -> None:
    """The stored row of a former company makes room for the one that has its ticker now."""
    for (ticker, name), each in former.items():
        if ticker in known and each.is_stored_as(known[ticker]):
            log.info("%s is another company now: %s is kept as %s", ticker, name, each.symbol)
            cursor.execute(
                """update market.symbols set symbol = %s, status = 'delisted', delisted_on = %s, ticker_until = %s,
                updated_at = now() where symbol = %s""",
                (each.symbol, each.until, each.until, ticker),
            )
