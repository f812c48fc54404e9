"""Keeps market.symbols: one row a company, and what it was before in market.symbol_revisions.

A ticker that comes back under another name is another company where the dates of the listings say so; otherwise another
name is a rename (docs/decisions/0008 and 0010).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import date

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.alpha_vantage.answers import Listing
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME
from hedge_master.warehouse.usd import reprice_symbols

log = logging.getLogger(__name__)

ONE_AT_A_TIME = 0x7379_6D62  # advisory lock: "symb"
LISTED = tuple(field.name for field in fields(Listing))
# A zone is told as the offset of the day ("UTC+01", in winter "UTC+00"): a label that changes alone is no history.
HISTORIC = tuple(name for name in LISTED if name != "timezone")
KEPT = ", ".join(LISTED[1:])


def _of(row: str, names: Iterable[str]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


# LISTING_STATUS knows more than SYMBOL_SEARCH (exchange, dates, delisted), so a search never overrides a listing.
# The time of the statement, not of the transaction, which may have begun before another one changed the same row.
MERGE = f"""
with delivered as materialized (
    select * from json_to_recordset(%(rows)s) as delivered (
        symbol text, name text, type text, region text, timezone text, closes time, currency text, exchange text,
        status text, listed_on date, delisted_on date, ticker_until date
    )
),
differing as materialized (
    select
        known.symbol_id,
        known.name <> delivered.name as is_renamed,
        known.region <> delivered.region or known.exchange <> delivered.exchange as is_moved,
        known.region <> delivered.region as has_new_market,
        known.currency is distinct from delivered.currency as is_requoted,
        known.status <> delivered.status as has_new_status,
        ({_of("known", HISTORIC)}) is distinct from ({_of("delivered", HISTORIC)}) as is_historic,
        {_of("delivered", LISTED)}
    from delivered
    inner join market.symbols as known using (symbol)
    where
        (known.exchange is null or delivered.exchange is not null or delivered.status = 'delisted')
        and ({_of("known", LISTED)}) is distinct from ({_of("delivered", LISTED)})
),
kept as (
    insert into market.symbol_revisions (symbol_id, {KEPT}, known_from, known_until, market_date)
    select known.symbol_id, {_of("known", LISTED[1:])}, known.updated_at, statement_timestamp(), %(market_date)s
    from differing
    inner join market.symbols as known using (symbol_id)
    where differing.is_historic
),
updated as (
    update market.symbols as known
    set
        {", ".join(f"{name} = differing.{name}" for name in LISTED[1:])},
        updated_at = case when differing.is_historic then statement_timestamp() else known.updated_at end
    from differing
    where known.symbol_id = differing.symbol_id
),
added as (
    insert into market.symbols ({", ".join(LISTED)}, ticker_until, first_seen)
    select {_of("delivered", LISTED)}, delivered.ticker_until, %(market_date)s
    from delivered
    where not exists (select from market.symbols as known where known.symbol = delivered.symbol)
    returning 1
)
select
    (select count(*) from added),
    count(*) filter (where is_historic),
    count(*) filter (where is_renamed),
    count(*) filter (where is_moved),
    count(*) filter (where has_new_status and status = 'delisted'),
    count(*) filter (where has_new_status and status = 'active'),
    coalesce(array_agg(symbol_id) filter (where has_new_market), '{{}}'),
    coalesce(array_agg(symbol order by symbol) filter (where is_requoted), '{{}}'),
    coalesce(array_agg(symbol order by symbol) filter (where is_renamed and is_requoted and exchange is null), '{{}}')
from differing
"""  # noqa: S608 (names of our own)

# The days of its bars are sessions of its new market, and its returns are counted in those.
MARK_MOVED = """
select market.mark_changed_weeks(moved.symbol_id, bars.first_day, bars.last_day, 'moved')
from unnest(%(moved)s) as moved (symbol_id)
cross join lateral (
    select min(prices.day) as first_day, max(prices.day) as last_day
    from market.prices where prices.symbol_id = moved.symbol_id
) as bars
where bars.first_day is not null
"""

GIVE_AWAY = """
update market.symbols set symbol = %(symbol)s, ticker_until = %(until)s
where symbol = %(ticker)s and not exists (select from market.symbols as former where former.symbol = %(symbol)s)
"""


@dataclass(frozen=True)
class Changes:
    """How many companies were `added`, how many `changed`, and in what way; one may have changed in several."""

    added: int = 0
    changed: int = 0
    renamed: int = 0
    moved: int = 0
    delisted: int = 0
    relisted: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))

    def counts(self) -> dict[str, int]:
        return asdict(self)


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


def store(warehouse: Connection, listings: Sequence[Listing], market_date: date) -> Changes:
    """Add what is new, update what differs and keep what it was. Nothing is ever deleted.

    Where a listing names another company than a delisted one of the same ticker, and began after that one had ended,
    the ticker was given away: the former company's row keeps its bars under "TICKER (until DAY)", and the new one
    begins with none. Hand in the delisted and the active ones together, or a ticker that was given away is not seen.
    """
    with warehouse.cursor() as cursor:
        # The daily run and sync_symbols may store side by side: the second one then finds little new.
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_AT_A_TIME,))
        known = _known(cursor, [each.symbol for each in listings])
        gone = [each for each in (*listings, *known.values()) if each.status == "delisted"]
        holders = _holders(listings, known)
        former = _given_away(holders, gone)
        _rename(cursor, former, known)
        rows = {each.symbol: _row(each, each.symbol, None) for each in holders.values()}
        for each in listings:
            if (lost := former.get((each.symbol, each.name))) is not None and each.status == "delisted":
                rows[lost.symbol] = _row(each, lost.symbol, lost.until)
        return _merge(cursor, list(rows.values()), market_date)


def _row(listing: Listing, symbol: str, ticker_until: date | None) -> dict[str, object]:
    return asdict(listing) | {"symbol": symbol, "ticker_until": ticker_until}


def _merge(cursor: Cursor, rows: list[dict[str, object]], market_date: date) -> Changes:
    cursor.execute(MERGE, {"rows": json.dumps(rows, default=str), "market_date": market_date})
    *counts, moved, requoted, doubtful = cursor.fetchone() or ()
    if moved:
        # Marks are numbered in the order of their commits: who keeps the last number that it has seen misses none.
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        cursor.execute(MARK_MOVED, {"moved": moved})
    if requoted:
        log.info("another currency than believed: %s", ", ".join(requoted))
        reprice_symbols(cursor, requoted)
    if doubtful:
        log.warning("another name and another currency at once: still the same company? %s", ", ".join(doubtful))
    return Changes(*counts)


def _known(cursor: Cursor, tickers: Sequence[str]) -> dict[str, Listing]:
    """The companies that have these tickers, as they are stored."""
    columns = ", ".join(LISTED)
    cursor.execute(f"select {columns} from market.symbols where symbol = any(%s)", (list(tickers),))  # noqa: S608
    return {row[0]: Listing(*row) for row in cursor.fetchall()}


def _holders(listings: Sequence[Listing], known: dict[str, Listing]) -> dict[str, Listing]:
    """Ticker -> the company that has it: the one that trades, else the last one that did.

    That is the stored one where it began after all delisted ones had ended: an active answer may miss it for a day.
    """
    holders: dict[str, Listing] = {}
    for each in sorted(listings, key=lambda each: (each.status == "active", each.delisted_on or date.min)):
        holders[each.symbol] = each
    for ticker, stored in known.items():
        last = holders[ticker]
        if stored.status == "active" and last.status == "delisted" and _began_after(stored, last):
            holders[ticker] = stored
    return holders


def _began_after(later: Listing, ended: Listing) -> bool:
    return later.listed_on is not None and ended.delisted_on is not None and later.listed_on > ended.delisted_on


def _given_away(holders: dict[str, Listing], gone: Sequence[Listing]) -> dict[tuple[str, str], _Former]:
    """(ticker, name) -> the former company, for each that ended before another one of that ticker began."""
    found = {}
    for each in gone:
        now = holders[each.symbol]
        if now.name != each.name and _began_after(now, each) and each.delisted_on is not None:
            found[each.symbol, each.name] = _Former(each.symbol, each.name, each.listed_on, each.delisted_on)
    return found


def _rename(cursor: Cursor, former: dict[tuple[str, str], _Former], known: dict[str, Listing]) -> None:
    """The stored row of a former company makes room for the one that has its ticker now."""
    for (ticker, name), each in former.items():
        if ticker in known and each.is_stored_as(known[ticker]):
            log.info("%s is another company now: %s is kept as %s", ticker, name, each.symbol)
            cursor.execute(GIVE_AWAY, {"ticker": ticker, "symbol": each.symbol, "until": each.until})
