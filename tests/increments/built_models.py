"""A warehouse whose models have been built twice, so that both copies of the marts follow the changes from there on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import changing_market
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from running_dbt import Dbt, dbt_on
from throw_away_warehouse import throw_away_warehouse

FOLLOWERS = ["+fct_windows", "+fct_cumulative", "+int_stored_returns"]  # who follows the changes, and what they need
TABLES = {
    "intermediate.int_sessions": ("market", "day"),
    "intermediate.int_weeks": ("symbol_id", "week_start"),
    "intermediate.int_stored_returns": ("symbol_id", "day"),
    "marts_candidate.fct_windows": ("symbol_id", "window_start"),
    "marts_candidate.fct_cumulative": ("symbol_id", "window_end"),
}
Key = tuple[Any, ...]
Rows = dict[str, dict[Key, dict[str, Any]]]  # table -> key -> row


def assert_alike(found: Rows, expected: Rows) -> None:
    """All tables, keys and values; floats within 1e-12."""
    for table, rows in expected.items():
        assert found[table].keys() == rows.keys(), table
        for key, row in rows.items():
            for column, value in row.items():
                wanted = pytest.approx(value, rel=1e-12, abs=1e-12) if isinstance(value, float) else value
                assert found[table][key][column] == wanted, (table, key, column)


class Models:
    """The models that follow the changes, on a warehouse, and what they hold."""

    def __init__(self, warehouse: Connection, owner: Connection, dbt: Dbt) -> None:
        self.warehouse, self._owner, self._dbt = warehouse, owner, dbt

    def dbt(self, *words: str) -> str:
        done = self._dbt(*words)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def run(self, *selected: str) -> None:
        self.dbt("run", "--select", *(selected or FOLLOWERS))

    def refresh(self) -> None:
        self.dbt("run", "--full-refresh", "--select", *FOLLOWERS)

    def swap(self) -> None:
        """As publish_marts does, without the marts that these tests have no use for."""
        with self._owner, self._owner.cursor() as cursor:
            cursor.execute(
                """alter schema marts rename to marts_before;
                alter schema marts_candidate rename to marts;
                alter schema marts_before rename to marts_candidate"""
            )

    def rows(self) -> Rows:
        return {table: {key: row for key, (_, row) in stored.items()} for table, stored in self._stored().items()}

    def written(self, before: dict[str, dict[Key, str]]) -> dict[str, set[Key]]:
        """Table -> the keys of the rows that were written since, whatever is in them."""
        now = self.places()
        return {
            table: {key for key, place in places.items() if before[table].get(key) != place}
            for table, places in now.items()
        }

    def places(self) -> dict[str, dict[Key, str]]:
        return {table: {key: place for key, (place, _) in stored.items()} for table, stored in self._stored().items()}

    def _stored(self) -> dict[str, dict[Key, tuple[str, dict[str, Any]]]]:
        stored: dict[str, dict[Key, tuple[str, dict[str, Any]]]] = {}
        with self._owner, self._owner.cursor() as cursor:
            for table, key in TABLES.items():
                cursor.execute(f"select tableoid || ' ' || xmin || ' ' || ctid, * from {table}")
                names = [column.name for column in cursor.description or ()][1:]
                stored[table] = {}
                for place, *values in cursor:
                    row = dict(zip(names, values, strict=True))
                    stored[table][tuple(row[column] for column in key)] = (place, row)
        return stored

    def symbol_id(self, symbol: str) -> int:
        ((found,),) = self.ask("select symbol_id from market.symbols where symbol = %s", symbol)
        return int(found)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._owner, self._owner.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()


@contextmanager
def built_twice(home: Path, target: Path) -> Iterator[Models]:
    with throw_away_warehouse(home) as settings, connected(settings) as (warehouse, owner):
        changing_market.begin(warehouse)
        models = Models(warehouse, owner, dbt_on(settings, target))
        models.run()
        models.swap()
        models.run()
        models.swap()
        yield models


@contextmanager
def connected(settings: Settings) -> Iterator[tuple[Connection, Connection]]:
    with (
        closing(psycopg2.connect(settings.required("warehouse_ingest_url"))) as warehouse,
        closing(psycopg2.connect(settings.required("warehouse_dbt_url"))) as owner,
    ):
        yield warehouse, owner
