"""The connections that Airflow would give the tasks, to a warehouse and a budget of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.budget import Limits, SharedBudget

Opening = Callable[[], AbstractContextManager[Connection]]


def warehouse_at(url: str) -> Opening:
    """As `connections.warehouse`: committed where the block ends well, closed in any case."""

    @contextmanager
    def warehouse() -> Iterator[Connection]:
        connection = psycopg2.connect(url)
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()

    return warehouse


def budget_in(
    warehouse: Opening, api_address: str, limits: Limits
) -> Callable[[], AbstractContextManager[SharedBudget]]:
    """As `connections.budget`, with a connection of its own."""

    @contextmanager
    def budget() -> Iterator[SharedBudget]:
        with warehouse() as connection:
            yield SharedBudget(connection, api_address, limits)

    return budget
