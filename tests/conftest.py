"""Real parts for tests, each in a temporary folder and on a free port, stopped again by process id."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.settings import REPO_ROOT, Settings
from scripted_server import Line, ScriptedServer, Serve
from throw_away_warehouse import throw_away_warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from hedge_master.local_stack.java import JAVA_HOME

    os.environ["JAVA_HOME"] = str(JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable  # else Python workers are the first python3 on PATH
SHARED = REPO_ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded answers and real prices, which lies beside the checkout and not in it."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared: recorded answers and real prices are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def warehouse_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a throw-away PostgreSQL server with the migrated warehouse and its roles."""
    with throw_away_warehouse(tmp_path_factory.mktemp("warehouse")) as settings:
        yield settings


@pytest.fixture(scope="session")
def empty_warehouse(warehouse_settings: Settings) -> Callable[[], None]:
    """Takes all rows out of schema market."""
    return lambda: _empty(warehouse_settings)


@pytest.fixture
def ingest(warehouse_settings: Settings, empty_warehouse: Callable[[], None]) -> Iterator[Connection]:
    """An open connection of the role that writes schema market, on an empty warehouse."""
    empty_warehouse()
    connection = psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"), options="-c timezone=UTC")
    yield connection
    connection.close()


def _empty(settings: Settings) -> None:
    with psycopg2.connect(settings.required("warehouse_url")) as connection, connection.cursor() as cursor:
        cursor.execute(
            """select string_agg(format('market.%I', tablename), ', ') from pg_tables
            where schemaname = 'market' and tablename not in ('schema_version', 'currencies')
                -- To truncate sixteen empty partitions takes longer than all the rest.
                and not (tablename like 'prices%' and pg_relation_size(format('market.%I', tablename)::regclass) = 0)"""
        )
        row = cursor.fetchone()
        assert row is not None
        cursor.execute(f"truncate {row[0]} restart identity cascade")
    connection.close()


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's manifest, parsed anew from the project: HM_HOME/dbt/manifest.json of a stack in a temporary folder."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    # Parsing opens no connection: any address will do.
    environ |= {"DBT_HOST": "127.0.0.1", "DBT_PORT": "1", "DBT_USER": "nobody", "DBT_DBNAME": "none"}
    environ |= {"DBT_ENV_SECRET_PASSWORD": "none", "DBT_READER": "nobody", "DO_NOT_TRACK": "1"}
    project = REPO_ROOT / "dbt_project"
    target = tmp_path_factory.mktemp("manifest") / "dbt"
    place = ["--profiles-dir", str(project), "--target-path", str(target), "--log-path", str(target)]
    parsed = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "parse", *place],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert parsed.returncode == 0, parsed.stdout[-3000:]
    return target / "manifest.json"


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A Spark of one core, without its UI."""
    from pyspark.sql import SparkSession

    from hedge_master.local_stack.java import JAVA_HOME

    os.environ["JAVA_HOME"] = str(JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable  # else Python workers are the first python3 on PATH
    session = (
        SparkSession.builder.master("local[1]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    # py4j logs each connection that it closes, also after pytest has closed its streams at the very end.
    logging.getLogger("py4j").setLevel(logging.ERROR)
    yield session
    session.stop()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that gives the lines (bytes: the body of a good reply) in turn; stops it after the test."""
    servers: list[ScriptedServer] = []

    def start(*script: Line | bytes) -> ScriptedServer:
        servers.append(ScriptedServer(*script))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Retries without their pauses; the list says how many seconds each would have been.

    Only tenacity's own view of the clock is another one: a thread of somebody else that sleeps is no pause of a call.
    """
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=slept.append))
    return slept
