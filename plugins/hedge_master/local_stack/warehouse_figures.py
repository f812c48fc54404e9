"""Figures that the demo and the status show, read from the warehouse by its owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date

import psycopg2
from psycopg2.extensions import connection as Connection

from hedge_master.local_stack.stack import Stack

ACCOUNTS = ("delivered", "new", "changed", "unchanged", "superseded", "rejected")


@contextmanager
def warehouse(stack: Stack) -> Iterator[Connection]:
    """A session that only reads."""
    with closing(psycopg2.connect(stack.settings.required("warehouse_url"), connect_timeout=5)) as session:
        session.set_session(readonly=True, autocommit=True)
        yield session


def bars_stored(session: Connection) -> int:
    """How many bars the stream has stored, from its accounts (counting the prices would take seconds)."""
    row = _row(session, "select coalesce(sum(new), 0) from market.ingest_batches")
    return int(str(row[0]))


def accounts(session: Connection) -> dict[str, int]:
    """What became of all rows that Kafka delivered, over all batches."""
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in ACCOUNTS)
    row = _row(session, f"select {sums} from market.ingest_batches")  # noqa: S608 (names of our own)
    return {name: int(str(value)) for name, value in zip(ACCOUNTS, row, strict=True)}


def newest_bar(session: Connection) -> date | None:
    found = _row(session, "select max(day) from market.prices")[0]
    return found if isinstance(found, date) else None


def has_provisional_bars(session: Connection) -> bool:
    """True where a bar is stored whose session had not closed when it was asked for."""
    return bool(_row(session, "select exists (select from market.prices where provisional)")[0])


def market_date_of(session: Connection, run_id: str) -> date:
    """The market date of one run, `DAG/RUN`. Raises LookupError where it has kept none."""
    with session.cursor() as cursor:
        cursor.execute("select market_date from market.market_dates where run_id = %s", (run_id,))
        row: tuple[date] | None = cursor.fetchone()
    if row is None:
        raise LookupError(f"market.market_dates has no date of {run_id}")
    return row[0]


def newest_market_date(session: Connection) -> date | None:
    """The market date of the newest run."""
    found = _row(session, "select max(market_date) from market.market_dates")[0]
    return found if isinstance(found, date) else None


def _row(session: Connection, query: str) -> tuple[object, ...]:
    with session.cursor() as cursor:
        cursor.execute(query)
        row: tuple[object, ...] | None = cursor.fetchone()
    return row or (None,)
