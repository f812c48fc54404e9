"""The project's dbt models in the windows' benchmark: built whole, built again after a new day, and what they store."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import connection as Connection
from windows_meter import Meter, Spent

from hedge_master.local_stack.airflow_environment import dbt_environment
from hedge_master.local_stack.jobs import DBT_PROJECT
from hedge_master.settings import REPO_ROOT, Settings

MARTS = "marts_candidate"  # nothing is published
WINDOWS, CUMULATIVE = "fct_windows", "fct_cumulative"
MODELS = (f"+{WINDOWS}", f"+{CUMULATIVE}")
LONGEST_SECONDS = 7_200
WRITTEN = """
select relid, relname, n_tup_ins + n_tup_upd + n_tup_del
from pg_stat_user_tables
where schemaname in ('staging', 'intermediate', %s)
"""
BUILT = """
select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables
where schemaname in ('intermediate', %s) order by tablename
"""


@dataclass(frozen=True)
class Stored:
    """A table's rows, and the bytes of its heap, indexes and maps."""

    rows: int
    total_bytes: int

    @property
    def bytes_a_row(self) -> float:
        return self.total_bytes / self.rows


@dataclass(frozen=True)
class Increment:
    """A build after a new day: its cost, and rows inserted, updated and deleted by table."""

    spent: Spent
    written: Mapping[str, int]


class Models:
    """`folder`: where dbt keeps what it parsed, and its log. `admin`: a superuser, outside a transaction."""

    def __init__(self, settings: Settings, folder: Path, admin: Connection, meter: Meter) -> None:
        self._settings = settings
        self._folder = folder
        self._admin = admin
        self._meter = meter

    def start(self) -> Spent:
        """What a build costs before there is any bar: dbt's start, the project parsed already, and empty tables."""
        self.whole()
        return self.whole()

    def whole(self) -> Spent:
        """All models up to the windows and the cumulative rows from nothing, without tests."""
        return self._measured(*MODELS, "--full-refresh")

    def again(self) -> Increment:
        """The same after the market has changed."""
        before = {relation: rows for relation, _, rows in self._written()}
        spent = self._measured(*MODELS)
        written: Counter[str] = Counter()
        for relation, name, rows in self._written():
            written[name] += rows - before.get(relation, 0)
        return Increment(spent, +written)

    def stored(self) -> dict[str, Stored]:
        """The tables that were built, by name."""
        found = {}
        with self._admin.cursor() as cursor:
            for table in self.tend():
                cursor.execute(f"select (select count(*) from {table}), pg_total_relation_size('{table}')")  # noqa: S608
                found[table.partition(".")[2]] = Stored(*(cursor.fetchone() or (0, 0)))
        return found

    def tend(self) -> list[str]:
        """Vacuums and analyses the tables that were built, as autovacuum leaves them; their names with the schema."""
        with self._admin.cursor() as cursor:
            cursor.execute(BUILT, (MARTS,))
            tables = [name for (name,) in cursor.fetchall()]
            cursor.execute(f"vacuum (analyze) {', '.join(tables)}")
            return tables

    def seconds(self) -> dict[str, float]:
        """How long each model of the last build ran: wall time, two at a time."""
        told = json.loads((self._folder / "run_results.json").read_text())
        return {each["unique_id"].rpartition(".")[2]: each["execution_time"] for each in told["results"]}

    def _written(self) -> list[tuple[int, str, int]]:
        with self._admin.cursor() as cursor:
            cursor.execute(WRITTEN, (MARTS,))
            return cursor.fetchall()

    def _measured(self, *selected: str) -> Spent:
        with self._meter.measured() as measured:
            self._build(*selected)
        return measured.spent

    def _build(self, *selected: str) -> None:
        """RuntimeError with dbt's own last words where it fails."""
        place = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
        place += ["--target-path", str(self._folder), "--log-path", str(self._folder)]
        without = ["--exclude-resource-types", "test", "unit_test"]
        done = subprocess.run(  # noqa: S603 (our own command)
            [
                str(REPO_ROOT / ".venv" / "bin" / "dbt"),
                "--no-use-colors",
                "build",
                *place,
                *without,
                "--select",
                *selected,
            ],
            env=os.environ | dbt_environment(self._settings),
            stdout=subprocess.PIPE,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"dbt failed: {done.stdout[-2_000:]}")
