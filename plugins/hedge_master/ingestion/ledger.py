"""The ledger of API calls: one row a call, written just before it goes out and closed when its outcome is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.bars import bars_in, first_and_last_bar
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError, ArtificialRows, FullHistoryIsPremium, PremiumOnly

REFUSED_FOR = timedelta(days=7)  # a plan that has no full histories may be another one a week later
NOT_IN_THE_PLAN = [error.__name__ for error in (PremiumOnly, FullHistoryIsPremium, ArtificialRows)]
TOO_LARGE = "MessageTooLarge"  # the begin of the error of a call whose answer no topic takes
MOST_FAILED_SHARE = 0.05  # more failed calls than that and the run is no good one

Purpose = Literal["daily", "history", "symbols", "splits", "rates", "earnings"]


@dataclass(frozen=True)
class Place:
    """Where the broker put a message."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Bars:
    """What a price answer holds: how many bars, the first and the last day; and `gap_after`, the last bar that was
    known before, where the answer begins behind it."""

    count: int
    first: date | None
    last: date | None
    gap_after: date | None = None


def bars_of(body: bytes, last_known: date | None) -> Bars:
    """What a price answer holds, after a last known bar (None: a gap is of no matter)."""
    days = first_and_last_bar(body)
    if days is None:
        return Bars(0, None, None)
    gap = last_known if last_known is not None and days[0] > last_known else None
    return Bars(bars_in(body), *days, gap)


class Ledger:
    """Writes market.api_calls on a connection in autocommit mode: a kill loses no line that was written.

    A row belongs to the database session that wrote it. While that session lives, its open calls are under way; once it
    is gone they are nobody's (see `adoption`). Threads may share it.
    """

    def __init__(self, warehouse: Connection, run_id: str, purpose: Purpose) -> None:
        warehouse.autocommit = True
        self._warehouse = warehouse
        self._run_id = run_id
        self._purpose = purpose
        with warehouse.cursor() as cursor:
            cursor.execute(
                """select pid || '@' || extract(epoch from backend_start)
                from pg_stat_activity where pid = pg_backend_pid()"""
            )
            (self._session,) = cursor.fetchone() or (None,)

    def announced(
        self, client: AlphaVantageClient, request_id: UUID, function: str, symbol: str, outputsize: str | None = None
    ) -> AlphaVantageClient:
        """The client that opens the line of `request_id` when its call goes out, and none where the budget is spent."""
        return client.announcing(lambda: self.asked(request_id, function, symbol, outputsize))

    def asked(self, request_id: UUID, function: str, symbol: str, outputsize: str | None = None) -> None:
        self._execute(
            """insert into market.api_calls
                (request_id, run_id, purpose, function, outputsize, symbol, requested_at, session)
            values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                str(request_id),
                self._run_id,
                self._purpose,
                function,
                outputsize,
                symbol,
                datetime.now(UTC),
                self._session,
            ),
        )

    def published(self, request_id: UUID, answer: Answer, bars: Bars, place: Place) -> None:
        """The broker confirmed the message; only now the call counts as paid for and kept."""
        close_published(self._warehouse, request_id, answer, bars, place)

    def stored(self, request_id: UUID, answer: Answer, rows: int) -> None:
        """The answer went straight into the warehouse (listings, searches, splits, rates, earnings)."""
        self._close(request_id, "stored", None, answer, rows)

    def failed(self, request_id: UUID, error: AlphaVantageError, answer: Answer | None = None) -> None:
        """No usable answer; `answer`: what came all the same, where the error is that of another call."""
        attempts = error.attempts if answer is None else answer.attempts
        self._close(request_id, error.outcome, f"{type(error).__name__}: {error}", None, None, attempts)

    def not_taken(self, request_id: UUID, answer: Answer, why: str) -> None:
        """The answer is good, and Kafka certainly does not hold its message."""
        self._close(request_id, "failed", why, answer, None)

    def _close(
        self,
        request_id: UUID,
        outcome: str,
        error: str | None,
        answer: Answer | None,
        rows: int | None,
        attempts: int = 1,
    ) -> None:
        self._execute(
            """update market.api_calls set outcome = %s, error = %s, bytes = %s, rows = %s, sha256 = %s, attempts = %s,
                market_time = %s, requested_at = coalesce(%s, requested_at), finished_at = clock_timestamp()
            where request_id = %s""",
            (
                outcome,
                error,
                None if answer is None else len(answer.body),
                rows,
                None if answer is None else _digest(answer.body),
                attempts if answer is None else answer.attempts,
                None if answer is None else answer.market_time,
                None if answer is None else answer.requested_at,
                str(request_id),
            ),
        )

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        with self._warehouse.cursor() as cursor:
            cursor.execute(statement, values)


def full_history_allowed(warehouse: Connection, function: str) -> bool | None:
    """Whether the plan of the key has full histories of `function`, by the API's last word on one: False where it
    refused one, or invented its rows, less than REFUSED_FOR ago, None where it was never asked."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select not (outcome = 'refused' and requested_at > now() - %s)
            from market.api_calls
            where function = %s and outputsize = 'full' and (
                outcome in ('published', 'stored', 'nothing_there')
                or (outcome = 'refused' and split_part(error, ':', 1) = any(%s)))
            order by requested_at desc limit 1""",
            (REFUSED_FOR, function, NOT_IN_THE_PLAN),
        )
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def close_published(warehouse: Connection, request_id: UUID, answer: Answer, bars: Bars, place: Place) -> bool:
    """Close an open call as published; False where it was not open."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """update market.api_calls set outcome = 'published', requested_at = %s, market_time = %s, attempts = %s,
                finished_at = clock_timestamp(), bytes = %s, sha256 = %s, rows = %s, first_bar = %s, last_bar = %s,
                gap_after = %s, topic = %s, partition = %s, kafka_offset = %s
            where request_id = %s and outcome = 'asked'""",
            (
                answer.requested_at,
                answer.market_time,
                answer.attempts,
                len(answer.body),
                _digest(answer.body),
                bars.count,
                bars.first,
                bars.last,
                bars.gap_after,
                place.topic,
                place.partition,
                place.offset,
                str(request_id),
            ),
        )
        return cursor.rowcount == 1


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
