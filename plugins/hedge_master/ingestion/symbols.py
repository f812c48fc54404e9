"""Keeps market.symbols in step with what the API lists."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Listing
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion.ledger import Ledger
from hedge_master.warehouse.usd import reprice_symbols

log = logging.getLogger(__name__)

MATCHES_AT_MOST = 10  # SYMBOL_SEARCH never gives more: a full answer may hide others
REFINEMENTS = "0123456789"  # letters would be 26 more calls for each full answer; HM_SYMBOL_SEARCH_KEYWORDS takes them
DEEPEST_KEYWORD = 12


def sync_listings(
    client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, market_date: date
) -> dict[str, int]:
    """LISTING_STATUS into market.symbols; US markets only. Returns how many were listed, added and changed."""
    found: list[Listing] = []
    answered: list[tuple[UUID, int]] = []
    # Active last: a ticker that was given to another company is in both lists, and the one that trades counts.
    for state in ("delisted", "active"):
        request_id = uuid4()
        ledger.asked(request_id, "LISTING_STATUS", state)
        body = client.listing_status(state).body
        found += answers.listings(body)
        answered.append((request_id, len(body)))
    with warehouse:
        added, changed = store(warehouse, found, market_date)
    for request_id, size in answered:  # only what was committed counts as stored
        ledger.stored(request_id, size)
    return {"listed": len(found), "added": added, "changed": changed}


def sync_searched(
    client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, market_date: date, keywords: Iterable[str]
) -> dict[str, int]:
    """SYMBOL_SEARCH for each keyword into market.symbols; returns how many were found, added and changed.

    A full answer may hide others, so it is asked again with one more digit. Each answer is stored before the next call.
    """
    seen: set[str] = set()
    added = changed = 0
    waiting = list(dict.fromkeys(word.strip() for word in keywords if word.strip()))
    while waiting:
        keyword = waiting.pop(0)
        request_id = uuid4()
        ledger.asked(request_id, "SYMBOL_SEARCH", keyword)
        body = client.search(keyword).body
        matches = answers.matches(body)
        with warehouse:
            more_added, more_changed = store(warehouse, matches, market_date)
        ledger.stored(request_id, len(body))
        added, changed = added + more_added, changed + more_changed
        seen |= {match.symbol for match in matches}
        if len(matches) >= MATCHES_AT_MOST and len(keyword) < DEEPEST_KEYWORD:
            waiting += [keyword + character for character in REFINEMENTS]
    return {"found": len(seen), "added": added, "changed": changed}


# LISTING_STATUS knows more than SYMBOL_SEARCH (exchange, dates, delisted), so a search never overrides a listing.
UPSERT = """
insert into market.symbols as known
    (symbol, name, type, region, timezone, currency, exchange, status, listed_on, delisted_on, first_seen)
values %s
on conflict (symbol) do update set
    name = excluded.name, type = excluded.type, region = excluded.region, timezone = excluded.timezone,
    currency = excluded.currency, exchange = excluded.exchange, status = excluded.status,
    listed_on = excluded.listed_on, delisted_on = excluded.delisted_on, updated_at = now()
where
    (known.exchange is null or excluded.exchange is not null)
    and (known.name, known.type, known.region, known.timezone, known.currency, known.exchange, known.status,
        known.listed_on, known.delisted_on)
    is distinct from (excluded.name, excluded.type, excluded.region, excluded.timezone, excluded.currency,
        excluded.exchange, excluded.status, excluded.listed_on, excluded.delisted_on)
returning (xmax = 0), symbol, currency
"""


def store(warehouse: Connection, listings: Sequence[Listing], market_date: date) -> tuple[int, int]:
    """Add what is new, update what differs; returns (added, changed). Nothing is ever deleted."""
    rows = [
        (
            each.symbol,
            each.name,
            each.type,
            each.region,
            each.timezone,
            each.currency,
            each.exchange,
            each.status,
            each.listed_on,
            each.delisted_on,
            market_date,
        )
        for each in {each.symbol: each for each in listings}.values()
    ]
    if not rows:
        return 0, 0
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select symbol, currency from market.symbols where symbol = any(%s)", ([each.symbol for each in listings],)
        )
        believed = dict(cursor.fetchall())
        touched = execute_values(cursor, UPSERT, rows, page_size=1000, fetch=True)
        requoted = [symbol for is_new, symbol, currency in touched if not is_new and believed[symbol] != currency]
        if requoted:
            log.info("another currency than believed: %s", ", ".join(requoted))
            reprice_symbols(cursor, requoted)
    added = sum(1 for is_new, _, _ in touched if is_new)
    return added, len(touched) - added
