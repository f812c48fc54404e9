"""Asks the API which symbols exist, and keeps market.symbols in step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Listing
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.ingestion.companies import store
from hedge_master.ingestion.ledger import Ledger

MATCHES_AT_MOST = 10  # SYMBOL_SEARCH never gives more: a full answer may hide others
REFINEMENTS = "0123456789"  # letters would be 26 more calls for each full answer; HM_SYMBOL_SEARCH_KEYWORDS takes them
DEEPEST_KEYWORD = 12


def sync_listings(
    client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, market_date: date
) -> dict[str, int]:
    """LISTING_STATUS into market.symbols; US markets only. Returns how many were listed, added and changed."""
    found: list[Listing] = []
    answered: list[tuple[UUID, Answer, int]] = []
    for state in ("delisted", "active"):
        request_id = uuid4()
        ledger.asked(request_id, "LISTING_STATUS", state)
        answer = client.listing_status(state)
        listed = answers.listings(answer.body)
        found += listed
        answered.append((request_id, answer, len(listed)))
    with warehouse:
        added, changed = store(warehouse, found, market_date)
    for request_id, answer, rows in answered:  # only what was committed counts as stored
        ledger.stored(request_id, answer, rows)
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
        answer = client.search(keyword)
        matches = answers.matches(answer.body)
        with warehouse:
            more_added, more_changed = store(warehouse, matches, market_date)
        ledger.stored(request_id, answer, len(matches))
        added, changed = added + more_added, changed + more_changed
        seen |= {match.symbol for match in matches}
        if len(matches) >= MATCHES_AT_MOST and len(keyword) < DEEPEST_KEYWORD:
            waiting += [keyword + character for character in REFINEMENTS]
    return {"found": len(seen), "added": added, "changed": changed}
