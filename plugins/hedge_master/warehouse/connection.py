"""Connections to the warehouse, with psycopg2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection

CONNECT_TIMEOUT_SECONDS = 10


@contextmanager
def connect(url: str, application: str) -> Iterator[Connection]:
    """One connection in UTC; commits when the block ends well, rolls back when it raises, and closes.

    `application` is what an operator sees in pg_stat_activity. Raises psycopg2.OperationalError where none answers.
    """
    connection = psycopg2.connect(
        url, application_name=application, connect_timeout=CONNECT_TIMEOUT_SECONDS, options="-c timezone=UTC"
    )
    # Not psycopg2's own `with connection`: that cannot be nested, and callers commit step by step with it. What is not
    # committed when the connection closes is rolled back by the server.
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()
