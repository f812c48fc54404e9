"""Keeps market.symbols in step with what the API lists."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Listing
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion.ledger import Ledger

log = logging.getLogger(__name__)

MATCHES_AT_MOST = 10  # SYMBOL_SEARCH never gives more: a full answer may hide others
REFINEMENTS = "0123456789"
DEEPEST_KEYWORD = 12


def listed(client: AlphaVantageClient, ledger: Ledger, state: str) -> list[Listing]:
    """All listings of LISTING_STATUS in one state (active or delisted); US markets only."""
    request_id = uuid4()
    ledger.asked(request_id, "LISTING_STATUS", state)
    body = client.listing_status(state).body
    found = answers.listings(body)
    ledger.stored(request_id, len(body))
    return found


def searched(client: AlphaVantageClient, ledger: Ledger, keywords: Iterable[str]) -> list[Listing]:
    """All listings that SYMBOL_SEARCH gives for the keywords; a full answer is asked again with one more digit."""
    found: dict[str, Listing] = {}
    waiting = list(dict.fromkeys(word.strip() for word in keywords if word.strip()))
    while waiting:
        keyword = waiting.pop(0)
        request_id = uuid4()
        ledger.asked(request_id, "SYMBOL_SEARCH", keyword)
        body = client.search(keyword).body
        matches = answers.matches(body)
        ledger.stored(request_id, len(body))
        found |= {match.symbol: match for match in matches}
        if len(matches) >= MATCHES_AT_MOST and len(keyword) < DEEPEST_KEYWORD:
            waiting += [keyword + character for character in REFINEMENTS]
    return list(found.values())


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
returning (xmax = 0)
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
    with warehouse.cursor() as cursor:
        touched = execute_values(cursor, UPSERT, rows, page_size=1000, fetch=True)
    added = sum(1 for (is_new,) in touched if is_new)
    return added, len(touched) - added
