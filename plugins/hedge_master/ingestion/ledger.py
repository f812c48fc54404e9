"""The ledger of API calls: one row a call, written before it is asked and closed when its outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.errors import AlphaVantageError

CALLS_IN_FLIGHT = 4
MOST_FAILED_SHARE = 0.05  # more failed calls than that and the run is no good one


@dataclass(frozen=True)
class Place:
    """Where the broker put a message."""

    topic: str
    partition: int
    offset: int


class Ledger:
    """Writes market.api_calls on a connection in autocommit mode: a kill loses no line that was written."""

    def __init__(self, warehouse: Connection, run_id: str) -> None:
        warehouse.autocommit = True
        self._warehouse = warehouse
        self._run_id = run_id

    def settled(self, function: str, outputsize: str) -> set[str]:
        """Symbols whose call of this kind has its answer already in this run: published, or nothing there."""
        with self._warehouse.cursor() as cursor:
            cursor.execute(
                """select symbol from market.api_calls where run_id = %s and function = %s and outputsize = %s
                and outcome in ('published', 'nothing_there')""",
                (self._run_id, function, outputsize),
            )
            return {symbol for (symbol,) in cursor.fetchall()}

    def asked(self, request_id: UUID, function: str, symbol: str, outputsize: str | None = None) -> None:
        self._execute(
            """insert into market.api_calls (request_id, run_id, function, outputsize, symbol, requested_at)
            values (%s, %s, %s, %s, %s, %s)""",
            (str(request_id), self._run_id, function, outputsize, symbol, datetime.now(UTC)),
        )

    def published(self, request_id: UUID, requested_at: datetime, size: int, place: Place) -> None:
        """The broker confirmed the message; only now the call counts as paid for and kept."""
        self._execute(
            """update market.api_calls set outcome = 'published', requested_at = %s, finished_at = clock_timestamp(),
            bytes = %s, topic = %s, partition = %s, kafka_offset = %s where request_id = %s""",
            (requested_at, size, place.topic, place.partition, place.offset, str(request_id)),
        )

    def stored(self, request_id: UUID, size: int) -> None:
        """The answer went straight into the warehouse (listings, searches, splits)."""
        self._close(request_id, "stored", None, size)

    def nothing_there(self, request_id: UUID) -> None:
        self._close(request_id, "nothing_there", None, None)

    def failed(self, request_id: UUID, error: AlphaVantageError) -> None:
        self._close(request_id, error.outcome, f"{type(error).__name__}: {error}", None)

    def _close(self, request_id: UUID, outcome: str, error: str | None, size: int | None) -> None:
        self._execute(
            """update market.api_calls set outcome = %s, error = %s, bytes = %s, finished_at = clock_timestamp()
            where request_id = %s""",
            (outcome, error, size, str(request_id)),
        )

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        with self._warehouse.cursor() as cursor:
            cursor.execute(statement, values)
