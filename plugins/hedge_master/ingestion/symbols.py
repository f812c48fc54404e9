"""Asks the API which symbols exist, and keeps market.symbols in step.

Neither function raises DailyLimitReached: what was stored stays, `left` says how many calls are still to be made, and
the next run goes on.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import date, timedelta
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Listing
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    CalledOff,
    DailyLimitReached,
    KeyRefused,
    PremiumOnly,
    UnknownSymbol,
    UnreadableAnswer,
)
from hedge_master.ingestion.companies import Changes, store
from hedge_master.ingestion.in_flight import InFlight
from hedge_master.ingestion.ledger import MOST_FAILED_SHARE, Ledger
from hedge_master.ingestion.searches import GIVEN, MATCHES_AT_MOST, PastSearch, Refining, still_to_ask
from hedge_master.markets.regions import market_of

log = logging.getLogger(__name__)

LISTING_STATES = ("delisted", "active")
MOST_LOST_SHARE = 0.2  # of the known listings that may vanish
CALLS_IN_FLIGHT = 4
PROGRESS_EVERY = 100


class HalfAnswer(UnreadableAnswer):
    """LISTING_STATUS lacks so many known listings that it cannot be the whole list."""


class SearchesFailed(RuntimeError):
    """Too many searches had no usable answer."""


def listings_age(warehouse: Connection, market_date: date) -> timedelta | None:
    """How long before `market_date` the active listings were stored last, by the market date of the run that did; None
    where none ever did."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select max(runs.market_date) from market.api_calls as calls
            inner join market.market_dates as runs on calls.run_id = runs.run_id
            where calls.function = 'LISTING_STATUS' and calls.symbol = 'active' and calls.outcome = 'stored'"""
        )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else market_date - row[0]


def sync_listings(
    client: AlphaVantageClient,
    ledger: Ledger,
    warehouse: Connection,
    market_date: date,
    most_lost_share: float = MOST_LOST_SHARE,
) -> dict[str, int]:
    """LISTING_STATUS into market.symbols; US markets only.

    Returns how many were listed, added and changed (see `Changes`), how many known ones `vanished` (neither active nor
    delisted any more: they stay as they are), and the calls `left`. A ticker that was given away is only seen where
    both answers are there, so both are stored or none: a day that is spent between the two costs one call.

    Raises HalfAnswer where more than `most_lost_share` of the known listings vanished at once.
    """
    asked: dict[str, UUID] = {}
    answered: dict[str, Answer] = {}
    found: dict[str, list[Listing]] = {}
    try:
        for state in LISTING_STATES:
            asked[state] = uuid4()
            answered[state] = ledger.announced(client, asked[state], "LISTING_STATUS", state).listing_status(state)
            found[state] = answers.listings(answered[state].body)
        vanished = _vanished(warehouse, found["active"], found["delisted"], most_lost_share)
    except AlphaVantageError as error:
        for state, request_id in asked.items():
            ledger.failed(request_id, error, answered.get(state))
        if not isinstance(error, DailyLimitReached):
            raise
        log.warning("listings: the day's calls are spent: %s", error)
        return Changes().counts() | {"listed": 0, "vanished": 0, "left": len(LISTING_STATES)}
    with warehouse:
        changes = store(warehouse, [each for state in LISTING_STATES for each in found[state]], market_date)
    for state, request_id in asked.items():  # only what was committed counts as stored
        ledger.stored(request_id, answered[state], len(found[state]))
    if vanished:
        log.warning("neither active nor delisted any more: %s", ", ".join(sorted(vanished)[:20]))
    listed = sum(len(each) for each in found.values())
    return changes.counts() | {"listed": listed, "vanished": len(vanished), "left": 0}


def _vanished(
    warehouse: Connection, active: Sequence[Listing], delisted: Sequence[Listing], most_lost_share: float
) -> set[str]:
    """Known active listings that are in neither list any more.

    Raises HalfAnswer where they are too many, and the active list is that much shorter than the last one that was
    stored: a loss that was accepted once is not held against the next list.
    """
    with warehouse, warehouse.cursor() as cursor:
        # Without an exchange it is known from a search, and was perhaps never listed.
        cursor.execute(
            """select symbol from market.symbols
            where region = %s and status = 'active' and exchange is not null and ticker_until is null""",
            (answers.US_LISTING["region"],),
        )
        known = {symbol for (symbol,) in cursor.fetchall()}
        cursor.execute(
            """select rows from market.api_calls
            where function = 'LISTING_STATUS' and symbol = 'active' and outcome = 'stored'
            order by requested_at desc limit 1"""
        )
        (rows_before,) = cursor.fetchone() or (None,)
    vanished = known - {each.symbol for each in (*active, *delisted)}
    is_shorter = rows_before is None or len(active) < (1 - most_lost_share) * rows_before
    if is_shorter and len(vanished) > most_lost_share * len(known):
        raise HalfAnswer(
            f"LISTING_STATUS: {len(vanished):,} of {len(known):,} known listings are neither active nor delisted any "
            f"more, more than {most_lost_share:.0%}: nothing was stored. If that is true, start sync_symbols with a "
            "larger accepted loss"
        )
    return vanished


def sync_searched(
    client: AlphaVantageClient,
    ledger: Ledger,
    warehouse: Connection,
    market_date: date,
    keywords: Iterable[str],
    refining: Refining = GIVEN,
    past: Mapping[str, PastSearch] | None = None,
) -> dict[str, int]:
    """SYMBOL_SEARCH into market.symbols, for each keyword without an answer that counts (`past_searches`).

    A full answer may hide others, so it is asked again with one more character, as `refining` says. Each answer is
    stored when it comes. Returns how many symbols were found, added and changed (see `Changes`), how many keywords were
    asked, failed, and are `left` since the day's calls are spent.

    Raises SearchesFailed where more than MOST_FAILED_SHARE of the calls failed; KeyRefused and PremiumOnly at once.
    """
    search = _Search(client, ledger, warehouse, market_date, refining)
    wanted = still_to_ask(keywords, refining, past or {})
    log.info("%d keywords to search for, at most %d calls", len(wanted), refining.most_calls(wanted))
    search.ask(wanted)
    report = dataclasses.asdict(search.report) | search.changes.counts() | {"found": len(search.found)}
    log.info("searches: %s", report)
    if search.report.failed > MOST_FAILED_SHARE * search.report.asked:
        raise SearchesFailed(f"{search.report.failed} of {search.report.asked} searches failed: see market.api_calls")
    return report


@dataclasses.dataclass
class _Asked:
    """What became of the keywords: `asked` had a call that the day's budget took, `left` had none."""

    asked: int = 0
    failed: int = 0
    left: int = 0


class _Search:
    def __init__(
        self,
        client: AlphaVantageClient,
        ledger: Ledger,
        warehouse: Connection,
        market_date: date,
        refining: Refining,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._warehouse = warehouse
        self._market_date = market_date
        self._refining = refining
        self.report = _Asked()
        self.changes = Changes()
        self.found: set[str] = set()

    def ask(self, keywords: list[str]) -> None:
        known = {keyword.lower() for keyword in keywords}
        refused: KeyRefused | PremiumOnly | None = None
        waiting = ((uuid4(), keyword) for keyword in keywords)
        with InFlight(self._client, waiting, self._ask_one, CALLS_IN_FLIGHT) as flight:
            for ended in flight:
                for (request_id, keyword), answered in ended:
                    try:
                        refined = self._settle(answered, request_id, keyword)
                    except DailyLimitReached as error:
                        log.warning("searches: the day's calls are spent: %s", error)
                        flight.stop()
                        self.report.left += 1
                        continue
                    except CalledOff:
                        self.report.left += 1
                        continue
                    except (KeyRefused, PremiumOnly) as error:
                        refused = refused or error  # those in flight are paid for: settled as well
                        flight.stop()
                        continue
                    # A word that was given too, or is the refinement of one, is asked once.
                    flight.waiting += [(uuid4(), word) for word in refined if word.lower() not in known]
                    known |= {word.lower() for word in refined}
        if refused:
            raise refused
        self.report.left += len(flight.waiting)

    def _ask_one(self, client: AlphaVantageClient, call: tuple[UUID, str]) -> Answer:
        request_id, keyword = call
        return self._ledger.announced(client, request_id, "SYMBOL_SEARCH", keyword).search(keyword)

    def _settle(self, answered: Future[Answer], request_id: UUID, keyword: str) -> list[str]:
        """Store one answer or close its call; returns the keywords that it makes necessary."""
        try:
            answer = answered.result()
            matches = [_completed(match) for match in answers.matches(answer.body)]
        except UnknownSymbol as error:
            self._ledger.failed(request_id, error)
            self._count()
            return []
        except (DailyLimitReached, KeyRefused, PremiumOnly, CalledOff) as error:
            self._ledger.failed(request_id, error)
            raise
        except AlphaVantageError as error:
            self._ledger.failed(request_id, error)
            self._count()
            self.report.failed += 1
            log.warning("%s: %s: %s", keyword, type(error).__name__, error)
            return []
        with self._warehouse:
            self.changes += store(self._warehouse, matches, self._market_date)
        self._ledger.stored(request_id, answer, len(matches))
        self._count()
        self.found |= {match.symbol for match in matches}
        return self._refining.refined(keyword) if len(matches) >= MATCHES_AT_MOST else []

    def _count(self) -> None:
        self.report.asked += 1
        if self.report.asked % PROGRESS_EVERY == 0:
            log.info("%d searches so far, %d symbols found", self.report.asked, len(self.found))


def _completed(match: Listing) -> Listing:
    """A match with the region, zone and currency of its market where the API says none."""
    market = market_of(match.symbol, match.region)
    if market is None:
        return match
    return dataclasses.replace(
        match,
        region=match.region or market.region,
        timezone=match.timezone or market.zone,
        currency=match.currency or market.currency,
    )
